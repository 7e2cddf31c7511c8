//! What any famfs kernel interface can do, without its numbers and structs.
//!
//! Two interfaces are in use, and no number of one means anything to the other. Which
//! one a kernel speaks is asked at run time; a module that speaks both is spoken to in
//! version 43 for maps, because that version can show them.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

use famfs_cli::env;

use famfs_media::format::Extent;

pub use super::map::{FileType, KernelMap, Shape, Simple};
use super::{Error, kabi43, kabi44};

/// A kernel interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kabi {
    /// 42 and 43.
    V43,
    V44,
}

/// Where a module says which interface it speaks; ours has both files.
const VERSION_43_FILES: [&str; 2] = [
    "/sys/module/famfs/parameters/famfs_kabi_version",
    "/sys/module/famfsv1/parameters/famfs_kabi_version",
];
const VERSION_44_FILE: &str = "/sys/module/famfs/parameters/kabi_version";

/// What the module says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    v43: Option<u32>,
    v44: Option<u32>,
}

impl Said {
    fn read() -> Self {
        let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
        Self {
            v43: VERSION_43_FILES.into_iter().find_map(number),
            v44: number(VERSION_44_FILE),
        }
    }

    /// `None` when it says nothing: then a file is asked.
    fn choose(self, wanted: Option<&str>) -> Result<Option<Kabi>, Error> {
        let v43 = matches!(self.v43, Some(42 | 43)).then_some(Kabi::V43);
        let v44 = matches!(self.v44, Some(44)).then_some(Kabi::V44);
        match wanted {
            Some("43") if v44.is_none() || v43.is_some() => return Ok(Some(Kabi::V43)),
            Some("44") if v43.is_none() || v44.is_some() => return Ok(Some(Kabi::V44)),
            _ => {}
        }
        match (v43.or(v44), self.v43.or(self.v44)) {
            (None, Some(found)) => Err(Error::Kabi { found }),
            (chosen, _) => Ok(chosen),
        }
    }
}

/// The chosen interface; a process speaks one to the end.
static CHOSEN: OnceLock<Kabi> = OnceLock::new();

/// Fails unless the module speaks an interface that this tool speaks.
pub fn check_version() -> Result<(), Error> {
    said().map(drop)
}

fn said() -> Result<Option<Kabi>, Error> {
    let wanted = env::KABI.text();
    Said::read().choose(wanted.as_deref())
}

/// The interface of the kernel behind `file`, which lives in a famfs mount.
pub fn kabi(file: BorrowedFd<'_>) -> Kabi {
    *CHOSEN.get_or_init(|| match said() {
        Ok(Some(kabi)) => kabi,
        // No parameter, or one of a version to come: the no-operation calls tell.
        _ if kabi44::nop(file) && !kabi43::nop(file) => Kabi::V44,
        _ => Kabi::V43,
    })
}

/// Maps one of the two metadata files.
pub fn map_meta(file: BorrowedFd<'_>, file_type: FileType, at: Simple) -> io::Result<()> {
    match kabi(file) {
        Kabi::V43 => kabi43::map_create(file, file_type, at),
        Kabi::V44 => {
            let extent = Extent {
                devindex: 0,
                offset: at.offset,
                len: at.len,
            };
            kabi44::map_create(file, file_type, at.len, Shape::Simple(&[extent]))
        }
    }
}

/// Gives a regular file its size and its map.
pub fn map(file: BorrowedFd<'_>, size: u64, shape: Shape<'_>) -> io::Result<()> {
    match kabi(file) {
        Kabi::V43 => kabi43::map_create_v2(file, size, shape),
        Kabi::V44 => kabi44::map_create(file, FileType::Regular, size, shape),
    }
}

/// Gives a regular file its size and its extents.
pub fn map_file(file: BorrowedFd<'_>, size: u64, extents: &[Extent]) -> io::Result<()> {
    map(file, size, Shape::Simple(extents))
}

/// Gives a regular file its size and its strips.
pub fn map_interleaved(
    file: BorrowedFd<'_>,
    size: u64,
    chunk_size: u64,
    strips: &[Extent],
) -> io::Result<()> {
    map(file, size, Shape::Interleaved { chunk_size, strips })
}

/// The map of a file; `None` for a file of a famfs mount that has none. A kernel that
/// speaks version 44 alone cannot show it: `Unsupported`.
pub fn get_map(file: BorrowedFd<'_>) -> io::Result<Option<KernelMap>> {
    match kabi(file) {
        Kabi::V43 => kabi43::map_get(file),
        Kabi::V44 => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "kernel interface 44 cannot show a file's map",
        )),
    }
}

/// Whether the file's bytes can be reached, which every interface can tell: a read of a
/// file without a map, or with one that a size change made invalid, fails.
pub fn is_mapped(file: BorrowedFd<'_>) -> io::Result<bool> {
    match nix::sys::uio::pread(file, &mut [0], 0) {
        // A file without a byte has no map.
        Ok(n) => Ok(n > 0),
        Err(nix::Error::EIO | nix::Error::ENXIO) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Whether the file lives in a famfs mount.
pub fn is_famfs(file: BorrowedFd<'_>) -> bool {
    kabi43::nop(file) || kabi44::nop(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(v43: Option<u32>, v44: Option<u32>, wanted: Option<&str>) -> Option<Kabi> {
        Said { v43, v44 }.choose(wanted).unwrap()
    }

    #[test]
    fn the_module_says_which() {
        assert_eq!(choose(Some(43), Some(44), None), Some(Kabi::V43));
        assert_eq!(choose(Some(42), None, None), Some(Kabi::V43));
        assert_eq!(choose(None, Some(44), None), Some(Kabi::V44));
        assert_eq!(choose(None, None, None), None);
        // A later number of one file does not hide the other.
        assert_eq!(choose(Some(50), Some(44), None), Some(Kabi::V44));
    }

    #[test]
    fn the_user_chooses_among_what_is_there() {
        assert_eq!(choose(Some(43), Some(44), Some("44")), Some(Kabi::V44));
        assert_eq!(choose(Some(43), Some(44), Some("43")), Some(Kabi::V43));
        assert_eq!(choose(Some(43), None, Some("44")), Some(Kabi::V43));
        assert_eq!(choose(None, Some(44), Some("43")), Some(Kabi::V44));
        assert_eq!(choose(None, None, Some("44")), Some(Kabi::V44));
        assert_eq!(choose(Some(43), Some(44), Some("x")), Some(Kabi::V43));
    }

    #[test]
    fn versions_to_come_are_refused() {
        for (v43, v44) in [(Some(50), None), (None, Some(45)), (Some(41), Some(46))] {
            let refused = Said { v43, v44 }.choose(None);
            assert!(
                matches!(refused, Err(Error::Kabi { .. })),
                "{v43:?} {v44:?}"
            );
        }
    }
}
