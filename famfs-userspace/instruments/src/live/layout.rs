//! Where the bytes of a file lie, asked of the kernel once per file and then now and again.

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

use famfs_machine::kernel::abi;
use famfs_snapshot::model::{Extent, FileKey, Layout};

/// Files asked about for the first time in one poll, at most.
const MOST_PER_POLL: usize = 512;

/// Extents kept of one file, at most.
const MOST_EXTENTS: usize = 1024;

/// Files asked about again in one poll, at most.
const MOST_AGAIN_PER_POLL: usize = 64;

/// Polls after which a file is asked about again: a file system that was made and mounted again may
/// have given its number to another file.
const POLLS_UNTIL_AGAIN: u64 = 10;

/// What was found out, also that there is nothing to be found out.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    known: HashMap<FileKey, Known, RandomState>,
    poll: u64,
    asked: usize,
    asked_again: usize,
    /// The last file that was asked about again, and the one of the poll before if that left some
    /// out: this poll goes on behind it.
    last_again: Option<FileKey>,
    behind: Option<FileKey>,
}

#[derive(Debug)]
struct Known {
    layout: Option<Arc<Layout>>,
    /// The poll that asked.
    poll: u64,
}

impl Layouts {
    /// A new poll may ask again.
    pub(super) fn begin(&mut self) {
        self.poll += 1;
        self.behind = self
            .last_again
            .take()
            .filter(|_| self.asked_again == MOST_AGAIN_PER_POLL);
        self.asked = 0;
        self.asked_again = 0;
    }

    /// The layout of the file at `place`, which must still be the file that `key` names.
    pub(super) fn of(
        &mut self,
        key: FileKey,
        place: impl FnOnce() -> Option<PathBuf>,
    ) -> Option<Arc<Layout>> {
        self.with(key, place, ask)
    }

    fn with(
        &mut self,
        key: FileKey,
        place: impl FnOnce() -> Option<PathBuf>,
        ask: impl FnOnce(FileKey, &Path) -> Option<Layout>,
    ) -> Option<Arc<Layout>> {
        let known = self.known.get_mut(&key);
        let may = match &known {
            None => self.asked < MOST_PER_POLL,
            Some(known) => {
                self.poll - known.poll >= POLLS_UNTIL_AGAIN
                    && self.asked_again < MOST_AGAIN_PER_POLL
                    && self.behind.is_none_or(|behind| key > behind)
            }
        };
        // Not found out yet; perhaps at the next poll.
        let Some(place) = may.then(place).flatten() else {
            return known.and_then(|known| known.layout.clone());
        };
        let poll = self.poll;
        let Some(known) = known else {
            self.asked += 1;
            let layout = ask(key, &place).map(Arc::new);
            let found = layout.clone();
            self.known.insert(key, Known { layout, poll });
            return found;
        };
        self.asked_again += 1;
        self.last_again = Some(key);
        known.poll = poll;
        // What is not there any more may be mapped still: what was known of it stays.
        if let Some(now) = ask(key, &place)
            && known.layout.as_deref() != Some(&now)
        {
            known.layout = Some(Arc::new(now));
        }
        known.layout.clone()
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

    fn key(ino: u64) -> FileKey {
        FileKey { dev: (0, 25), ino }
    }

    /// What was asked, by poll: of `files` files, the layout that each showed.
    fn shown(layouts: &mut Layouts, files: u64, size: u64) -> Vec<Option<u64>> {
        layouts.begin();
        let answer = |_: FileKey, _: &Path| {
            Some(Layout {
                size,
                ..Layout::default()
            })
        };
        (0..files)
            .map(|ino| layouts.with(key(ino), || Some("/x".into()), answer))
            .map(|layout| layout.map(|layout| layout.size))
            .collect()
    }

    #[test]
    fn a_file_replayed_under_its_number_is_found_out() {
        let mut layouts = Layouts::default();
        assert_eq!(shown(&mut layouts, 1, 10), [Some(10)]);
        for _ in 1..POLLS_UNTIL_AGAIN {
            assert_eq!(shown(&mut layouts, 1, 20), [Some(10)], "not yet");
        }
        assert_eq!(shown(&mut layouts, 1, 20), [Some(20)]);
        assert_eq!(
            shown(&mut layouts, 1, 30),
            [Some(20)],
            "it has just been asked"
        );
    }

    #[test]
    fn what_is_gone_keeps_what_was_known_of_it() {
        let mut layouts = Layouts::default();
        shown(&mut layouts, 1, 10);
        layouts.poll += POLLS_UNTIL_AGAIN;
        let gone = layouts.with(key(0), || Some("/x".into()), |_, _| None);
        assert_eq!(gone.map(|layout| layout.size), Some(10));
    }

    #[test]
    fn a_poll_asks_about_few_of_those_that_it_knows_and_each_has_its_turn() {
        // More than have their turn before the first is due again.
        const TURNS: usize = 40;
        let files = (TURNS * MOST_AGAIN_PER_POLL) as u64;
        let mut layouts = Layouts::default();
        while layouts.known.len() < TURNS * MOST_AGAIN_PER_POLL {
            shown(&mut layouts, files, 10);
        }
        layouts.poll += POLLS_UNTIL_AGAIN;
        for polls in 1..=TURNS {
            let sizes = shown(&mut layouts, files, 20);
            let now = sizes.iter().filter(|size| **size == Some(20)).count();
            assert_eq!(now, polls * MOST_AGAIN_PER_POLL);
        }
    }

    #[test]
    fn a_poll_asks_about_so_many_files_and_the_next_about_more() {
        let mut layouts = Layouts::default();
        let nowhere = || Some(PathBuf::from("/nonexistent"));
        let files = MOST_PER_POLL as u64 + 100;
        for known in [MOST_PER_POLL, MOST_PER_POLL + 100] {
            layouts.begin();
            for ino in 0..files {
                layouts.of(key(ino), nowhere);
            }
            assert_eq!(layouts.known.len(), known);
        }
    }
}
