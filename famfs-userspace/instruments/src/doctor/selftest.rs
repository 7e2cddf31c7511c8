//! One page fault, made on purpose on a file of DAX memory.

use std::{
    fs::{self, File},
    io,
    num::NonZeroUsize,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::sys::{
    mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, munmap},
    stat::{major, minor},
};

use famfs_machine::mounts;
use famfs_snapshot::model::{FileKey, Mount, MountState};

const PAGE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// There in every famfs, and nobody maps it in the course of work.
const QUIET: &str = ".meta/.superblock";

/// How many entries of a mount are looked at before the search for a file ends.
const MOST_ENTRIES: usize = 4096;

/// A file to fault on, opened.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) key: FileKey,
    file: File,
}

impl Target {
    /// This file, if it is one that a fault can be made on.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // A pipe or a tape would block; neither can be mapped.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.len() == 0 {
            return Err(io::Error::other("it is empty"));
        }
        if !is_dax(&file)? {
            return Err(io::Error::other("it is not on DAX memory"));
        }
        let dev = metadata.dev();
        let number = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
        Ok(Self {
            path: path.to_owned(),
            key: FileKey {
                dev: (number(major(dev)), number(minor(dev))),
                ino: metadata.ino(),
            },
            file,
        })
    }

    /// The first file of the mounts that will do, or why there is none.
    pub(super) fn find(mounts: &[Mount]) -> Result<Self, String> {
        let mut why = "no famfs is mounted".to_owned();
        for mount in mounts
            .iter()
            .filter(|mount| mount.state != MountState::Disabled)
        {
            let root = &mounts::path_of(mount);
            match Self::open(&root.join(QUIET)) {
                Ok(target) => return Ok(target),
                Err(error) => why = format!("{}: {error}", root.join(QUIET).display()),
            }
            if let Some(target) = Self::search(root) {
                return Ok(target);
            }
        }
        Err(why)
    }

    /// Folder by folder; links and other file systems do not occur in famfs.
    fn search(root: &Path) -> Option<Self> {
        let mut folders = vec![root.to_owned()];
        let mut left = MOST_ENTRIES;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).ok()?.flatten() {
                left = left.checked_sub(1)?;
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && let Ok(target) = Self::open(&entry.path())
                {
                    return Some(target);
                }
            }
        }
        None
    }

    /// Maps the first page again, by itself, and reads from it: exactly one fault of 4 KiB.
    pub(super) fn fault(&self) -> io::Result<()> {
        let flags = MapFlags::MAP_SHARED;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing else.
        let page = unsafe { mmap(None, PAGE, ProtFlags::PROT_READ, flags, &self.file, 0) }?;
        // SAFETY: the page was mapped above. A kernel without huge pages refuses the advice,
        // and needs none: otherwise 2 MiB would be tried first, which is a fault of its own.
        let _ = unsafe { madvise(page, PAGE.get(), MmapAdvise::MADV_NOHUGEPAGE) };
        // SAFETY: inside the mapping, and the file is not empty. A memory error there would be
        // a SIGBUS, as for everyone who reads it.
        let _: u8 = unsafe { page.cast::<u8>().read_volatile() };
        // SAFETY: the mapping is ours, and nothing points into it any more.
        unsafe { munmap(page, PAGE.get()) }?;
        Ok(())
    }
}

fn is_dax(file: &File) -> io::Result<bool> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: integers only, for which zeros are a value.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, the path is empty and terminated, and the buffer is of
    // the type that the call fills.
    let done = unsafe {
        libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            libc::STATX_BASIC_STATS,
            &raw mut found,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found.stx_attributes & libc::STATX_ATTR_DAX as u64 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        Target::open(path).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_faulted_on_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refusal(folder.path()), "it is no regular file");
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert_eq!(refusal(&file), "it is empty");
        fs::write(&file, b"x").unwrap();
        assert_eq!(refusal(&file), "it is not on DAX memory");
        assert!(Target::search(folder.path()).is_none());
        assert_eq!(Target::find(&[]).unwrap_err(), "no famfs is mounted");
    }
}
