//! Kernel interface 43: maps by pointer. Its version 1 call still maps the metadata files.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::abi::{FileType, KernelMap, Simple};
use crate::media::Extent;
use crate::media::extent::{TYPE_INTERLEAVED, TYPE_SIMPLE};

/// `famfs_ioc_map`: a map of at most two extents.
#[repr(C)]
#[derive(Default)]
struct IocMap {
    ext_type: u32,
    file_type: u32,
    size: u64,
    count: u64,
    extents: [[u64; 2]; 2],
}

/// `famfs_ioc_fmap`: a map of `count` extents at `list`.
#[repr(C)]
#[derive(Default)]
struct IocFmap {
    size: u64,
    file_type: u32,
    ext_type: u32,
    count: u32,
    pad: u32,
    list: u64,
}

/// `famfs_ioc_simple_extent`.
#[repr(C)]
struct SimpleExtent {
    devindex: u64,
    offset: u64,
    len: u64,
}

/// `famfs_ioc_get_fmap`. `list` holds two simple extents, or one interleaved extent of
/// 32 bytes and its 16 strips.
#[repr(C)]
struct IocGetFmap {
    fmap: IocFmap,
    list: [u64; 52],
}

/// Simple extents that the kernel can show.
const SHOWN_SIMPLE: usize = 2;
/// Strips that the kernel can show.
const SHOWN_STRIPS: usize = 16;
/// `u64`s before the strips of an interleaved extent.
const STRIPS_AT: usize = 4;

nix::ioctl_write_ptr!(ioc_map_create, b'u', 0x50, IocMap);
nix::ioctl_none!(ioc_nop, b'u', 0x53);
nix::ioctl_write_ptr!(ioc_map_create_v2, b'u', 0x54, IocFmap);
nix::ioctl_read!(ioc_map_get_v2, b'u', 0x55, IocGetFmap);

fn number(file_type: FileType) -> u32 {
    match file_type {
        FileType::Regular => 0,
        FileType::Superblock => 1,
        FileType::Log => 2,
    }
}

pub(super) fn map_create(file: BorrowedFd<'_>, file_type: FileType, at: Simple) -> io::Result<()> {
    let map = IocMap {
        ext_type: TYPE_SIMPLE,
        file_type: number(file_type),
        size: at.len,
        count: 1,
        extents: [[at.offset, at.len], [0, 0]],
    };
    // SAFETY: the kernel reads one `IocMap`, which lives through the call.
    unsafe { ioc_map_create(file.as_raw_fd(), &raw const map) }?;
    Ok(())
}

pub(super) fn map_create_v2(file: BorrowedFd<'_>, size: u64, extents: &[Extent]) -> io::Result<()> {
    let list: Vec<SimpleExtent> = extents
        .iter()
        .map(|e| SimpleExtent {
            devindex: e.devindex,
            offset: e.offset,
            len: e.len,
        })
        .collect();
    let map = IocFmap {
        size,
        file_type: number(FileType::Regular),
        ext_type: TYPE_SIMPLE,
        count: u32::try_from(list.len()).map_err(io::Error::other)?,
        pad: 0,
        list: list.as_ptr() as u64,
    };
    // SAFETY: the kernel reads one `IocFmap` and `count` extents at `list`; both live
    // through the call.
    unsafe { ioc_map_create_v2(file.as_raw_fd(), &raw const map) }?;
    Ok(())
}

pub(super) fn map_get_v2(file: BorrowedFd<'_>) -> io::Result<Option<KernelMap>> {
    let mut got = IocGetFmap {
        fmap: IocFmap::default(),
        list: [0; 52],
    };
    // SAFETY: the kernel writes at most one `IocGetFmap`, plain integers all of it.
    match unsafe { ioc_map_get_v2(file.as_raw_fd(), &raw mut got) } {
        Ok(_) => Ok(Some(map_of(&got))),
        Err(nix::Error::EINVAL) if nop(file) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn map_of(got: &IocGetFmap) -> KernelMap {
    let interleaved = got.fmap.ext_type == TYPE_INTERLEAVED;
    let (count, shown, at) = if interleaved {
        (got.list[0], SHOWN_STRIPS, STRIPS_AT)
    } else {
        (u64::from(got.fmap.count), SHOWN_SIMPLE, 0)
    };
    let shown = usize::try_from(count).unwrap_or(shown).min(shown);
    let extents = got.list[at..]
        .chunks_exact(3)
        .take(shown)
        .map(|e| Extent {
            devindex: e[0],
            offset: e[1],
            len: e[2],
        })
        .collect();
    KernelMap {
        size: got.fmap.size,
        file_type: got.fmap.file_type,
        ext_type: got.fmap.ext_type,
        extents,
        chunk_size: interleaved.then_some(got.list[1]),
    }
}

pub(super) fn nop(file: BorrowedFd<'_>) -> bool {
    // SAFETY: the call has no argument.
    unsafe { ioc_nop(file.as_raw_fd()) }.is_ok()
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// The numbers and places that a compiled C header has.
    #[test]
    fn as_the_c_header_has_it() {
        assert_eq!(
            nix::request_code_write!(b'u', 0x50, size_of::<IocMap>()),
            0x4038_7550
        );
        assert_eq!(nix::request_code_none!(b'u', 0x53), 0x7553);
        assert_eq!(
            nix::request_code_write!(b'u', 0x54, size_of::<IocFmap>()),
            0x4020_7554
        );
        assert_eq!(
            nix::request_code_read!(b'u', 0x55, size_of::<IocGetFmap>()),
            0x81c0_7555
        );
        assert_eq!(offset_of!(IocMap, file_type), 4);
        assert_eq!(offset_of!(IocMap, size), 8);
        assert_eq!(offset_of!(IocMap, count), 16);
        assert_eq!(offset_of!(IocMap, extents), 24);
        assert_eq!(offset_of!(IocFmap, file_type), 8);
        assert_eq!(offset_of!(IocFmap, ext_type), 12);
        assert_eq!(offset_of!(IocFmap, count), 16);
        assert_eq!(offset_of!(IocFmap, list), 24);
        assert_eq!(size_of::<SimpleExtent>(), 24);
        assert_eq!(offset_of!(IocGetFmap, list) + STRIPS_AT * 8, 64);
    }

    #[test]
    fn counts_beyond_the_lists_are_cut() {
        let mut got = IocGetFmap {
            fmap: IocFmap::default(),
            list: [7; 52],
        };
        got.fmap.count = 9;
        assert_eq!(map_of(&got).extents.len(), 2);
        got.fmap.ext_type = TYPE_INTERLEAVED;
        got.list[0] = u64::MAX;
        assert_eq!(map_of(&got).extents.len(), 16);
    }
}
