//! Where in which famfs mount a path lies.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::{Error, failed, refused};
use famfs_machine::kernel::mountinfo::{self, Mount};
use famfs_media::format::PathField;

/// A path inside a famfs mount; what it names need not exist.
#[derive(Clone, Debug)]
pub struct Place {
    pub mount: Arc<Mount>,
    /// Relative to the mount's root; empty for the root itself.
    pub relative: PathBuf,
}

/// Finds the places of many paths: mounts and folders are looked up once.
#[derive(Debug, Default)]
pub struct Resolver {
    mounts: Option<Vec<Arc<Mount>>>,
    /// The folders by what stands before a path's last `/`.
    folders: HashMap<Vec<u8>, Folder>,
}

/// What is known of a folder.
#[derive(Debug)]
struct Folder {
    /// What it really is.
    real: PathBuf,
    /// Where that is; `None` where it is in no famfs, or where a name in it may be
    /// another mount.
    place: Option<Place>,
}

impl Resolver {
    /// Finds a place; a symlink at the very end is not followed.
    pub fn find(&mut self, path: &Path) -> Result<Place, Error> {
        let (folder, name) = split(path);
        if let Some(known) = folder.and_then(|folder| self.folders.get(folder))
            && let Some(place) = &known.place
        {
            return Ok(place.join(name));
        }
        let absolute = std::path::absolute(path).map_err(failed("resolve", path))?;
        let (Some(parent), Some(last)) = (absolute.parent(), absolute.file_name()) else {
            return Place::find(path);
        };
        let mounts = match &mut self.mounts {
            Some(mounts) => mounts,
            none => none.insert(mountinfo::read()?.into_iter().map(Arc::new).collect()),
        };
        let known = folder.and_then(|folder| self.folders.get(folder));
        let real = if let Some(known) = known {
            known.real.join(last)
        } else {
            let real = resolve(parent)?;
            let at = real.join(last);
            if let Some(folder) = folder {
                let inside = |mount: &Arc<Mount>| mount.mount_point.parent() == Some(&real);
                let alone = !mounts.iter().any(inside);
                let place = Place::among(mounts, &real).filter(|_| alone);
                self.folders
                    .insert(folder.to_owned(), Folder { real, place });
            }
            at
        };
        Place::among(mounts, &real).ok_or_else(|| Error::NotFamfs {
            path: path.to_owned(),
        })
    }
}

/// What stands before the last `/`, and the plain name behind it. Without such a name there
/// is nothing to remember a folder by.
fn split(path: &Path) -> (Option<&[u8]>, &Path) {
    let bytes = path.as_os_str().as_bytes();
    let slash = bytes.iter().rposition(|b| *b == b'/');
    let (folder, name) = match slash {
        Some(slash) => (&bytes[..=slash], &bytes[slash + 1..]),
        None => (&[][..], bytes),
    };
    let plain = !matches!(name, b"" | b"." | b"..");
    (plain.then_some(folder), Path::new(OsStr::from_bytes(name)))
}

/// Whether a path can only be that of a folder: it ends in a slash or in `/.`, which resolving it
/// would drop.
pub fn names_folder(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes == b"." || bytes.ends_with(b"/") || bytes.ends_with(b"/.")
}

impl Place {
    /// The place of what lies below this one.
    #[must_use]
    pub fn join(&self, below: &Path) -> Self {
        Self {
            mount: Arc::clone(&self.mount),
            relative: self.relative.join(below),
        }
    }

    pub fn find(path: &Path) -> Result<Self, Error> {
        let real = resolve(path)?;
        let mounts: Vec<_> = mountinfo::read()?.into_iter().map(Arc::new).collect();
        Self::among(&mounts, &real).ok_or_else(|| Error::NotFamfs {
            path: path.to_owned(),
        })
    }

    /// The innermost mount that holds `real`, if it is a whole famfs.
    fn among(mounts: &[Arc<Mount>], real: &Path) -> Option<Self> {
        let mount = mounts
            .iter()
            .filter(|m| real.starts_with(&m.mount_point))
            // The later of two on one folder is the one on top.
            .max_by_key(|m| m.mount_point.components().count())?;
        if !mount.is_famfs() || mount.root != Path::new("/") {
            return None;
        }
        let relative = real.strip_prefix(&mount.mount_point).ok()?.to_owned();
        Some(Self {
            mount: Arc::clone(mount),
            relative,
        })
    }

