//! The place that a play fills: a mount, a folder of shadow files, or a model in a test.

use std::io;
use std::path::{Path, PathBuf};

use super::plan::Owner;
use crate::format::Placement;

/// What is there under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A folder.
    Dir(Owner),
    /// A file, and what memory it has.
    File(Owner, Mapped),
    /// Something else, which no play makes.
    Other,
}

/// The memory that a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// None: the file was made by hand, or by a play that was interrupted.
    Nothing,
    /// A map that the kernel no longer uses, because the file's size was changed.
    Invalid,
    /// A map.
    Map {
        /// The file's size in bytes.
        size: u64,
        /// Where its bytes lie.
        placement: Placement,
    },
    /// A map that this kernel does not show.
    Hidden {
        /// The file's size in bytes.
        size: u64,
    },
}

/// A tree of names. Paths are relative to its root and were checked; nothing that is done to one
/// leaves the tree.
///
/// # Errors
///
/// Each function returns the error of the system call that failed.
pub trait Tree {
    /// Returns what is there under a name, or nothing.
    fn look(&mut self, path: &Path) -> io::Result<Option<Found>>;

    /// Makes a folder. Fails with `AlreadyExists` if the name is taken.
    fn make_dir(&mut self, path: &Path, owner: Owner) -> io::Result<()>;

    /// Makes a file with its map, or nothing at all. Fails with `AlreadyExists` if the name is
    /// taken, and with `ResourceBusy` if another file has some of its memory.
    fn make_file(
        &mut self,
        path: &Path,
        owner: Owner,
        size: u64,
        placement: &Placement,
    ) -> io::Result<()>;

    /// Changes owner, group and permission bits.
    fn set_owner(&mut self, path: &Path, owner: Owner) -> io::Result<()>;

    /// Returns another file that has some of this memory, if the tree can tell.
    fn holder(&self, path: &Path, placement: &Placement) -> Option<PathBuf>;

    /// Gives a file another name. Fails with `AlreadyExists` if that is taken.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. `mapped` says whether its map is in use.
    fn remove_file(&mut self, path: &Path, mapped: bool) -> io::Result<()>;
}
