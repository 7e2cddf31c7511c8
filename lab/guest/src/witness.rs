//! Everything outside of a mount, to be compared with itself: names, owners, modes, times, bytes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Longer files are compared by size and times alone.
const READ_MAX: u64 = 64 << 10;
/// The folders that are looked at beside the root itself; file systems that the kernel makes up are not.
const ROOTS: [&str; 4] = ["/", "/tmp", "/mnt", "/run"];

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    inode: u64,
    mode: u32,
    owner: (u32, u32),
    links: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// A file's bytes, or where a link points.
    content: Vec<u8>,
}

/// What is there, by path.
#[derive(Debug)]
pub(crate) struct Witness(BTreeMap<PathBuf, Seen>);

impl Witness {
    pub(crate) fn look() -> Self {
        let mut seen = BTreeMap::new();
        let devices = ROOTS.map(|root| fs::symlink_metadata(root).unwrap().dev());
        for root in ROOTS {
            walk(Path::new(root), &devices, &mut seen);
        }
        Self(seen)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Fails where anything is not as it was, and says what.
    pub(crate) fn assert_unchanged(&self, what: &str) {
        let now = Self::look();
        let gone = self.0.keys().filter(|path| !now.0.contains_key(*path));
        let changed = now
            .0
            .iter()
            .filter(|(path, seen)| self.0.get(*path) != Some(seen));
        let paths: Vec<_> = gone.chain(changed.map(|(path, _)| path)).collect();
        assert!(paths.is_empty(), "{what} changed {paths:?}");
    }
}

fn walk(path: &Path, devices: &[u64], seen: &mut BTreeMap<PathBuf, Seen>) {
    let meta = fs::symlink_metadata(path).unwrap();
    if !devices.contains(&meta.dev()) || seen.contains_key(path) {
        return;
    }
    let content = if meta.is_file() && meta.len() <= READ_MAX {
        fs::read(path).unwrap()
    } else if meta.is_symlink() {
        fs::read_link(path)
            .unwrap()
            .into_os_string()
            .into_encoded_bytes()
    } else {
        Vec::new()
    };
    let entry = Seen {
        inode: meta.ino(),
        mode: meta.mode(),
        owner: (meta.uid(), meta.gid()),
        links: meta.nlink(),
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        content,
    };
    seen.insert(path.to_owned(), entry);
    if meta.is_dir() {
        for child in fs::read_dir(path).unwrap() {
            walk(&child.unwrap().path(), devices, seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_came_and_went_is_noticed() {
        let dir = std::env::temp_dir().join(format!("witness-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let look = || {
            let mut seen = BTreeMap::new();
            let device = fs::symlink_metadata(&dir).unwrap().dev();
            walk(&dir, &[device], &mut seen);
            seen
        };
        let before = look();
        assert_eq!(before, look());
        fs::write(dir.join("new"), "x").unwrap();
        assert_eq!(look().len(), 2);
        fs::remove_file(dir.join("new")).unwrap();
        let after = look();
        fs::remove_dir(&dir).unwrap();
        assert_ne!(before, after, "the folder's time tells");
    }
}
