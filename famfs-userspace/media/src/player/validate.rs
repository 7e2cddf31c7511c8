//! What one entry must hold to be acted on. Pure.

use thiserror::Error;

use crate::format::{Dir, EXTENTS_MAX, Extent, File, Map, PathField, UNIT_4K, extent};

/// What the entries of a log are held against.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The first byte that a file may own.
    pub data_start: u64,
    /// The end of the device.
    pub device_end: u64,
    pub alloc_unit: u64,
}

/// Why an entry with a good checksum is not acted on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    #[error("the path is empty")]
    EmptyPath,
    #[error("the path does not end within its field")]
    UnterminatedPath,
    #[error("the path is absolute")]
    AbsolutePath,
    #[error("the path has a component `..`, `.` or none")]
    OddComponent,
    #[error("the path is inside .meta")]
    MetaPath,
    #[error("uid or gid is 4294967295, which is no owner")]
    NoOwner,
    #[error("the size is 0")]
    EmptyFile,
    #[error("{0} extents; 1 to 16 are legal")]
    ExtentCount(u64),
    #[error("extent type {0} is unknown")]
    ExtentType(u32),
    #[error("interleaved map with {niext} extents, {nstrips} strips, chunks of {chunk_size}")]
    Interleave {
        niext: u32,
        nstrips: u64,
        chunk_size: u64,
    },
    #[error("device index {0}: the file system has one device")]
    DevIndex(u64),
    #[error("extent {offset}+{len} is not aligned to the allocation unit of {unit}")]
    Unaligned { offset: u64, len: u64, unit: u64 },
    #[error("extent {offset}+{len} lies over superblock or log, which end at {data_start}")]
    OverMetadata {
        offset: u64,
        len: u64,
        data_start: u64,
    },
    #[error("extent {offset}+{len} is past the end of the device at {device_end}")]
    PastDevice {
        offset: u64,
        len: u64,
        device_end: u64,
    },
    #[error("the size {size} is more than the extents hold, {held}")]
    SizeExceedsExtents { size: u64, held: u64 },
    #[error("extent {offset}+{len} is taken by an earlier file")]
    SharedExtent { offset: u64, len: u64 },
    #[error("the path was logged before, in slot {0}")]
    Duplicate(u64),
    #[error("slot {slot} made the path a {}", if *is_dir { "folder" } else { "file" })]
    OtherKind { slot: u64, is_dir: bool },
    #[error("no earlier entry makes its parent folder")]
    NoParent,
    #[error("slot {0} made its parent a file")]
    ParentIsFile(u64),
}

impl Refusal {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyPath => "path-empty",
            Self::UnterminatedPath => "path-unterminated",
            Self::AbsolutePath => "path-absolute",
            Self::OddComponent => "path-component",
            Self::MetaPath => "path-meta",
            Self::NoOwner => "owner",
            Self::EmptyFile => "file-empty",
            Self::ExtentCount(_) => "extent-count",
            Self::ExtentType(_) => "extent-type",
            Self::Interleave { .. } => "interleave",
            Self::DevIndex(_) => "extent-device",
            Self::Unaligned { .. } => "extent-unaligned",
            Self::OverMetadata { .. } => "extent-over-metadata",
            Self::PastDevice { .. } => "extent-past-device",
            Self::SizeExceedsExtents { .. } => "size-exceeds-extents",
            Self::SharedExtent { .. } => "extent-shared",
            Self::Duplicate(_) => "path-duplicate",
            Self::OtherKind { .. } => "path-other-kind",
            Self::NoParent => "parent-missing",
            Self::ParentIsFile(_) => "parent-is-file",
        }
    }
}

/// Checks what can be checked of a folder by itself.
pub fn check_dir(dir: &Dir) -> Result<(), Refusal> {
    check_path(&dir.path)?;
    check_owner(dir.uid, dir.gid)
}

/// Checks what can be checked of a file by itself.
pub fn check_file(file: &File, limits: &Limits) -> Result<(), Refusal> {
    check_path(&file.path)?;
    check_owner(file.uid, file.gid)?;
    if file.size == 0 {
        return Err(Refusal::EmptyFile);
    }
    let extents = file.map.extents();
    check_counts(&file.map, extents.len())?;
    for extent in extents.iter() {
        check_extent(extent, limits)?;
    }
    for (i, extent) in extents.iter().enumerate() {
        if extents[..i].iter().any(|e| overlap(e, extent)) {
            return Err(Refusal::SharedExtent {
                offset: extent.offset,
                len: extent.len,
            });
        }
    }
    let held = file.map.room();
    if file.size > held {
        return Err(Refusal::SizeExceedsExtents {
            size: file.size,
            held,
        });
    }
    Ok(())
}

