//! KABI 43: the message points to lists in the caller's memory.

use std::fs::File;

use nix::errno::Errno;

use super::Bytes;

pub(crate) const MAP_CREATE: u32 = 0x4020_7554;
pub(crate) const MAP_GET: u32 = 0x81c0_7555;

/// Bytes of `MAP_GET_V2`'s reply.
pub(crate) const REPLY: usize = 448;

/// One extent of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub devindex: u64,
    pub offset: u64,
    pub len: u64,
}

/// An extent of the mounted device.
pub(crate) const fn extent(offset: u64, len: u64) -> Extent {
    Extent {
        devindex: 0,
        offset,
        len,
    }
}

/// Parts of `extents` by turns, `chunk` bytes each.
#[derive(Clone, Debug)]
pub(crate) struct Interleaved {
    pub chunk: u64,
    pub bytes: u64,
    pub strips: Vec<Extent>,
}

/// What the ioctl's argument points to.
pub(crate) fn message(
    size: u64,
    file_type: u32,
    ext_type: u32,
    count: u32,
    padding: u32,
    pointer: u64,
) -> Vec<u8> {
    Bytes::default()
        .u64(size)
        .u32(file_type)
        .u32(ext_type)
        .u32(count)
        .u32(padding)
        .u64(pointer)
        .0
}

/// What the message of a simple map points to.
pub(crate) fn list(extents: &[Extent]) -> Vec<u8> {
    let list = extents.iter().fold(Bytes::default(), |bytes, extent| {
        bytes
            .u64(extent.devindex)
            .u64(extent.offset)
            .u64(extent.len)
    });
    list.0
}

/// Maps simple extents into a regular file, with whatever nonsense they hold.
pub(crate) fn map(file: &File, size: u64, extents: &[Extent]) -> Result<(), Errno> {
    super::Form::V2.map(file, 0, size, extents)
}

/// Maps interleaved extents into a regular file.
pub(crate) fn map_interleaved(
    file: &File,
    size: u64,
    extents: &[Interleaved],
) -> Result<(), Errno> {
    let strips: Vec<_> = extents.iter().map(|extent| list(&extent.strips)).collect();
    let heads = extents
        .iter()
        .zip(&strips)
        .fold(Bytes::default(), |bytes, (extent, strips)| {
            bytes
                .u64(extent.strips.len() as u64)
                .u64(extent.chunk)
                .u64(extent.bytes)
                .u64(strips.as_ptr().addr() as u64)
        })
        .0;
    let count = u32::try_from(extents.len()).unwrap();
    let message = message(size, 0, 1, count, 0, heads.as_ptr().addr() as u64);
    super::send(file, MAP_CREATE, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_abis() {
        let bytes = message(0xa1, 0xb2, 0xc3, 0xd4, 0, 0xe5);
        assert_eq!(bytes.len(), 32);
        for (at, byte) in [(0, 0xa1), (8, 0xb2), (12, 0xc3), (16, 0xd4), (24, 0xe5)] {
            assert_eq!(bytes[at], byte, "byte {at}");
        }
        let bytes = list(&[extent(0xa1, 0xb2), extent(0xc3, 0xd4)]);
        assert_eq!(bytes.len(), 48);
        for (at, byte) in [(8, 0xa1), (16, 0xb2), (32, 0xc3), (40, 0xd4)] {
            assert_eq!(bytes[at], byte, "byte {at}");
        }
    }
}
