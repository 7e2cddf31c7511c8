//! Which path each file has, and where its bytes lie.

use std::sync::Arc;

use super::layout::Layouts;
use crate::probe::Names;
use famfs_machine::mounts;
use famfs_snapshot::model::{FileKey, FileRow, Mount};

/// What is known about files by their device and inode numbers.
#[derive(Debug, Default)]
pub(super) struct Naming {
    pub(super) names: Names,
    layouts: Layouts,
}

impl Naming {
    /// The path of a file through the mount that it is in.
    pub(super) fn path(&mut self, key: &FileKey, all: &[Mount]) -> Option<Arc<str>> {
        let mount = mount(key.dev, all)?;
        self.names.path(key, &mount.mountpoint)
    }

    /// Looks whether files are still where they were, some of them at a time.
    pub(super) fn check(&mut self, all: &[Mount]) {
        for mount in all {
            self.names.check(mount.dev, &mounts::path_of(mount));
        }
    }

    /// Gives every row, sorted by key, its path and its layout. Of `others` the names are looked
    /// for too.
    pub(super) fn name(&mut self, rows: &mut [FileRow], others: &[FileKey], all: &[Mount]) {
        let mountpoint = |dev| mount(dev, all).map(|mount| mount.mountpoint.as_str());
        self.names.tell(rows, mountpoint);
        let unnamed = rows.iter().filter(|row| row.path.is_none());
        let unknown: Vec<FileKey> = unnamed
            .map(|row| row.key)
            .chain(others.iter().copied())
            .collect();
        let mut found = false;
        for mount in all {
            let at = mounts::path_of(mount);
            found |= self.names.search(mount.dev, &at, &unknown);
        }
        if found {
            self.names.tell(rows, mountpoint);
        }
        self.layouts.begin();
        for row in rows {
            let names = &self.names;
            row.layout = self.layouts.of(row.key, || {
                let mount = mount(row.key.dev, all)?;
                names.place(&row.key, &mounts::path_of(mount))
            });
        }
    }
}

fn mount(dev: (u32, u32), all: &[Mount]) -> Option<&Mount> {
    all.iter().find(|mount| mount.dev == dev)
}
