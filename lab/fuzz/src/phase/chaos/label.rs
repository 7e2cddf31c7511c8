//! What each page of the devices says of itself, so that a page in the wrong file is seen.

use crate::window::PAGE;

pub(super) const PMD: u64 = 2 << 20;
pub(super) const FILES: u64 = 8;
/// Each file's region: the file takes four of its eight 2 MiB pieces.
pub(super) const REGION: u64 = 8 * PMD;
pub(super) const SIZE: u64 = 4 * PMD - 777;
/// Where pages are poisoned that no check reads: behind all regions.
pub(super) const POISON: u64 = PMD + FILES * REGION;
const MAGIC: u64 = 0x6661_6d66_732d_6465;

/// The first bytes of the page at this offset of this device.
pub(super) fn label(device: u64, offset: u64) -> [u8; 16] {
    let mut label = [0; 16];
    label[..8].copy_from_slice(&MAGIC.to_le_bytes());
    label[8..].copy_from_slice(&(offset | device << 60).to_le_bytes());
    label
}

/// What is wrong with bytes from the start of a page of a file.
pub(super) fn judge(file: u64, bytes: [u8; 16]) -> Option<String> {
    let region = PMD + file * REGION;
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[8..]);
    let word = u64::from_le_bytes(word);
    let (device, offset) = (word >> 60, word & !(15 << 60));
    let own = bytes == label(device, offset)
        && device < 2
        && (region..region + REGION).contains(&offset)
        && offset.is_multiple_of(PAGE as u64);
    (!own).then(|| format!("file {file}, whose region starts at 0x{region:x}, shows {bytes:02x?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_files_are_seen() {
        let page = PAGE as u64;
        for (device, offset) in [(0, PMD + REGION), (1, PMD + 2 * REGION - page)] {
            assert_eq!(judge(1, label(device, offset)), None);
            assert!(judge(0, label(device, offset)).is_some());
            assert!(judge(2, label(device, offset)).is_some());
        }
        assert!(judge(0, [0; 16]).is_some());
        assert!(judge(1, label(2, PMD + REGION)).is_some());
    }
}
