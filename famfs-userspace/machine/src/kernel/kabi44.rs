//! Kernel interface 44: one message of bytes that holds the whole map, and the options
//! that say what a mount lets its users do. It cannot show a map.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::map::{FileType, Shape};
use famfs_media::format::Extent;
use famfs_media::format::extent::{TYPE_INTERLEAVED, TYPE_SIMPLE};

/// Bytes before the extents.
const HEADER: usize = 32;
/// Bytes of a simple extent, and of what stands before the strips of an interleaved one.
const EXTENT: usize = 24;
const FMAP_VERSION: u16 = 1;

// The size in MAP_CREATE's number is the header's; `fmap_size` says how much follows.
nix::ioctl_none!(ioc_nop, b'u', 0x50);
nix::ioctl_write_ptr!(ioc_map_create, b'u', 0x51, [u8; HEADER]);
nix::ioctl_read!(ioc_get_options, b'u', 0x53, u64);
nix::ioctl_readwrite!(ioc_set_options, b'u', 0x54, u64);
nix::ioctl_readwrite!(ioc_clear_options, b'u', 0x55, u64);

/// The message for a file of `size` bytes. Fails for numbers that its fields cannot hold.
pub fn message(file_type: FileType, size: u64, shape: Shape<'_>) -> io::Result<Vec<u8>> {
    let too_large = |_overflow| io::Error::from(io::ErrorKind::InvalidInput);
    let (ext_type, count, extents) = match shape {
        Shape::Simple(extents) => (TYPE_SIMPLE, extents.len(), extents),
        Shape::Interleaved { strips, .. } => (TYPE_INTERLEAVED, 1, strips),
    };
    let interleaved_heads = usize::from(ext_type == TYPE_INTERLEAVED);
    let total = HEADER + (interleaved_heads + extents.len()) * EXTENT;
    let mut out = Vec::with_capacity(total);
    out.push(file_type.number());
    out.push(0);
    out.extend(FMAP_VERSION.to_le_bytes());
    out.extend(ext_type.to_le_bytes());
    out.extend(u32::try_from(count).map_err(too_large)?.to_le_bytes());
    out.extend(u32::try_from(total).map_err(too_large)?.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend([0; 8]);
    if let Shape::Interleaved { chunk_size, .. } = shape {
        out.extend(
            u32::try_from(extents.len())
                .map_err(too_large)?
                .to_le_bytes(),
        );
        out.extend(u32::try_from(chunk_size).map_err(too_large)?.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend([0; 8]);
    }
    for Extent {
        devindex,
        offset,
        len,
    } in extents
    {
        out.extend(u32::try_from(*devindex).map_err(too_large)?.to_le_bytes());
        out.extend([0; 4]);
        out.extend(offset.to_le_bytes());
        out.extend(len.to_le_bytes());
    }
    Ok(out)
}

pub(super) fn map_create(
    file: BorrowedFd<'_>,
    file_type: FileType,
    size: u64,
    shape: Shape<'_>,
) -> io::Result<()> {
    let message = message(file_type, size, shape)?;
    // SAFETY: the kernel reads as many bytes as `fmap_size` in the message says, which is
    // its length; it lives through the call.
    unsafe { ioc_map_create(file.as_raw_fd(), message.as_ptr().cast()) }?;
    Ok(())
}

pub(super) fn nop(file: BorrowedFd<'_>) -> bool {
    // SAFETY: the call has no argument.
    unsafe { ioc_nop(file.as_raw_fd()) }.is_ok()
}

pub(super) fn options(file: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bits = 0;
    // SAFETY: the kernel writes one `u64`.
    unsafe { ioc_get_options(file.as_raw_fd(), &raw mut bits) }?;
    Ok(bits)
}

/// Sets `bits`, and returns all that are set then.
pub(super) fn set_options(file: BorrowedFd<'_>, mut bits: u64) -> io::Result<u64> {
    // SAFETY: the kernel reads and writes one `u64`.
    unsafe { ioc_set_options(file.as_raw_fd(), &raw mut bits) }?;
    Ok(bits)
}

/// Clears `bits`, and returns all that are set then.
pub(super) fn clear_options(file: BorrowedFd<'_>, mut bits: u64) -> io::Result<u64> {
    // SAFETY: the kernel reads and writes one `u64`.
    unsafe { ioc_clear_options(file.as_raw_fd(), &raw mut bits) }?;
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut s, b| {
            write!(s, "{b:02x}").unwrap();
            s
        })
    }

    fn at(offset: u64, len: u64) -> Extent {
        Extent {
            devindex: 0,
            offset,
            len,
        }
    }

    /// Bytes that other code made from the published header.
    #[test]
    fn byte_for_byte() {
        let extents = [at(66 * MIB, 20 * MIB)];
        let simple = message(FileType::Regular, 20 * MIB, Shape::Simple(&extents)).unwrap();
        assert_eq!(
            hex(&simple),
            "00000100000000000100000038000000000040010000000000000000000000000000000000000000\
             00002004000000000000400100000000"
        );
        let strips: Vec<Extent> = [0x260_0000, 0x2_01c0_0000, 0x2_81c0_0000, 0x81c0_0000]
            .map(|offset| at(offset, 12 * MIB))
            .into();
        let shape = Shape::Interleaved {
            chunk_size: 4 * MIB,
            strips: &strips,
        };
        let interleaved = message(FileType::Regular, 33 * MIB, shape).unwrap();
        assert_eq!(
            hex(&interleaved),
            "00000100010000000100000098000000000010020000000000000000000000000400000000004000\
             00001002000000000000000000000000000000000000000000006002000000000000c00000000000\
             00000000000000000000c001020000000000c0000000000000000000000000000000c08102000000\
             0000c0000000000000000000000000000000c081000000000000c00000000000"
        );
    }

    #[test]
    fn what_a_field_cannot_hold_is_refused() {
        let chunk = Shape::Interleaved {
            chunk_size: 1 << 32,
            strips: &[at(0, 1)],
        };
        assert!(message(FileType::Regular, 1, chunk).is_err());
        let device = [Extent {
            devindex: 1 << 32,
            offset: 0,
            len: 1,
        }];
        assert!(message(FileType::Regular, 1, Shape::Simple(&device)).is_err());
    }

    #[test]
    fn as_the_c_header_has_it() {
        assert_eq!(nix::request_code_none!(b'u', 0x50), 0x7550);
        assert_eq!(nix::request_code_write!(b'u', 0x51, HEADER), 0x4020_7551);
        assert_eq!(nix::request_code_read!(b'u', 0x53, 8), 0x8008_7553);
        assert_eq!(nix::request_code_readwrite!(b'u', 0x54, 8), 0xc008_7554);
        assert_eq!(nix::request_code_readwrite!(b'u', 0x55, 8), 0xc008_7555);
    }
}
