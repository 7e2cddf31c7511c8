//! Where in which famfs mount a path lies.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::{Error, failed, refused};
use crate::kernel::mountinfo::{self, Mount};
use crate::media::PathField;

/// A path inside a famfs mount; what it names need not exist.
#[derive(Clone, Debug)]
pub struct Place {
    pub mount: Mount,
    /// Relative to the mount's root; empty for the root itself.
    pub relative: PathBuf,
}

impl Place {
    pub fn find(path: &Path) -> Result<Self, Error> {
        let real = resolve(path)?;
        let mounts = mountinfo::read()?;
        Self::among(&mounts, &real).ok_or_else(|| Error::NotFamfs {
            path: path.to_owned(),
        })
    }

    /// The innermost mount that holds `real`, if it is a whole famfs.
    fn among(mounts: &[Mount], real: &Path) -> Option<Self> {
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
            mount: mount.clone(),
            relative,
        })
    }

    /// The path as a log entry holds it.
    pub fn path_field(&self) -> Result<PathField, Error> {
        let bytes = self.relative.as_os_str().as_bytes();
        let field = PathField::new(bytes).ok_or_else(|| {
            let most = crate::media::PATH_MAX;
            let reason = format!(
                "the log keeps paths of at most {most} bytes, not {}",
                bytes.len()
            );
            refused(&self.relative, reason)
        })?;
        crate::player::validate::check_path(&field)
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

    fn mount(mount_point: &str, fs_type: &str, root: &str) -> Mount {
        Mount {
            major: 0,
            minor: 1,
            root: root.into(),
            mount_point: mount_point.into(),
            fs_type: fs_type.into(),
            source: "/dev/x".into(),
        }
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
