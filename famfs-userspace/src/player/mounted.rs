//! A famfs mount as a [`Tree`]: every path is resolved by the kernel below its root.

use std::cell::OnceCell;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, SFlag, fstatat};

use super::memory::Owners;
use super::plan::Owner;
use super::tree::{Found, Mapped, Tree};
use crate::kernel::abi::{self, Shape};
use crate::kernel::{confined, options};
use crate::media::Placement;

#[derive(Debug)]
pub struct MountTree<'fd> {
    root: BorrowedFd<'fd>,
    /// Found out when somebody asks: it takes a look at every file.
    owners: OnceCell<Owners>,
    /// The file that was to be made last, if something stood there already. When a log is played
    /// again that is so for all of them, and a look costs less than an attempt to make one.
    in_the_way: Option<InTheWay>,
}

/// A name, and what [`MountTree::seems`] said of it.
#[derive(Debug)]
struct InTheWay {
    path: PathBuf,
    stat: Option<FileStat>,
}

impl<'fd> MountTree<'fd> {
    pub fn new(root: BorrowedFd<'fd>) -> Self {
        Self {
            root,
            owners: OnceCell::new(),
            in_the_way: None,
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

    /// What seems to stand under a name. Unlike [`Self::open`] this follows a symlink in the
    /// place of a folder: what it says holds for the mount once the file could be opened.
    fn seems(&self, path: &Path) -> Option<FileStat> {
        fstatat(self.root, path, AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    /// The same, if that is a regular file; not asked twice in a row.
    fn seems_a_file(&self, path: &Path) -> Option<FileStat> {
        let known = self.in_the_way.as_ref().filter(|it| it.path == path);
        let stat = known.and_then(|it| it.stat).or_else(|| self.seems(path))?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        (kind == SFlag::S_IFREG).then_some(stat)
    }
}

impl Tree for MountTree<'_> {
    fn look(&self, path: &Path) -> io::Result<Option<Found>> {
        // Three calls less for each file than the careful way below.
        if let Some(stat) = self.seems_a_file(path)
            && let Ok(file) = self.open(path, OFlag::O_RDONLY)
        {
            let owner = Owner {
                uid: stat.st_uid,
                gid: stat.st_gid,
                mode: stat.st_mode & 0o7777,
            };
            let size = u64::try_from(stat.st_size).map_err(io::Error::other)?;
            return Ok(Some(Found::File(owner, mapped(&file, size)?)));
        }
        let meta = match self.open(path, OFlag::O_PATH) {
            Ok(handle) => handle.metadata()?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        if meta.is_dir() {
            return Ok(Some(Found::Dir(owner_of(&meta))));
        }
        // A device node or a pipe must not be opened.
        if !meta.is_file() {
            return Ok(Some(Found::Other));
        }
        let file = self.open(path, OFlag::O_RDONLY)?;
        let meta = file.metadata()?;
        Ok(Some(Found::File(
            owner_of(&meta),
            mapped(&file, meta.len())?,
        )))
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
        if let Some(last) = &mut self.in_the_way {
            path.clone_into(&mut last.path);
            last.stat = fstatat(self.root, path, AtFlags::AT_SYMLINK_NOFOLLOW).ok();
            if last.stat.is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        }
        let file = confined::create(self.root, path);
        let existed = file
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::AlreadyExists);
        self.in_the_way = existed.then(|| InTheWay {
            path: path.to_owned(),
            stat: None,
        });
        let file = file?;
        let made = give(&file, owner, size, placement);
        if made.is_err() {
            // An empty file without a map would stand for one that is not there.
            confined::remove_file(self.root, path)?;
        }
        made
    }

    fn map_file(
        &mut self,
        path: &Path,
        owner: Owner,
        size: u64,
        placement: &Placement,
    ) -> io::Result<()> {
        give(&self.open(path, OFlag::O_RDWR)?, owner, size, placement)
    }

    fn set_owner(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        let handle = self.open(path, OFlag::O_RDONLY)?;
        confined::set_owner(&handle, owner.uid, owner.gid, owner.mode)
    }

    fn holder(&self, path: &Path, placement: &Placement) -> Option<PathBuf> {
        let owners = self.owners.get_or_init(|| Owners::of_mount(self.root));
        let holder = owners.other_than(path, placement.extents())?;
        // It may have been put right since.
        self.open(holder, OFlag::O_PATH).ok()?;
        Some(holder.to_owned())
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
    let shape = match placement {
        Placement::Simple(extents) => Shape::Simple(extents),
        Placement::Interleaved { chunk_size, strips } => Shape::Interleaved {
            chunk_size: *chunk_size,
            strips,
        },
    };
    abi::map(file.as_fd(), size, shape)
}

fn owner_of(meta: &Metadata) -> Owner {
    Owner {
        uid: meta.uid(),
        gid: meta.gid(),
        mode: meta.mode() & 0o7777,
    }
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
