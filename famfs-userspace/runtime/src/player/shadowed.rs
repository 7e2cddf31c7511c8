//! A folder of shadow files as a [`Tree`]: a yaml file for every file of the log.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use crate::device::meta;
use famfs_machine::kernel::confined;
use famfs_media::format::Placement;
use famfs_media::format::entry::FLAGS_ALL_HOSTS_RW;
use famfs_media::player::plan::Owner;
use famfs_media::player::tree::{Found, Mapped, Tree};
use famfs_media::shadow::{LEN_MAX, Shadow};

#[derive(Debug)]
pub struct ShadowTree<'fd> {
    root: Option<BorrowedFd<'fd>>,
}

impl<'fd> ShadowTree<'fd> {
    /// Makes a tree of a folder; without one, of a folder that is not there, which is for looking
    /// only.
    pub fn new(root: Option<BorrowedFd<'fd>>) -> Self {
        Self { root }
    }

    fn root(&self) -> io::Result<BorrowedFd<'fd>> {
        self.root.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, path: &Path, flags: OFlag) -> io::Result<File> {
        // A handle takes no other flag; whatever is opened must not make us wait.
        let flags = if flags.contains(OFlag::O_PATH) {
            flags
        } else {
            flags | OFlag::O_NONBLOCK
        };
        confined::open(self.root()?, path, flags).map(File::from)
    }

    /// Whether a shadow file of this very path is there.
    pub fn is_shadow(&mut self, path: &Path) -> bool {
        matches!(self.look(path), Ok(Some(Found::File(..))))
    }

    fn write(&self, path: &Path, shadow: &Shadow) -> io::Result<()> {
        let mut file = confined::create(self.root()?, path)?;
        let written = file
            .write_all(shadow.to_yaml().as_bytes())
            .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)));
        if written.is_err() {
            confined::remove_file(self.root()?, path)?;
        }
        written
    }
}

impl Tree for ShadowTree<'_> {
    fn look(&mut self, path: &Path) -> io::Result<Option<Found>> {
        let handle = match self.open(path, OFlag::O_PATH) {
            Ok(handle) => handle,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let meta = handle.metadata()?;
        if meta.is_dir() {
            return Ok(Some(Found::Dir(Owner {
                uid: meta.uid(),
                gid: meta.gid(),
                mode: meta.mode() & 0o7777,
            })));
        }
        if !meta.is_file() {
            return Ok(Some(Found::Other));
        }
        let mut text = Vec::new();
        self.open(path, OFlag::O_RDONLY)?
            .take(LEN_MAX as u64 + 1)
            .read_to_end(&mut text)?;
        let shadow = Shadow::parse(&text)
            .map_err(|e| io::Error::other(format!("a file that is no shadow file: {e}")))?;
        if shadow.path.as_bytes() != path.as_os_str().as_bytes() {
            return Err(io::Error::other(format!(
                "the shadow file of {:?} stands in its place",
                shadow.path
            )));
        }
        let (size, placement) = (shadow.size, shadow.placement);
        Ok(Some(Found::File(
            shadow.owner,
            Mapped::Map { size, placement },
        )))
    }

    fn make_dir(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        let dir = confined::mkdir(self.root()?, path)?;
        own_dir(&dir, owner)
    }

    fn make_file(
        &mut self,
        path: &Path,
        owner: Owner,
        size: u64,
        placement: &Placement,
    ) -> io::Result<()> {
        let name = path
            .to_str()
            .ok_or_else(|| io::Error::other("the name is not UTF-8, which yaml must be"))?;
        let shadow = Shadow {
            path: name.to_owned(),
            size,
            // The only flags that were ever logged.
            flags: FLAGS_ALL_HOSTS_RW,
            owner,
            placement: placement.clone(),
        };
        self.write(path, &shadow)
    }

    fn set_owner(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        if let Some(Found::File(_, Mapped::Map { size, placement })) = self.look(path)? {
            self.remove_file(path, false)?;
            self.make_file(path, owner, size, &placement)
        } else {
            let dir = self.open(path, OFlag::O_RDONLY)?;
            own_dir(&dir, owner)
        }
    }

    /// Yaml files have no memory.
    fn holder(&self, _path: &Path, _placement: &Placement) -> Option<PathBuf> {
        None
    }

    /// Never asked for: no file holds what another one wants.
    fn rename(&mut self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove_file(&mut self, path: &Path, _mapped: bool) -> io::Result<()> {
        confined::remove_file(self.root()?, path)
    }
}

/// The shadow files below `root`, by their paths: those that can be read, and that say themselves
/// which file they stand for. What upstream's server keeps in `.meta` is not among them.
pub fn written(root: BorrowedFd<'_>) -> Vec<PathBuf> {
    let mut tree = ShadowTree::new(Some(root));
    let start = PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd()));
    let (mut folders, mut found) = (vec![PathBuf::new()], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(start.join(&folder)).into_iter().flatten();
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && path.as_os_str() != meta::DIR => folders.push(path),
                Ok(kind) if kind.is_file() && tree.is_shadow(&path) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found
}

/// Gives a folder its owner and mode as far as this user may.
fn own_dir(dir: &File, owner: Owner) -> io::Result<()> {
    match confined::set_owner(dir, owner.uid, owner.gid, owner.mode) {
        // Not root: the folder is this user's, and nobody serves it to others.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            dir.set_permissions(Permissions::from_mode(owner.mode | 0o700))
        }
        done => done,
    }
}
