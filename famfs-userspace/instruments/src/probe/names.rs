//! Which path has (dev, ino)? The kernel side tells at a file's first fault; what it could
//! not tell is looked for in the mount.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use famfs_snapshot::model::{FileKey, FileRow};

/// Directory entries that one search looks at, at most.
const MOST_ENTRIES: usize = 200_000;

/// Names that one poll checks, at most.
const MOST_CHECKS: usize = 256;

/// Paths inside their file systems.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: BTreeMap<FileKey, Name>,
    /// Looked for in the mount and not found: not looked for again.
    given_up: HashSet<FileKey>,
    /// The last name that was checked, by device; the next poll goes on behind it.
    checked: HashMap<(u32, u32), u64>,
}

/// A name, as it is shown and, behind its first bytes, inside the file system.
#[derive(Clone, Debug)]
struct Name {
    shown: Arc<str>,
    /// The length of the mount point in front.
    inside: usize,
    /// The file has no name any more; this was its last.
    is_gone: bool,
}

impl Name {
    fn new(path: String) -> Self {
        Self {
            shown: path.into(),
            inside: 0,
            is_gone: false,
        }
    }

    /// The same string as long as the mount point stays.
    fn through(&mut self, mountpoint: &str) -> Arc<str> {
        let mountpoint = mountpoint.trim_end_matches('/');
        if &self.shown[..self.inside] != mountpoint {
            self.shown = format!("{mountpoint}{}", &self.shown[self.inside..]).into();
            self.inside = mountpoint.len();
        }
        Arc::clone(&self.shown)
    }

    fn place(&self, mountpoint: &Path) -> PathBuf {
        mountpoint.join(self.shown[self.inside..].trim_start_matches('/'))
    }

    fn lose(&mut self) {
        if !self.is_gone {
            self.is_gone = true;
            self.shown = format!("{} (deleted)", self.shown).into();
        }
    }
}

impl Names {
    /// What the kernel side told.
    pub(crate) fn learn(&mut self, key: FileKey, path: String) {
        self.given_up.remove(&key);
        self.known.insert(key, Name::new(path));
    }

    /// The path of a file through `mountpoint`.
    pub(crate) fn path(&mut self, key: &FileKey, mountpoint: &str) -> Option<Arc<str>> {
        Some(self.known.get_mut(key)?.through(mountpoint))
    }

