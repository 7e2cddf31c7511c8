//! What a play asks of the place it fills. A mount is one; a model in a test another.

use std::io;
use std::path::{Path, PathBuf};

use super::plan::Owner;
use crate::format::Placement;

/// Something that stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Dir(Owner),
    File(Owner, Mapped),
    /// Neither: nothing that a play makes.
    Other,
}

/// What a file has under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// Nothing: made by hand, or by a play that was interrupted.
    Nothing,
    /// A map that the kernel refuses to use since the file's size was changed.
    Invalid,
    Map {
        size: u64,
        placement: Placement,
    },
    /// A map that this kernel does not show.
    Hidden {
        size: u64,
    },
}

/// Paths are relative, and checked; what is done to one never leaves the tree.
pub trait Tree {
    /// What is there, or nothing.
    fn look(&mut self, path: &Path) -> io::Result<Option<Found>>;

    /// Makes a folder. `AlreadyExists` where something is.
    fn make_dir(&mut self, path: &Path, owner: Owner) -> io::Result<()>;

    /// Makes a file with its map, or nothing at all. `AlreadyExists` where something is.
    fn make_file(
        &mut self,
        path: &Path,
        owner: Owner,
        size: u64,
        placement: &Placement,
    ) -> io::Result<()>;

    fn set_owner(&mut self, path: &Path, owner: Owner) -> io::Result<()>;

    /// Another file that has some of this memory, where the tree can tell.
    fn holder(&self, path: &Path, placement: &Placement) -> Option<PathBuf>;

    /// Gives a file another name. `AlreadyExists` where something is.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; `mapped` says whether its map is in use.
    fn remove_file(&mut self, path: &Path, mapped: bool) -> io::Result<()>;
}
