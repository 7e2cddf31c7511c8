//! A kernel as QEMU can start it without the part that unpacks it.
//!
//! A `bzImage` unpacks itself in the guest, which under emulation takes more than a second of every
//! boot. Here it is unpacked once, and QEMU starts the plain kernel by the entry that kernels for
//! Xen's PVH guests have. Formats: `Documentation/arch/x86/boot.rst` of the kernel, "The Real-Mode
//! Kernel Header"; `include/xen/interface/elfnote.h`, `XEN_ELFNOTE_PHYS32_ENTRY`.

use std::{
    fs,
    io::{Seek as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};

use crate::paths;

/// Where the header says how many sectors the real-mode part has beside the first.
const SETUP_SECTORS: usize = 0x1f1;
const SIGNATURE: (usize, &[u8]) = (0x202, b"HdrS");
/// Where the packed kernel lies in what follows the real-mode part.
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;
/// The length of the unpacked kernel follows the packed one.
const LENGTH: usize = 4;
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

const PHYS32_ENTRY: u32 = 18;

/// Returns the kernel's plain form, unpacked once; the packed one where it has no such entry, or
/// is packed by something else than zstd.
pub(crate) fn plain(vmlinuz: &Path, release: &str) -> Result<PathBuf> {
    let unreadable = || format!("cannot read {}", vmlinuz.display());
    let metadata = fs::metadata(vmlinuz).with_context(unreadable)?;
    let folder = paths::target("lab/vmlinux");
    // A kernel that was built again has the same release.
    let cached = folder.join(format!("{release}-{}-{}", metadata.mtime(), metadata.len()));
    if cached.exists() {
        return Ok(cached);
    }
    let packed = fs::read(vmlinuz).with_context(unreadable)?;
    let Some(payload) = packed_kernel(&packed) else {
        return Ok(vmlinuz.to_owned());
    };
    let kernel = unpack(payload).with_context(|| format!("cannot unpack {}", vmlinuz.display()))?;
    if !starts_by_pvh(&kernel) {
        return Ok(vmlinuz.to_owned());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let part = cached.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, kernel)
        .and_then(|()| fs::rename(&part, &cached))
        .with_context(|| format!("cannot write {}", cached.display()))?;
    Ok(cached)
}

/// Returns the packed kernel in a `bzImage`, if zstd packed it.
fn packed_kernel(image: &[u8]) -> Option<&[u8]> {
    let (at, signature) = SIGNATURE;
    image.get(at..)?.strip_prefix(signature)?;
    let number = |at: usize| {
        let bytes = image.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let sectors = usize::from(*image.get(SETUP_SECTORS)?);
    let start = (sectors + 1) * SECTOR + number(PAYLOAD_OFFSET)?;
    let length = number(PAYLOAD_LENGTH)?.checked_sub(LENGTH)?;
    let payload = image.get(start..)?.get(..length)?;
    payload.starts_with(ZSTD).then_some(payload)
}

fn unpack(payload: &[u8]) -> Result<Vec<u8>> {
    let mut file = tempfile::tempfile().context("cannot create a temporary file")?;
    file.write_all(payload)
        .and_then(|()| file.rewind())
        .context("cannot write a temporary file")?;
    let output = Command::new("zstd")
        .args(["--decompress", "--stdout"])
        .stdin(file)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run zstd; install zstd")?;
    ensure!(output.status.success(), "zstd ended with {}", output.status);
    Ok(output.stdout)
}

/// Says whether a kernel has the entry that QEMU starts a plain kernel by.
fn starts_by_pvh(kernel: &[u8]) -> bool {
    let find = || -> object::Result<bool> {
        let file = ElfFile64::<object::LittleEndian>::parse(kernel)?;
        let endian = file.endian();
        for segment in file.elf_header().program_headers(endian, kernel)? {
            let Some(mut notes) = segment.notes(endian, kernel)? else {
                continue;
            };
            while let Some(note) = notes.next()? {
                if note.name() == b"Xen" && note.n_type(endian) == PHYS32_ENTRY {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    find().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `bzImage` with one sector of real-mode code behind the first, and this payload.
    fn image(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 2 * SECTOR + 16];
        image[SETUP_SECTORS] = 1;
        image[SIGNATURE.0..][..4].copy_from_slice(SIGNATURE.1);
        let length = u32::try_from(payload.len() + LENGTH).unwrap();
        image[PAYLOAD_OFFSET..][..4].copy_from_slice(&16_u32.to_le_bytes());
        image[PAYLOAD_LENGTH..][..4].copy_from_slice(&length.to_le_bytes());
        image.extend_from_slice(payload);
        image.extend_from_slice(b"size");
        image
    }

    #[test]
    fn the_packed_kernel_is_found_without_its_length() {
        let payload = [ZSTD, b"kernel"].concat();
        assert_eq!(packed_kernel(&image(&payload)), Some(payload.as_slice()));
    }

    #[test]
    fn what_is_no_such_image_has_no_payload() {
        let good = image(&[ZSTD, b"kernel"].concat());
        for length in [0, SETUP_SECTORS, SIGNATURE.0 + 4, good.len() - 5] {
            assert_eq!(packed_kernel(&good[..length]), None, "{length}");
        }
        let edits: [(usize, &[u8]); 3] = [
            (SIGNATURE.0, b"HdrX"),
            (PAYLOAD_OFFSET, &[0xff; 4]),
            (PAYLOAD_LENGTH, &[0; 4]),
        ];
        for (at, bytes) in edits {
            let mut bad = good.clone();
            bad[at..][..4].copy_from_slice(bytes);
            assert_eq!(packed_kernel(&bad), None, "{at:#x}");
        }
        assert_eq!(packed_kernel(&image(b"\xfd7zXZ and so on")), None);
    }

    /// An ELF file with one segment of notes, and one note in it.
    fn elf(name: [u8; 4], kind: u32) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        let mut put = |at: usize, bytes: &[u8]| file[at..][..bytes.len()].copy_from_slice(bytes);
        put(32, &64_u64.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &1_u16.to_le_bytes());
        put(64, &4_u32.to_le_bytes());
        put(64 + 8, &120_u64.to_le_bytes());
        put(64 + 32, &16_u64.to_le_bytes());
        for number in [4, 0, kind] {
            file.extend(number.to_le_bytes());
        }
        file.extend(name);
        file
    }

    #[test]
    fn only_a_kernel_with_the_entry_is_started_plain() {
        assert!(starts_by_pvh(&elf(*b"Xen\0", PHYS32_ENTRY)));
        assert!(!starts_by_pvh(&elf(*b"Xen\0", PHYS32_ENTRY + 1)));
        assert!(!starts_by_pvh(&elf(*b"GNU\0", PHYS32_ENTRY)));
        assert!(!starts_by_pvh(b"\x7fELF"));
    }
}
