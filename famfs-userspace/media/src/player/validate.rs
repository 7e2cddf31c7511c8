//! What an entry must satisfy to be acted on.

use thiserror::Error;

use crate::format::{Dir, EXTENTS_MAX, Extent, File, Map, PathField, UNIT_4K, extent};

/// What the entries of a log are checked against. All numbers are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The first byte that a file may own.
    pub data_start: u64,
    /// The end of the device.
    pub device_end: u64,
    /// What files are allocated in.
    pub alloc_unit: u64,
}

/// Why an entry with a good checksum is not acted on. An entry has one refusal, the first of its
/// checks that fails.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The path is empty.
    #[error("the path is empty")]
    EmptyPath,
    /// The path's field has no NUL.
    #[error("the path does not end within its field")]
    UnterminatedPath,
    /// The path begins with a slash.
    #[error("the path is absolute")]
    AbsolutePath,
    /// A component of the path is `..`, `.` or empty.
    #[error("the path has a component `..`, `.` or none")]
    OddComponent,
    /// The path is inside the folder of the file system's own metadata.
    #[error("the path is inside .meta")]
    MetaPath,
    /// The uid or the gid is the value that chown(2) takes for "leave as it is".
    #[error("uid or gid is 4294967295, which is no owner")]
    NoOwner,
    /// The size is 0.
    #[error("the size is 0")]
    EmptyFile,
    /// A simple map has no extent, or claims more than an entry has room for.
    #[error("{0} extents; 1 to 16 are legal")]
    ExtentCount(u64),
    /// The map's type is unknown.
    #[error("extent type {0} is unknown")]
    ExtentType(u32),
    /// The numbers of an interleaved map are out of range.
    #[error("interleaved map with {niext} extents, {nstrips} strips, chunks of {chunk_size}")]
    Interleave {
        /// How many interleaved extents there are; 1 is legal.
        niext: u32,
        /// How many strips there are; 1 to 16 are legal.
        nstrips: u64,
        /// The length of a chunk in bytes; a multiple of 4096 is legal.
        chunk_size: u64,
    },
    /// An extent is on another device than the first.
    #[error("device index {0}: the file system has one device")]
    DevIndex(u64),
    /// An extent is empty or not aligned to the allocation unit.
    #[error("extent {offset}+{len} is not aligned to the allocation unit of {unit}")]
    Unaligned {
        /// Where it starts, in bytes.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The allocation unit in bytes.
        unit: u64,
    },
    /// An extent lies over the superblock or the log.
    #[error("extent {offset}+{len} lies over superblock or log, which end at {data_start}")]
    OverMetadata {
        /// Where it starts, in bytes.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The first byte that a file may own.
        data_start: u64,
    },
    /// An extent ends behind the device.
    #[error("extent {offset}+{len} is past the end of the device at {device_end}")]
    PastDevice {
        /// Where it starts, in bytes.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The end of the device, in bytes.
        device_end: u64,
    },
    /// The file is larger than its extents.
    #[error("the size {size} is more than the extents hold, {held}")]
    SizeExceedsExtents {
        /// The file's size in bytes.
        size: u64,
        /// The size of the largest file with these extents, in bytes.
        held: u64,
    },
    /// An earlier file owns part of an extent, or two extents of the file overlap.
    #[error("extent {offset}+{len} is taken by an earlier file")]
    SharedExtent {
        /// Where the extent starts, in bytes.
        offset: u64,
        /// Its length in bytes.
        len: u64,
    },
    /// An earlier entry, in this slot, made the same name of the same kind.
    #[error("the path was logged before, in slot {0}")]
    Duplicate(u64),
    /// An earlier entry made the same name of the other kind.
    #[error("slot {slot} made the path a {}", if *is_dir { "folder" } else { "file" })]
    OtherKind {
        /// The slot of that entry.
        slot: u64,
        /// Whether it made a folder.
        is_dir: bool,
    },
    /// No earlier entry makes the parent folder.
    #[error("no earlier entry makes its parent folder")]
    NoParent,
    /// An earlier entry, in this slot, made the parent a file.
    #[error("slot {0} made its parent a file")]
    ParentIsFile(u64),
}

impl Refusal {
    /// Returns a stable name for programs.
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

/// Checks what can be checked of a folder without the rest of the log.
///
/// # Errors
///
/// Returns the first check that fails.
pub fn check_dir(dir: &Dir) -> Result<(), Refusal> {
    check_path(&dir.path)?;
    check_owner(dir.uid, dir.gid)
}

/// Checks what can be checked of a file without the rest of the log.
///
/// # Errors
///
/// Returns the first check that fails.
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

/// Checks the counts against the lists, which are never longer than an entry has room for.
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

/// Checks that a path names something below the mount's root.
///
/// # Errors
///
/// Returns the first check that fails.
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