    /// The path as a log entry holds it.
    pub fn path_field(&self) -> Result<PathField, Error> {
        let bytes = self.relative.as_os_str().as_bytes();
        let field = PathField::new(bytes).ok_or_else(|| {
            let most = famfs_media::format::PATH_MAX;
            let reason = format!(
                "the log keeps paths of at most {most} bytes, not {}",
                bytes.len()
            );
            refused(&self.relative, reason)
        })?;
        famfs_media::player::validate::check_path(&field)
            .map_err(|reason| refused(&self.relative, reason.to_string()))?;
        Ok(field)
    }
}

/// The real path of what may not exist yet: symlinks are followed as far as it exists,
/// and what follows must be plain names.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(path).map_err(failed("resolve", path))?;
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match std::fs::canonicalize(existing) {
            Ok(mut real) => {
                real.extend(missing.iter().rev());
                return Ok(real);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed("resolve", path)(e)),
        }
        match (existing.components().next_back(), existing.parent()) {
            (Some(Component::Normal(name)), Some(parent)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return Err(refused(path, "`..` behind a folder that does not exist")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(mount_point: &str, fs_type: &str, root: &str) -> Arc<Mount> {
        Arc::new(Mount {
            major: 0,
            minor: 1,
            root: root.into(),
            mount_point: mount_point.into(),
            fs_type: fs_type.into(),
            source: "/dev/x".into(),
        })
    }

    #[test]
    fn innermost_mount_decides() {
        let mounts = [
            mount("/", "ext4", "/"),
            mount("/mnt/famfs", "famfs", "/"),
            mount("/mnt/famfs/over", "tmpfs", "/"),
            mount("/mnt/bind", "famfs", "/sub"),
        ];
        let find = |p: &str| Place::among(&mounts, Path::new(p)).map(|p| p.relative);
        assert_eq!(find("/mnt/famfs/a/b"), Some("a/b".into()));
        assert_eq!(find("/mnt/famfs"), Some("".into()));
        assert_eq!(find("/mnt/famfsx"), None);
        assert_eq!(find("/mnt/famfs/over/a"), None);
        assert_eq!(find("/mnt/bind/a"), None);
        assert_eq!(find("/a"), None);
    }

    #[test]
    fn many_paths_are_resolved_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("d")).unwrap();
        let mut resolver = Resolver {
            mounts: Some(vec![mount(real.to_str().unwrap(), "famfs", "/")]),
            ..Resolver::default()
        };
        for (path, relative) in [
            ("d/x", "d/x"),
            ("d/y", "d/y"),
            ("d//y", "d/y"),
            ("d/./y", "d/y"),
            ("none/z", "none/z"),
            ("d", "d"),
            ("d/", "d"),
        ] {
            for _ in 0..2 {
                let place = resolver.find(&real.join(path)).unwrap();
                assert_eq!(place.relative, Path::new(relative), "{path}");
            }
        }
        assert_eq!(resolver.folders.len(), 5, "{resolver:?}");
        resolver.find(&real.join("d/../../x")).unwrap_err();
        resolver.find(&real.join("d/..")).unwrap_err();
        assert_eq!(
            resolver.folders.len(),
            6,
            "the first of them was looked up, too"
        );
    }

    #[test]
    fn a_folder_with_a_mount_in_it_is_looked_up_name_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let at = |name: &str| real.join(name).to_str().unwrap().to_owned();
        let mut resolver = Resolver {
            mounts: Some(vec![
                mount(real.to_str().unwrap(), "famfs", "/"),
                mount(&at("over"), "tmpfs", "/"),
            ]),
            ..Resolver::default()
        };
        for _ in 0..2 {
            let place = resolver.find(&real.join("x")).unwrap();
            assert_eq!(place.relative, Path::new("x"));
            resolver.find(&real.join("over")).unwrap_err();
        }
    }

    #[test]
    fn a_slash_at_the_end_is_a_folders() {
        for path in ["a/", "a//", "a/.", "a/./", "/", ".", "./"] {
            assert!(names_folder(Path::new(path)), "{path}");
        }
        for path in ["a", "a/b", "a.", "a/b.", "./a", "..", "a/..", "", ".a"] {
            assert!(!names_folder(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn what_exists_is_resolved_and_the_rest_kept() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("d")).unwrap();
        std::os::unix::fs::symlink("d", real.join("link")).unwrap();
        assert_eq!(resolve(&real.join("link/x/y")).unwrap(), real.join("d/x/y"));
        assert_eq!(resolve(&real.join("link/../z")).unwrap(), real.join("z"));
        resolve(&real.join("none/../z")).unwrap_err();
    }
}
