//! Which path has (dev, ino)? The kernel side tells at a file's first fault; what it could
//! not tell is looked for in the mount.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::Path,
};

use crate::model::FileKey;

/// Directory entries that one search looks at, at most.
const MOST_ENTRIES: usize = 200_000;

/// Paths inside their file systems.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashMap<FileKey, String>,
    /// Looked for in the mount and not found: not looked for again.
    given_up: HashSet<FileKey>,
}

impl Names {
    /// What the kernel side told.
    pub(crate) fn learn(&mut self, key: FileKey, path: String) {
        self.given_up.remove(&key);
        self.known.insert(key, path);
    }

    /// The path of a file through `mountpoint`.
    pub(crate) fn path(&self, key: &FileKey, mountpoint: &str) -> Option<String> {
        let inside = self.known.get(key)?;
        Some(format!("{}{inside}", mountpoint.trim_end_matches('/')))
    }

    /// Searches `mountpoint` for those of `keys` that are on `dev` and still unknown.
    pub(crate) fn search<'a>(
        &mut self,
        dev: (u32, u32),
        mountpoint: &Path,
        keys: impl Iterator<Item = &'a FileKey>,
    ) {
        let mut wanted: HashSet<u64> = keys
            .filter(|key| key.dev == dev)
            .filter(|key| !self.known.contains_key(key) && !self.given_up.contains(key))
            .map(|key| key.ino)
            .collect();
        if wanted.is_empty() {
            return;
        }
        for (ino, path) in walk(mountpoint, &mut wanted) {
            self.known.insert(FileKey { dev, ino }, path);
        }
        self.given_up
            .extend(wanted.into_iter().map(|ino| FileKey { dev, ino }));
    }
}

/// Finds inodes below `root`, staying on its file system, and takes them out of `wanted`.
fn walk(root: &Path, wanted: &mut HashSet<u64>) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let Ok(dev) = fs::metadata(root).map(|root| root.dev()) else {
        return found;
    };
    let mut folders = vec![root.to_owned()];
    let mut left = MOST_ENTRIES;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            left = left.saturating_sub(1);
            if left == 0 || wanted.is_empty() {
                return found;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && fs::symlink_metadata(&path).is_ok_and(|inner| inner.dev() == dev) {
                folders.push(path.clone());
            }
            if wanted.remove(&entry.ino())
                && let Ok(inside) = path.strip_prefix(root)
            {
                found.push((entry.ino(), format!("/{}", inside.display())));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_and_a_path_inside_join() {
        let mut names = Names::default();
        let key = FileKey {
            dev: (0, 25),
            ino: 7,
        };
        assert_eq!(names.path(&key, "/mnt"), None);
        names.learn(key, "/dir/file".to_owned());
        assert_eq!(
            names.path(&key, "/mnt/famfs").as_deref(),
            Some("/mnt/famfs/dir/file")
        );
        assert_eq!(names.path(&key, "/").as_deref(), Some("/dir/file"));
    }

    #[test]
    fn a_search_finds_what_is_there_and_gives_up_on_the_rest() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        let file = root.path().join("a/b/file");
        fs::write(&file, "x").unwrap();
        let ino = fs::metadata(&file).unwrap().ino();
        let dev = (0, 25);
        let (there, gone) = (FileKey { dev, ino }, FileKey { dev, ino: u64::MAX });
        let other = FileKey { dev: (0, 26), ino };
        let mut names = Names::default();
        names.search(dev, root.path(), [&there, &gone, &other].into_iter());
        assert_eq!(names.path(&there, "/m").as_deref(), Some("/m/a/b/file"));
        assert_eq!(
            (names.path(&gone, "/m"), names.path(&other, "/m")),
            (None, None)
        );
        assert_eq!(names.given_up, HashSet::from([gone]));
    }
}