    /// The paths of all that is known in `rows`, which are sorted by key; `mountpoint` says where
    /// a device is mounted.
    pub(crate) fn tell<'a>(
        &mut self,
        rows: &mut [FileRow],
        mountpoint: impl Fn((u32, u32)) -> Option<&'a str>,
    ) {
        let mut known = self.known.iter_mut().peekable();
        for row in rows {
            while known.next_if(|(key, _)| **key < row.key).is_some() {}
            let name = known.next_if(|(key, _)| **key == row.key);
            row.path = name.and_then(|(key, name)| Some(name.through(mountpoint(key.dev)?)));
        }
    }

    /// Where a file is now, for opening it.
    pub(crate) fn place(&self, key: &FileKey, mountpoint: &Path) -> Option<PathBuf> {
        let name = self.known.get(key).filter(|name| !name.is_gone)?;
        Some(name.place(mountpoint))
    }

    /// Searches `mountpoint` for those of `keys` that are on `dev` and still unknown. Whether any
    /// was found.
    pub(crate) fn search(&mut self, dev: (u32, u32), mountpoint: &Path, keys: &[FileKey]) -> bool {
        let wanted = keys
            .iter()
            .filter(|key| key.dev == dev)
            .filter(|key| !self.known.contains_key(key) && !self.given_up.contains(key))
            .map(|key| key.ino)
            .collect();
        self.look_for(wanted, dev, mountpoint)
    }

    /// Checks some of the names on `dev` that are known: a file that was renamed is looked for
    /// again.
    pub(crate) fn check(&mut self, dev: (u32, u32), mountpoint: &Path) {
        let moved = self.moved(dev, mountpoint).into_iter();
        self.look_for(moved.map(|key| key.ino).collect(), dev, mountpoint);
    }

    fn look_for(&mut self, mut wanted: HashSet<u64>, dev: (u32, u32), mountpoint: &Path) -> bool {
        if wanted.is_empty() {
            return false;
        }
        let found = walk(mountpoint, &mut wanted);
        let any = !found.is_empty();
        for (ino, path) in found {
            self.learn(FileKey { dev, ino }, path);
        }
        for key in wanted.into_iter().map(|ino| FileKey { dev, ino }) {
            match self.known.get_mut(&key) {
                Some(name) => name.lose(),
                None => {
                    self.given_up.insert(key);
                }
            }
        }
        any
    }

    /// The next few files of `dev` that are not any more where they were.
    fn moved(&mut self, dev: (u32, u32), mountpoint: &Path) -> Vec<FileKey> {
        let of = |ino| FileKey { dev, ino };
        let after = self.checked.remove(&dev);
        let from = of(after.map_or(0, |ino| ino.saturating_add(1)));
        let checked: Vec<_> = (self.known.range(from..=of(u64::MAX)))
            .take(MOST_CHECKS)
            .map(|(key, name)| (*key, name.clone()))
            .collect();
        // At the end of the list the next poll begins again.
        if let Some((last, _)) = checked.last()
            && checked.len() == MOST_CHECKS
        {
            self.checked.insert(dev, last.ino);
        }
        let is_there = |key: &FileKey, name: &Name| {
            fs::symlink_metadata(name.place(mountpoint)).is_ok_and(|found| found.ino() == key.ino)
        };
        checked
            .into_iter()
            .filter(|(key, name)| !name.is_gone && !is_there(key, name))
            .map(|(key, _)| key)
            .collect()
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
        assert!(names.search(dev, root.path(), &[there, gone, other]));
        assert_eq!(names.path(&there, "/m").as_deref(), Some("/m/a/b/file"));
        assert_eq!(
            (names.path(&gone, "/m"), names.path(&other, "/m")),
            (None, None)
        );
        assert_eq!(names.given_up, HashSet::from([gone]));
    }

    #[test]
    fn a_renamed_file_is_found_again_and_a_deleted_one_keeps_its_name() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::write(at("old"), "x").unwrap();
        let dev = (0, 25);
        let ino = fs::metadata(at("old")).unwrap().ino();
        let key = FileKey { dev, ino };
        let mut names = Names::default();
        names.learn(key, "/old".to_owned());
        let mut look = || {
            names.check(dev, root.path());
            names.path(&key, "/m").unwrap().to_string()
        };
        assert_eq!(look(), "/m/old");
        fs::rename(at("old"), at("new")).unwrap();
        assert_eq!(look(), "/m/new");
        fs::hard_link(at("new"), at("kept")).unwrap();
        fs::remove_file(at("new")).unwrap();
        assert_eq!(look(), "/m/kept");
        fs::remove_file(at("kept")).unwrap();
        assert_eq!(look(), "/m/kept (deleted)");
        assert_eq!(look(), "/m/kept (deleted)", "it is not looked for again");
        assert_eq!(names.place(&key, root.path()), None);
    }

    #[test]
    fn every_name_is_checked_in_its_turn() {
        let root = tempfile::tempdir().unwrap();
        let mut names = Names::default();
        for ino in 0..=2 * MOST_CHECKS as u64 {
            names.learn(FileKey { dev: (0, 25), ino }, format!("/{ino}"));
        }
        names.learn(
            FileKey {
                dev: (0, 26),
                ino: 1,
            },
            "/other".to_owned(),
        );
        let mut polls = || {
            names.moved((0, 26), root.path());
            names.moved((0, 25), root.path()).len()
        };
        assert_eq!(
            [polls(), polls(), polls(), polls()],
            [MOST_CHECKS, MOST_CHECKS, 1, MOST_CHECKS]
        );
    }
}
