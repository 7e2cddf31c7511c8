//! Where the bytes of a file lie, asked of the kernel once per file.

use std::{
    collections::HashMap,
    fs::File,
    os::{
        fd::AsFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::{
    kernel::abi,
    model::{Extent, FileKey, Layout},
};

/// Files asked about in one poll, at most.
const MOST_PER_POLL: usize = 64;

/// Extents kept of one file, at most.
const MOST_EXTENTS: usize = 1024;

/// What was found out, also that there is nothing to be found out.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    known: HashMap<FileKey, Option<Arc<Layout>>, RandomState>,
    asked: usize,
}

impl Layouts {
    /// A new poll may ask again.
    pub(super) fn begin(&mut self) {
        self.asked = 0;
    }

    /// The layout of the file at `place`, which must still be the file that `key` names.
    pub(super) fn of(
        &mut self,
        key: FileKey,
        place: impl FnOnce() -> Option<PathBuf>,
    ) -> Option<Arc<Layout>> {
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // Not found out yet; perhaps at the next poll.
        if self.asked == MOST_PER_POLL {
            return None;
        }
        let place = place()?;
        self.asked += 1;
        let found = ask(key, &place).map(Arc::new);
        self.known.insert(key, found.clone());
        found
    }
}

fn ask(key: FileKey, place: &Path) -> Option<Layout> {
    let file = File::options()
        .read(true)
        // The name may stand for something else by now: no link is followed, no FIFO waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(place)
        .ok()?;
    let found = file.metadata().ok()?;
    let dev = (
        u32::try_from(nix::sys::stat::major(found.dev())).ok()?,
        u32::try_from(nix::sys::stat::minor(found.dev())).ok()?,
    );
    if (dev, found.ino()) != (key.dev, key.ino) || !found.is_file() {
        return None;
    }
    if !abi::is_famfs(file.as_fd()) {
        return None;
    }
    let map = abi::get_map(file.as_fd()).ok()??;
    let extents = (map.extents.iter())
        .take(MOST_EXTENTS)
        .map(|extent| {
            Some(Extent {
                device: u32::try_from(extent.devindex).ok()?,
                offset: extent.offset,
                len: extent.len,
            })
        })
        .collect::<Option<_>>()?;
    Some(Layout {
        size: map.size,
        chunk: map.chunk_size,
        extents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_of_famfs_is_asked_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = file.as_file().metadata().unwrap();
        let major = u32::try_from(nix::sys::stat::major(found.dev())).unwrap();
        let minor = u32::try_from(nix::sys::stat::minor(found.dev())).unwrap();
        let key = FileKey {
            dev: (major, minor),
            ino: found.ino(),
        };
        let mut layouts = Layouts::default();
        assert_eq!(layouts.of(key, || None), None);
        assert_eq!((layouts.asked, layouts.known.len()), (0, 0));
        for _ in 0..2 {
            assert_eq!(layouts.of(key, || Some(file.path().into())), None);
            assert_eq!((layouts.asked, layouts.known.len()), (1, 1));
        }
    }

    #[test]
    fn a_poll_asks_about_so_many_files_and_the_next_about_more() {
        let mut layouts = Layouts::default();
        let nowhere = || Some(PathBuf::from("/nonexistent"));
        let key = |ino| FileKey { dev: (0, 25), ino };
        for ino in 0..100 {
            layouts.of(key(ino), nowhere);
        }
        assert_eq!(layouts.known.len(), MOST_PER_POLL);
        layouts.begin();
        for ino in 0..100 {
            layouts.of(key(ino), nowhere);
        }
        assert_eq!(layouts.known.len(), 100);
    }
}
