//! A famfs mount as a [`Tree`]: every path is resolved by the kernel below its root.

use std::cell::OnceCell;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

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
}

impl<'fd> MountTree<'fd> {
    pub fn new(root: BorrowedFd<'fd>) -> Self {
        Self {
            root,
            owners: OnceCell::new(),
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
}

impl Tree for MountTree<'_> {
    fn look(&self, path: &Path) -> io::Result<Option<Found>> {
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
        Ok(Some(Found::File(owner_of(&meta), mapped(&file, &meta)?)))
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

fn mapped(file: &File, meta: &Metadata) -> io::Result<Mapped> {
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
        None if usable => Mapped::Hidden { size: meta.len() },
        None if meta.len() == 0 => Mapped::Nothing,
        None => Mapped::Invalid,
        Some(map) if !usable || meta.len() != map.size => Mapped::Invalid,
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
