//! Which path each file has, and where its bytes lie.

use std::{path::Path, sync::Arc};

use super::layout::Layouts;
use crate::{
    model::{FileKey, FileRow, Mount},
    probe::Names,
};

/// What is known about files by their device and inode numbers.
#[derive(Debug, Default)]
pub(super) struct Naming {
    pub(super) names: Names,
    layouts: Layouts,
}

impl Naming {
    /// The path of a file through the mount that it is in.
    pub(super) fn path(&mut self, key: &FileKey, mounts: &[Mount]) -> Option<Arc<str>> {
        let mount = mount(key.dev, mounts)?;
        self.names.path(key, &mount.mountpoint)
    }

    /// Looks whether files are still where they were, some of them at a time.
    pub(super) fn check(&mut self, mounts: &[Mount]) {
        for mount in mounts {
            self.names.check(mount.dev, Path::new(&mount.mountpoint));
        }
    }

    /// Gives every row, sorted by key, its path and its layout. Of `others` the names are looked
    /// for too.
    pub(super) fn name(&mut self, rows: &mut [FileRow], others: &[FileKey], mounts: &[Mount]) {
        let mountpoint = |dev| mount(dev, mounts).map(|mount| mount.mountpoint.as_str());
        self.names.tell(rows, mountpoint);
        let unnamed = rows.iter().filter(|row| row.path.is_none());
        let unknown: Vec<FileKey> = unnamed
            .map(|row| row.key)
            .chain(others.iter().copied())
            .collect();
        let mut found = false;
        for mount in mounts {
            let mountpoint = Path::new(&mount.mountpoint);
            found |= self.names.search(mount.dev, mountpoint, &unknown);
        }
        if found {
            self.names.tell(rows, mountpoint);
        }
        self.layouts.begin();
        for row in rows {
            let names = &self.names;
            row.layout = self.layouts.of(row.key, || {
                let mount = mount(row.key.dev, mounts)?;
                names.place(&row.key, Path::new(&mount.mountpoint))
            });
        }
    }
}

fn mount(dev: (u32, u32), mounts: &[Mount]) -> Option<&Mount> {
    mounts.iter().find(|mount| mount.dev == dev)
}
