//! KABI 44: one message that describes itself, devices, and what a mount allows.

use std::fs::File;

use nix::errno::Errno;

use super::{Bytes, Extent, v2::Interleaved};

pub(crate) const MAP_CREATE: u32 = 0x4020_7551;
pub(crate) const DAXDEV_OPEN: u32 = 0x4018_7552;
pub(crate) const GET_OPTS: u32 = 0x8008_7553;
pub(crate) const SET_OPTS: u32 = 0xc008_7554;
pub(crate) const CLEAR_OPTS: u32 = 0xc008_7555;

/// Longer messages are EFBIG.
pub(crate) const LONGEST: u32 = 4 << 20;
pub(crate) const HEADER: usize = 32;
pub(crate) const EXTENT: usize = 24;

/// Option bits, by number.
pub(crate) mod option {
    pub(crate) const CREATE: u64 = 1 << 0;
    pub(crate) const MKDIR: u64 = 1 << 1;
    pub(crate) const MKNOD: u64 = 1 << 2;
    pub(crate) const SYMLINK: u64 = 1 << 3;
    pub(crate) const LINK: u64 = 1 << 4;
    pub(crate) const UNLINK: u64 = 1 << 5;
    pub(crate) const RMDIR: u64 = 1 << 6;
    pub(crate) const RENAME: u64 = 1 << 7;
    pub(crate) const CHMOD: u64 = 1 << 8;
    pub(crate) const CHOWN: u64 = 1 << 9;
    pub(crate) const TRUNCATE: u64 = 1 << 10;
    pub(crate) const UTIMES: u64 = 1 << 11;
    pub(crate) const WRITE: u64 = 1 << 12;
    pub(crate) const XATTR: u64 = 1 << 13;
    pub(crate) const MAP_CREATE: u64 = 1 << 14;
    /// What a fresh mount allows.
    pub(crate) const DEFAULT: u64 = CREATE | MKDIR | CHMOD | CHOWN | UTIMES | WRITE | MAP_CREATE;
}

/// A message with simple extents.
pub(crate) fn simple(file_type: u8, size: u64, extents: &[Extent]) -> Vec<u8> {
    let list = extents.iter().fold(Bytes::default(), strip);
    header(file_type, 0, extents.len(), size, list.0)
}

/// A message with interleaved extents, for a regular file.
pub(crate) fn interleaved(size: u64, extents: &[Interleaved]) -> Vec<u8> {
    let list = extents.iter().fold(Bytes::default(), |bytes, extent| {
        let head = bytes
            .u32(u32::try_from(extent.strips.len()).unwrap())
            .u32(u32::try_from(extent.chunk).unwrap())
            .u64(extent.bytes)
            .u64(0);
        extent.strips.iter().fold(head, strip)
    });
    header(0, 1, extents.len(), size, list.0)
}

fn strip(bytes: Bytes, extent: &Extent) -> Bytes {
    bytes
        .u32(u32::try_from(extent.devindex).unwrap())
        .u32(0)
        .u64(extent.offset)
        .u64(extent.len)
}

fn header(file_type: u8, ext_type: u32, count: usize, size: u64, list: Vec<u8>) -> Vec<u8> {
    let mut bytes = Bytes(vec![file_type, 0, 1, 0])
        .u32(ext_type)
        .u32(u32::try_from(count).unwrap())
        .u32(u32::try_from(HEADER + list.len()).unwrap())
        .u64(size)
        .u64(0)
        .0;
    bytes.extend(list);
    bytes
}

/// Puts a word into a copy of the message.
pub(crate) fn with(message: &[u8], at: usize, word: &[u8]) -> Vec<u8> {
    let mut copy = message.to_vec();
    copy[at..at + word.len()].copy_from_slice(word);
    copy
}

/// Opens a second device for the mount.
pub(crate) fn open_device(file: &File, index: u64, path: &str) -> Result<(), Errno> {
    let path = path.as_bytes();
    let message = device(index, path.as_ptr().addr() as u64, path.len(), 0);
    super::send(file, DAXDEV_OPEN, &message)
}

pub(crate) fn device(index: u64, path: u64, path_len: usize, flags: u32) -> Vec<u8> {
    Bytes::default()
        .u64(index)
        .u64(path)
        .u32(u32::try_from(path_len).unwrap())
        .u32(flags)
        .0
}

pub(crate) fn options(file: &File) -> Result<u64, Errno> {
    let reply = super::receive(file, GET_OPTS, 8)?;
    Ok(u64::from_le_bytes(reply.try_into().unwrap()))
}

/// Allows (`SET_OPTS`) or forbids (`CLEAR_OPTS`); returns what is allowed then.
pub(crate) fn change_options(file: &File, number: u32, bits: u64) -> Result<u64, Errno> {
    let mut word = bits;
    super::call(file, number, std::ptr::from_mut(&mut word).addr() as u64)?;
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            golden::{INTERLEAVED, SIMPLE, bytes},
            v2::{Interleaved, extent},
        },
        *,
    };

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_builders_make_the_golden_bytes() {
        assert_eq!(
            simple(0, 20 * MIB, &[extent(66 * MIB, 20 * MIB)]),
            bytes(SIMPLE)
        );
        let strips = [38, 8220, 10268, 2076].map(|at| extent(at * MIB, 12 * MIB));
        let map = Interleaved {
            chunk: 4 * MIB,
            bytes: 33 * MIB,
            strips: strips.into(),
        };
        assert_eq!(interleaved(33 * MIB, &[map]), bytes(INTERLEAVED));
    }

    #[test]
    fn fresh_mounts_allow_seven_things() {
        assert_eq!(option::DEFAULT, 0x5b03);
    }
}
