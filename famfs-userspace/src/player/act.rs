//! Carries out a plan below the root of a mount. Doing it twice is doing it once.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::plan::{Action, Make, Plan, Refused, Stop};
use crate::host::Role;
use crate::kernel::abi;
use crate::kernel::{confined, options};
use crate::media::Extent;

/// What a play did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub new_files: u64,
    pub new_dirs: u64,
    /// Files and folders that were there already, as logged.
    pub existing: u64,
    pub refused: Vec<Refused>,
    pub failed: Vec<Failed>,
    pub stop: Option<Stop>,
}

/// An entry that the kernel or the mount did not take.
#[derive(Clone, Debug)]
pub struct Failed {
    pub index: u64,
    pub offset: u64,
    pub path: String,
    pub reason: String,
}

impl Outcome {
    /// Whether every counted entry is in the mount now.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.failed.is_empty() && self.stop.is_none()
    }
}

/// What one action came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    New,
    Existing,
}

/// Plays a plan below `root`. With `dry_run` it only counts.
pub fn play(plan: &Plan, root: BorrowedFd<'_>, role: Role, dry_run: bool) -> Outcome {
    let mut outcome = Outcome {
        refused: plan.refused.clone(),
        stop: plan.stop.clone(),
        ..Outcome::default()
    };
    for action in &plan.actions {
        let path = Path::new(std::ffi::OsStr::from_bytes(action.path.bytes()));
        let done = match (&action.make, dry_run) {
            (Make::Dir, false) => make_dir(root, path, action),
            (
                Make::File {
                    chunk_size: Some(_),
                    ..
                },
                _,
            ) => Err(io::Error::other(
                "its map is interleaved, which the famfs module cannot map yet",
            )),
            (Make::File { size, extents, .. }, false) => {
                make_file(root, path, action, role, *size, extents)
            }
            (_, true) => Ok(look(root, path)),
        };
        match (done, &action.make) {
            (Ok(Done::Existing), _) => outcome.existing += 1,
            (Ok(Done::New), Make::Dir) => outcome.new_dirs += 1,
            (Ok(Done::New), Make::File { .. }) => outcome.new_files += 1,
            (Err(e), _) => outcome.failed.push(Failed {
                index: action.index,
                offset: action.offset,
                path: action.path.lossy(),
                reason: e.to_string(),
            }),
        }
    }
    outcome
}

fn look(root: BorrowedFd<'_>, path: &Path) -> Done {
    match confined::open(root, path, OFlag::O_PATH) {
        Ok(_) => Done::Existing,
        Err(_) => Done::New,
    }
}

fn make_dir(root: BorrowedFd<'_>, path: &Path, action: &Action) -> io::Result<Done> {
    match confined::mkdir(root, path) {
        Ok(dir) => {
            confined::set_owner(&dir, action.uid, action.gid, action.mode)?;
            Ok(Done::New)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            confined::open(root, path, OFlag::O_DIRECTORY)
                .map_err(|_not_a_dir| io::Error::other("something else stands in its place"))?;
            Ok(Done::Existing)
        }
        Err(e) => Err(e),
    }
}

fn make_file(
    root: BorrowedFd<'_>,
    path: &Path,
    action: &Action,
    role: Role,
    size: u64,
    extents: &[Extent],
) -> io::Result<Done> {
    let file = match confined::create(root, path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            match open_existing(root, path, size, extents)? {
                Some(unmapped) => unmapped,
                None => return Ok(Done::Existing),
            }
        }
        Err(e) => return Err(e),
    };
    let allowed = action.mode & role.mode_mask();
    let made = abi::map_file(file.as_fd(), size, extents)
        .and_then(|()| confined::set_owner(&file, action.uid, action.gid, allowed));
    if let Err(e) = made {
        // An empty file without a map would stand for one that is not there.
        options::remove_file(root, path)?;
        return Err(e);
    }
    Ok(Done::New)
}

/// `None` when the file has the map that was logged; the file when it has none at all,
/// as one that an interrupted play left.
fn open_existing(
    root: BorrowedFd<'_>,
    path: &Path,
    size: u64,
    extents: &[Extent],
) -> io::Result<Option<File>> {
    let open = |flags| confined::open(root, path, flags | OFlag::O_NONBLOCK).map(File::from);
    let found = open(OFlag::O_RDONLY)?;
    if !found.metadata()?.is_file() {
        return Err(io::Error::other("something else stands in its place"));
    }
    match abi::get_map(found.as_fd())? {
        Some(map) if map.size == size && map.extents == extents => Ok(None),
        Some(map) => Err(io::Error::other(format!(
            "a file of {} bytes with another map stands in its place",
            map.size
        ))),
        None => open(OFlag::O_RDWR).map(Some),
    }
}
