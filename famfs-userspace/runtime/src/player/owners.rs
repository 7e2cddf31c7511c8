//! Which file of a mount has which part of the device: asked when a file cannot have its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use famfs_machine::kernel::{abi, confined};
use famfs_media::format::Extent;

/// The pieces of all files, by device and offset. The kernel lets no two overlap.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    pieces: BTreeMap<(u64, u64), Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    end: u64,
    path: PathBuf,
}

impl Owners {
    /// Asks the kernel for the map of every file below `root`. A file whose map it does not
    /// tell owns nothing here.
    pub fn of_mount(root: BorrowedFd<'_>) -> Self {
        let mut owners = Self::default();
        let start = PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd()));
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(start.join(&folder)).into_iter().flatten();
            for entry in entries.flatten() {
                let path = folder.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    Ok(kind) if kind.is_file() => {
                        if let Ok(file) = confined::open(root, &path, OFlag::O_RDONLY)
                            && let Ok(Some(map)) = abi::get_map(file.as_fd())
                        {
                            owners.add(&path, &map.extents);
                        }
                    }
                    _ => {}
                }
            }
        }
        owners
    }

    /// Notes what a file has. What was known of others at the same places is forgotten.
    pub fn add(&mut self, path: &Path, extents: &[Extent]) {
        for extent in extents {
            let at = (extent.devindex, extent.offset);
            let end = extent.offset.saturating_add(extent.len);
            // What lies there has become untrue; left in, it would hide its neighbours.
            let untrue: Vec<_> = self.among(extent).map(|(at, _)| *at).collect();
            for at in untrue {
                self.pieces.remove(&at);
            }
            let path = path.to_owned();
            self.pieces.insert(at, Piece { end, path });
        }
    }

    /// The pieces that have a byte of this one, the last first.
    fn among(&self, extent: &Extent) -> impl Iterator<Item = (&(u64, u64), &Piece)> {
        let (device, start) = (extent.devindex, extent.offset);
        let end = start.saturating_add(extent.len);
        self.pieces
            .range((device, 0)..(device, end))
            .rev()
            .take_while(move |(_, piece)| piece.end > start)
    }

    /// A file that has a byte of one of these, and is not `path`. `still` says whether one that
    /// was seen to have it has it now.
    pub fn other_than(
        &self,
        path: &Path,
        extents: &[Extent],
        still: impl Fn(&Path) -> bool,
    ) -> Option<&Path> {
        extents.iter().find_map(|extent| {
            self.among(extent)
                .map(|(_, piece)| piece.path.as_path())
                .find(|owner| *owner != path && still(owner))
        })
    }
}

/// Whether two lists of pieces have a byte in common.
pub fn overlap(some: &[Extent], others: &[Extent]) -> bool {
    let end = |e: &Extent| e.offset.saturating_add(e.len);
    some.iter().any(|a| {
        others
            .iter()
            .any(|b| a.devindex == b.devindex && a.offset < end(b) && b.offset < end(a))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(devindex: u64, offset: u64, len: u64) -> Extent {
        Extent {
            devindex,
            offset,
            len,
        }
    }

    #[test]
    fn who_overlaps_is_found() {
        let mut owners = Owners::default();
        owners.add("a".as_ref(), &[at(0, 10, 10), at(0, 40, 10)]);
        owners.add("b".as_ref(), &[at(0, 20, 20), at(1, 0, u64::MAX)]);
        let find = |extents: &[Extent]| {
            owners
                .other_than(Path::new("me"), extents, |_| true)
                .map(|path| path.to_str().unwrap())
        };
        assert_eq!(find(&[at(0, 0, 10)]), None);
        assert_eq!(find(&[at(0, 0, 11)]), Some("a"));
        assert_eq!(find(&[at(0, 19, 1)]), Some("a"));
        assert_eq!(find(&[at(0, 50, 1), at(0, 25, 1)]), Some("b"));
        assert_eq!(find(&[at(0, 50, u64::MAX)]), None);
        assert_eq!(find(&[at(1, 5, 1)]), Some("b"));
        assert_eq!(find(&[at(2, 5, 1)]), None);
        // Two pieces away from the end of the range, and not the file itself.
        assert_eq!(
            owners.other_than("a".as_ref(), &[at(0, 15, 30)], |_| true),
            Some(Path::new("b"))
        );
        let own = owners.other_than("a".as_ref(), &[at(0, 10, 10)], |_| true);
        assert_eq!(own, None);
        // One that has it no more is passed over.
        let all = [at(0, 0, 50)];
        let other = owners.other_than("me".as_ref(), &all, |owner| owner == Path::new("a"));
        assert_eq!(other, Some(Path::new("a")));
        // A new one takes the place of what lay there, and hides no neighbour.
        owners.add("c".as_ref(), &[at(0, 12, 2), at(0, 30, 15)]);
        let find = |extent| owners.other_than("me".as_ref(), &[extent], |_| true);
        assert_eq!(find(at(0, 10, 2)), None);
        assert_eq!(find(at(0, 0, 20)), Some(Path::new("c")));
        assert_eq!(find(at(0, 44, 1)), Some(Path::new("c")));
    }
}
