//! A famfs mount as the tests think of it: names with owners and maps, no two of which
//! share a byte.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use famfs_media::format::{Extent, Placement};
use famfs_media::player::Tree;
use famfs_media::player::plan::Owner;
use famfs_media::player::tree::{Found, Mapped};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) nodes: BTreeMap<PathBuf, Found>,
    /// Files that are removed but still open somewhere: their memory stays taken.
    pub(crate) orphans: Vec<Placement>,
    /// How often something was changed.
    pub(crate) changes: u64,
}

impl Model {
    pub(crate) fn names(&self) -> Vec<String> {
        self.nodes
            .keys()
            .map(|p| p.to_string_lossy().into_owned())
            .collect()
    }

    fn parent_is_there(&self, path: &Path) -> io::Result<()> {
        assert!(
            path.components().all(|c| matches!(c, Component::Normal(_))),
            "{} leaves the mount",
            path.display()
        );
        let parent = path.parent().unwrap();
        if parent.as_os_str().is_empty() || matches!(self.nodes.get(parent), Some(Found::Dir(_))) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn check_free(&self, placement: &Placement) -> io::Result<()> {
        let taken = self
            .nodes
            .values()
            .filter_map(|found| match found {
                Found::File(_, Mapped::Map { placement, .. }) => Some(placement),
                _ => None,
            })
            .chain(&self.orphans);
        let overlap =
            |a: &Extent, b: &Extent| a.offset < b.offset + b.len && b.offset < a.offset + a.len;
        for other in taken {
            for a in other.extents() {
                if placement.extents().iter().any(|b| overlap(a, b)) {
                    return Err(io::Error::from_raw_os_error(16));
                }
            }
        }
        Ok(())
    }
}

impl Tree for Model {
    fn look(&mut self, path: &Path) -> io::Result<Option<Found>> {
        // Nothing is below a file that stands where a folder was logged.
        if self.parent_is_there(path).is_err() {
            return Ok(None);
        }
        Ok(self.nodes.get(path).cloned())
    }

    fn make_dir(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        self.parent_is_there(path)?;
        if self.nodes.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.changes += 1;
        self.nodes.insert(path.to_owned(), Found::Dir(owner));
        Ok(())
    }

    fn make_file(
        &mut self,
        path: &Path,
        owner: Owner,
        size: u64,
        placement: &Placement,
    ) -> io::Result<()> {
        self.parent_is_there(path)?;
        if self.nodes.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.check_free(placement)?;
        self.changes += 1;
        let placement = placement.clone();
        let file = Found::File(owner, Mapped::Map { size, placement });
        self.nodes.insert(path.to_owned(), file);
        Ok(())
    }

    fn set_owner(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        self.changes += 1;
        match self.nodes.get_mut(path) {
            Some(Found::Dir(has) | Found::File(has, _)) => *has = owner,
            other => panic!("{other:?} has no owner"),
        }
        Ok(())
    }

    fn holder(&self, path: &Path, placement: &Placement) -> Option<PathBuf> {
        let overlap =
            |a: &Extent, b: &Extent| a.offset < b.offset + b.len && b.offset < a.offset + a.len;
        let wanted = placement.extents();
        let holds = |has: &Placement| {
            let mut has = has.extents().iter();
            has.any(|a| wanted.iter().any(|b| overlap(a, b)))
        };
        self.nodes.iter().find_map(|(name, found)| match found {
            Found::File(_, Mapped::Map { placement, .. }) if name != path && holds(placement) => {
                Some(name.clone())
            }
            _ => None,
        })
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.parent_is_there(to)?;
        if self.nodes.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.changes += 1;
        let node = self.nodes.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.nodes.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove_file(&mut self, path: &Path, mapped: bool) -> io::Result<()> {
        self.changes += 1;
        match self.nodes.remove(path) {
            Some(Found::File(_, Mapped::Map { .. })) => assert!(mapped),
            Some(Found::File(..)) => assert!(!mapped),
            other => panic!("{other:?} is no file"),
        }
        Ok(())
    }
}
