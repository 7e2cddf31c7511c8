//! KABI 42: one or two extents, in the message itself.

use super::{Bytes, Extent};

pub(crate) const MAP_CREATE: u32 = 0x4038_7550;
pub(crate) const MAP_GET: u32 = 0x8038_7551;
pub(crate) const MAP_GETEXT: u32 = 0x8010_7552;

/// Bytes of `MAP_CREATE`'s message and of `MAP_GET`'s reply.
pub(crate) const SIZE: usize = 56;
/// Bytes of one extent.
pub(crate) const EXTENT: usize = 16;

/// A message with room for two extents, whatever `count` says.
pub(crate) fn message(
    ext_type: u32,
    file_type: u32,
    size: u64,
    count: u64,
    extents: &[Extent],
) -> Vec<u8> {
    let mut bytes = Bytes::default()
        .u32(ext_type)
        .u32(file_type)
        .u64(size)
        .u64(count);
    for extent in extents.iter().take(2) {
        bytes = bytes.u64(extent.offset).u64(extent.len);
    }
    bytes.0.resize(SIZE, 0);
    bytes.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_abis() {
        let extent = |offset, len| Extent {
            devindex: 0,
            offset,
            len,
        };
        let bytes = message(
            0xa1,
            0xb2,
            0xc3,
            0xd4,
            &[extent(0xe5, 0xf6), extent(0x17, 0x28)],
        );
        assert_eq!(bytes.len(), SIZE);
        for (at, byte) in [
            (0, 0xa1),
            (4, 0xb2),
            (8, 0xc3),
            (16, 0xd4),
            (24, 0xe5),
            (32, 0xf6),
            (40, 0x17),
            (48, 0x28),
        ] {
            assert_eq!(bytes[at], byte, "byte {at}");
        }
    }
}