/// Checks the counts against the lists, which are never longer than an entry's room.
fn check_counts(map: &Map, listed: usize) -> Result<(), Refusal> {
    match map {
        Map::Simple { count, .. } | Map::V46 { count, .. } => {
            if *count == 0 || u64::from(*count) != listed as u64 {
                return Err(Refusal::ExtentCount(u64::from(*count)));
            }
        }
        Map::Interleaved { ext_type, .. } if *ext_type != extent::TYPE_INTERLEAVED => {
            return Err(Refusal::ExtentType(*ext_type));
        }
        Map::Interleaved {
            niext,
            nstrips,
            chunk_size,
            ..
        } => {
            let strips = 1..=EXTENTS_MAX as u64;
            // The kernel maps pages, so a chunk is made of them.
            let whole_pages = *chunk_size > 0 && chunk_size % UNIT_4K == 0;
            if *niext != 1 || !strips.contains(nstrips) || !whole_pages {
                return Err(Refusal::Interleave {
                    niext: *niext,
                    nstrips: *nstrips,
                    chunk_size: *chunk_size,
                });
            }
        }
    }
    Ok(())
}

fn check_extent(extent: &Extent, limits: &Limits) -> Result<(), Refusal> {
    let Extent {
        devindex,
        offset,
        len,
    } = *extent;
    if devindex != 0 {
        return Err(Refusal::DevIndex(devindex));
    }
    let unit = limits.alloc_unit.max(1);
    if len == 0 || offset % unit != 0 || len % unit != 0 {
        return Err(Refusal::Unaligned { offset, len, unit });
    }
    if offset < limits.data_start {
        return Err(Refusal::OverMetadata {
            offset,
            len,
            data_start: limits.data_start,
        });
    }
    match offset.checked_add(len) {
        Some(end) if end <= limits.device_end => Ok(()),
        _ => Err(Refusal::PastDevice {
            offset,
            len,
            device_end: limits.device_end,
        }),
    }
}

fn overlap(a: &Extent, b: &Extent) -> bool {
    a.offset < b.offset.saturating_add(b.len) && b.offset < a.offset.saturating_add(a.len)
}

fn check_owner(uid: u32, gid: u32) -> Result<(), Refusal> {
    // chown(2) takes it for "leave as it is".
    if uid == u32::MAX || gid == u32::MAX {
        Err(Refusal::NoOwner)
    } else {
        Ok(())
    }
}

/// A path may only name something below the mount's root.
pub fn check_path(path: &PathField) -> Result<(), Refusal> {
    if !path.is_terminated() {
        return Err(Refusal::UnterminatedPath);
    }
    let bytes = path.bytes();
    match bytes.first() {
        None => return Err(Refusal::EmptyPath),
        Some(b'/') => return Err(Refusal::AbsolutePath),
        Some(_) => {}
    }
    if bytes
        .split(|b| *b == b'/')
        .any(|part| matches!(part, b"" | b"." | b".."))
    {
        return Err(Refusal::OddComponent);
    }
    if bytes == b".meta" || bytes.starts_with(b".meta/") {
        return Err(Refusal::MetaPath);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |path: &[u8]| check_path(&PathField::new(path).unwrap());
        for good in [
            &b"a"[..],
            b"a/b",
            b"..a",
            b"a..",
            b".metadata",
            b"a/.meta",
            b"\xff\xfe",
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        assert_eq!(check(b""), Err(Refusal::EmptyPath));
        assert_eq!(check(b"/a"), Err(Refusal::AbsolutePath));
        assert_eq!(check(b".meta"), Err(Refusal::MetaPath));
        assert_eq!(check(b".meta/.log"), Err(Refusal::MetaPath));
        for odd in [
            &b".."[..],
            b"../a",
            b"a/../b",
            b"a/..",
            b".",
            b"./a",
            b"a//b",
            b"a/",
        ] {
            assert_eq!(check(odd), Err(Refusal::OddComponent), "{odd:?}");
        }
        assert_eq!(
            check_path(&PathField([b'N'; 80])),
            Err(Refusal::UnterminatedPath)
        );
        assert!(PathField::new(&[b'x'; 79]).is_some());
        assert!(PathField::new(&[b'x'; 80]).is_none());
    }
}
