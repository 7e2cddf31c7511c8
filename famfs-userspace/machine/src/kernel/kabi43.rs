//! Kernel interface 43: maps by pointer. The calls of version 42 still map the metadata
//! files, and show simple maps of any length.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::map::{FileType, KernelMap, Shape, Simple};
use famfs_media::format::Extent;
use famfs_media::format::extent::{TYPE_INTERLEAVED, TYPE_SIMPLE};

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

/// `famfs_ioc_get_fmap`. Of an interleaved map, `list` holds one extent of 32 bytes and
/// its 16 strips.
#[repr(C)]
struct IocGetFmap {
    fmap: IocFmap,
    list: [u64; 52],
}

/// Strips that `list` has room for.
const STRIPS_MAX: usize = 16;
/// More extents than any kernel keeps for a file.
const EXTENTS_SANE: u64 = 1 << 16;
/// Extents that a map mostly has no more than.
const FEW: usize = 4;
/// `u64`s before the strips of an interleaved extent.
const STRIPS_AT: usize = 4;

nix::ioctl_write_ptr!(ioc_map_create, b'u', 0x50, IocMap);
nix::ioctl_read!(ioc_map_get, b'u', 0x51, IocMap);
nix::ioctl_read!(ioc_map_get_extents, b'u', 0x52, [u64; 2]);
nix::ioctl_none!(ioc_nop, b'u', 0x53);
nix::ioctl_write_ptr!(ioc_map_create_v2, b'u', 0x54, IocFmap);
nix::ioctl_read!(ioc_map_get_v2, b'u', 0x55, IocGetFmap);

pub(super) fn map_create(file: BorrowedFd<'_>, file_type: FileType, at: Simple) -> io::Result<()> {
    let map = IocMap {
        ext_type: TYPE_SIMPLE,
        file_type: u32::from(file_type.number()),
        size: at.len,
        count: 1,
        extents: [[at.offset, at.len], [0, 0]],
    };
    // SAFETY: the kernel reads one `IocMap`, which lives through the call.
    unsafe { ioc_map_create(file.as_raw_fd(), &raw const map) }?;
    Ok(())
}

/// `famfs_ioc_interleaved_extent`.
#[repr(C)]
struct InterleavedExtent {
    nstrips: u64,
    chunk_size: u64,
    nbytes: u64,
    strips: u64,
}

pub(super) fn map_create_v2(file: BorrowedFd<'_>, size: u64, shape: Shape<'_>) -> io::Result<()> {
    let list: Vec<SimpleExtent> = shape
        .extents()
        .iter()
        .map(|e| SimpleExtent {
            devindex: e.devindex,
            offset: e.offset,
            len: e.len,
        })
        .collect();
    let interleaved = InterleavedExtent {
        nstrips: list.len() as u64,
        chunk_size: match shape {
            Shape::Simple(_) => 0,
            Shape::Interleaved { chunk_size, .. } => chunk_size,
        },
        nbytes: size,
        strips: list.as_ptr() as u64,
    };
    let (ext_type, count, at) = match shape {
        Shape::Simple(_) => (TYPE_SIMPLE, list.len(), list.as_ptr() as u64),
        Shape::Interleaved { .. } => (TYPE_INTERLEAVED, 1, &raw const interleaved as u64),
    };
    let map = IocFmap {
        size,
        file_type: u32::from(FileType::Regular.number()),
        ext_type,
        count: u32::try_from(count).map_err(io::Error::other)?,
        pad: 0,
        list: at,
    };
    // SAFETY: the kernel reads one `IocFmap` and `count` extents at `list`, and of an
    // interleaved one its strips; all of them live through the call.
    unsafe { ioc_map_create_v2(file.as_raw_fd(), &raw const map) }?;
    Ok(())
}

/// `None` for a file of a famfs mount that has no map.
pub(super) fn map_get(file: BorrowedFd<'_>) -> io::Result<Option<KernelMap>> {
    let mut head = IocMap::default();
    // SAFETY: the kernel writes at most one `IocMap`, plain integers all of it.
    match unsafe { ioc_map_get(file.as_raw_fd(), &raw mut head) } {
        Ok(_) if head.ext_type == TYPE_SIMPLE => simple_map(file, &head).map(Some),
        Ok(_) => match interleaved_map(file) {
            // More strips than that message has room for: their places can still be had.
            Err(e) if e.raw_os_error() == Some(libc::E2BIG) => simple_map(file, &head),
            map => map,
        }
        .map(Some),
        Err(nix::Error::EINVAL) if nop(file) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn simple_map(file: BorrowedFd<'_>, head: &IocMap) -> io::Result<KernelMap> {
    if head.count > EXTENTS_SANE {
        return Err(io::Error::other(format!(
            "the kernel says {} extents",
            head.count
        )));
    }
    let count = usize::try_from(head.count).map_err(io::Error::other)?;
    // Most files have one extent, which needs no memory of its own.
    let (mut few, mut many) = ([[0_u64; 2]; FEW], Vec::new());
    let list = if let Some(list) = few.get_mut(..count) {
        list
    } else {
        many.resize(count, [0; 2]);
        &mut many[..]
    };
    if !list.is_empty() {
        // SAFETY: the kernel writes `count` extents, and a map never changes its count.
        unsafe { ioc_map_get_extents(file.as_raw_fd(), list.as_mut_ptr()) }?;
    }
    Ok(KernelMap {
        size: head.size,
        file_type: head.file_type,
        ext_type: head.ext_type,
        extents: list
            .iter()
            .map(|[offset, len]| Extent {
                devindex: 0,
                offset: *offset,
                len: *len,
            })
            .collect(),
        chunk_size: None,
    })
}

fn interleaved_map(file: BorrowedFd<'_>) -> io::Result<KernelMap> {
    let mut got = IocGetFmap {
        fmap: IocFmap::default(),
        list: [0; 52],
    };
    // SAFETY: the kernel writes at most one `IocGetFmap`, plain integers all of it.
    unsafe { ioc_map_get_v2(file.as_raw_fd(), &raw mut got) }?;
    Ok(strips_of(&got))
}

fn strips_of(got: &IocGetFmap) -> KernelMap {
    let shown = usize::try_from(got.list[0])
        .unwrap_or(STRIPS_MAX)
        .min(STRIPS_MAX);
    KernelMap {
        size: got.fmap.size,
        file_type: got.fmap.file_type,
        ext_type: got.fmap.ext_type,
        extents: got.list[STRIPS_AT..]
            .chunks_exact(3)
            .take(shown)
            .map(|e| Extent {
                devindex: e[0],
                offset: e[1],
                len: e[2],
            })
            .collect(),
        chunk_size: Some(got.list[1]),
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
        assert_eq!(
            nix::request_code_read!(b'u', 0x51, size_of::<IocMap>()),
            0x8038_7551
        );
        assert_eq!(
            nix::request_code_read!(b'u', 0x52, size_of::<[u64; 2]>()),
            0x8010_7552
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
        assert_eq!(size_of::<InterleavedExtent>(), 32);
        assert_eq!(offset_of!(InterleavedExtent, strips), 24);
        assert_eq!(offset_of!(IocGetFmap, list) + STRIPS_AT * 8, 64);
    }

    #[test]
    fn strips_beyond_the_list_are_cut() {
        let mut got = IocGetFmap {
            fmap: IocFmap::default(),
            list: [7; 52],
        };
        assert_eq!(strips_of(&got).extents.len(), 7);
        got.list[0] = u64::MAX;
        assert_eq!(strips_of(&got).extents.len(), 16);
        assert_eq!(strips_of(&got).chunk_size, Some(7));
    }
}
