//! A famfs mount as a [`Tree`]: every path is resolved by the kernel below its root.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat};

use super::owners::{Owners, overlap};
use famfs_machine::kernel::abi;
use famfs_machine::kernel::{confined, options};
use famfs_media::format::Placement;
use famfs_media::player::plan::Owner;
use famfs_media::player::tree::{Found, Mapped, Tree};

#[derive(Debug)]
pub struct MountTree<'fd> {
    root: BorrowedFd<'fd>,
    /// Found out when somebody asks: it takes a look at every file.
    owners: OnceCell<Owners>,
    /// The folder that was looked into last, if that was not the root: the files of a folder
    /// mostly follow one another in a log.
    folder: Option<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

impl<'fd> MountTree<'fd> {
    pub fn new(root: BorrowedFd<'fd>) -> Self {
        Self {
            root,
            owners: OnceCell::new(),
            folder: None,
        }
    }

    fn open(&self, path: &Path, flags: OFlag) -> io::Result<File> {
        // A handle takes no other flag; whatever is opened must not make us wait.
        let flags = if flags.contains(OFlag::O_PATH) {
            flags
        } else {
            flags | OFlag::O_NONBLOCK
        };
        confined::open(self.root, path, flags).map(File::from)
    }

    /// Opens a regular file. Of anything else, `None`: a device node or a pipe must not be
    /// opened, so its kind is asked first.
    fn open_file(&mut self, path: &Path) -> io::Result<Option<File>> {
        let (folder, name) = self.folder_of(path)?;
        let stat = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if kind_of(&stat) != SFlag::S_IFREG {
            return Ok(None);
        }
        let file = confined::open(folder, name.as_ref(), OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
        Ok(Some(file.into()))
    }

    /// The folder that has a name, and the name in it.
    fn folder_of<'p>(&mut self, path: &'p Path) -> io::Result<(BorrowedFd<'_>, &'p OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok((self.root, name));
        }
        let folder = match self.folder.take() {
            Some(last) if last.path.as_os_str() == parent.as_os_str() => last,
            _ => Folder {
                path: parent.to_owned(),
                handle: confined::open(self.root, parent, OFlag::O_PATH | OFlag::O_DIRECTORY)?,
            },
        };
        Ok((self.folder.insert(folder).handle.as_fd(), name))
    }
}

impl Tree for MountTree<'_> {
    fn look(&mut self, path: &Path) -> io::Result<Option<Found>> {
        // The cheap way for a file, which most names are. Whatever comes in its way, the path
        // from the root decides.
        if let Ok(Some(file)) = self.open_file(path) {
            return found(&file).map(Some);
        }
        let stat = match self.open(path, OFlag::O_PATH) {
            Ok(handle) => fstat(handle)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        match kind_of(&stat) {
            SFlag::S_IFDIR => Ok(Some(Found::Dir(owner_of(&stat)))),
            SFlag::S_IFREG => found(&self.open(path, OFlag::O_RDONLY)?).map(Some),
            _ => Ok(Some(Found::Other)),
        }
    }

    fn make_dir(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        let dir = confined::mkdir(self.root, path)?;
        confined::set_owner(&dir, owner.uid, owner.gid, owner.mode)
    }

    fn make_file(
        &mut self,
        path: &Path,
        owner: Owner,
        size: u64,
        placement: &Placement,
    ) -> io::Result<()> {
        let file = confined::create(self.root, path)?;
        let made = give(&file, owner, size, placement);
        if made.is_err() {
            // An empty file without a map would stand for one that is not there.
            confined::remove_file(self.root, path)?;
        } else if let Some(owners) = self.owners.get_mut() {
            owners.add(path, placement.extents());
        }
        made
    }

    fn set_owner(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        let handle = self.open(path, OFlag::O_RDONLY)?;
        confined::set_owner(&handle, owner.uid, owner.gid, owner.mode)
    }

    fn holder(&self, path: &Path, placement: &Placement) -> Option<PathBuf> {
        let owners = self.owners.get_or_init(|| Owners::of_mount(self.root));
        // It may have been put right since.
        let has = |owner: &Path| {
            self.open(owner, OFlag::O_RDONLY)
                .and_then(|file| abi::get_map(file.as_fd()))
                .is_ok_and(|map| map.is_some_and(|map| overlap(&map.extents, placement.extents())))
        };
        let holder = owners.other_than(path, placement.extents(), has)?;
        Some(holder.to_owned())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        options::rename(self.root, from, to)?;
        if let Some(owners) = self.owners.get_mut()
            && let Some(map) =
                abi::get_map(confined::open(self.root, to, OFlag::O_RDONLY)?.as_fd())?
        {
            owners.add(to, &map.extents);
        }
        Ok(())
    }

    fn remove_file(&mut self, path: &Path, mapped: bool) -> io::Result<()> {
        if mapped {
            options::remove_file(self.root, path)
        } else {
            confined::remove_file(self.root, path)
        }
    }
}

/// The owner first: what follows a map could fail, and then the file would have to be
/// removed with its map.
fn give(file: &File, owner: Owner, size: u64, placement: &Placement) -> io::Result<()> {
    confined::set_owner(file, owner.uid, owner.gid, owner.mode)?;
    abi::map(file.as_fd(), size, placement.into())
}

fn kind_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn owner_of(stat: &FileStat) -> Owner {
    Owner {
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
    }
}

fn found(file: &File) -> io::Result<Found> {
    let stat = fstat(file)?;
    let size = u64::try_from(stat.st_size).map_err(io::Error::other)?;
    Ok(Found::File(owner_of(&stat), mapped(file, size)?))
}

fn mapped(file: &File, size: u64) -> io::Result<Mapped> {
    let map = match abi::get_map(file.as_fd()) {
        Ok(Some(map)) => Some(map),
        Ok(None) => return Ok(Mapped::Nothing),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => None,
        Err(e) => return Err(e),
    };
    // A size that was changed and changed back leaves the map unusable too; only a read
    // tells.
    let usable = abi::is_mapped(file.as_fd())?;
    Ok(match map {
        None if usable => Mapped::Hidden { size },
        None if size == 0 => Mapped::Nothing,
        None => Mapped::Invalid,
        Some(map) if !usable || size != map.size => Mapped::Invalid,
        Some(map) => Mapped::Map {
            size: map.size,
            placement: match map.chunk_size {
                Some(chunk_size) => Placement::Interleaved {
                    chunk_size,
                    strips: map.extents,
                },
                None => Placement::Simple(map.extents),
            },
        },
    })
}
