//! Paths that cannot leave a mount: no `..` out of it, no symlink, no other mount.
//!
//! The kernel itself resolves each path in one call (`openat2`), so nobody can swap a
//! folder for a symlink between a check and its use.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, RenameFlags, ResolveFlag, openat2, renameat2};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// A handle on the root of a mount.
pub fn open_root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(path, flags, Mode::empty())?)
}

/// Opens what exists.
pub fn open(root: BorrowedFd<'_>, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
    resolve(root, path, flags, Mode::empty())
}

/// Makes a file that does not exist, open for reading and writing, its owner's alone.
pub fn create(root: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR;
    Ok(resolve(root, path, flags, Mode::S_IRUSR | Mode::S_IWUSR)?.into())
}

/// Makes a folder that does not exist, its owner's alone.
pub fn mkdir(root: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    let (parent, name) = parent_of(root, path)?;
    mkdirat(&parent, name, Mode::S_IRWXU)?;
    Ok(open(root, path, OFlag::O_DIRECTORY)?.into())
}

/// Gives a file or folder exactly this owner and these permission bits, whatever the
/// umask is.
pub fn set_owner(file: &File, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    // In this order: a change of owner drops the set-uid bit.
    fchown(file, Some(uid), Some(gid))?;
    file.set_permissions(Permissions::from_mode(mode))
}

pub fn remove_file(root: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let (parent, name) = parent_of(root, path)?;
    Ok(unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir)?)
}

pub fn remove_dir(root: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let (parent, name) = parent_of(root, path)?;
    Ok(unlinkat(&parent, name, UnlinkatFlags::RemoveDir)?)
}

/// Gives a file or folder another name, which must be free.
pub fn rename(root: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
    let (from_parent, from_name) = parent_of(root, from)?;
    let (to_parent, to_name) = parent_of(root, to)?;
    let flags = RenameFlags::RENAME_NOREPLACE;
    Ok(renameat2(
        &from_parent,
        from_name,
        &to_parent,
        to_name,
        flags,
    )?)
}

fn parent_of<'p>(root: BorrowedFd<'_>, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let parent = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    Ok((open(root, parent, OFlag::O_DIRECTORY)?, name))
}

fn resolve(root: BorrowedFd<'_>, path: &Path, flags: OFlag, mode: Mode) -> io::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(mode)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    Ok(openat2(root, path, how)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn nothing_leaves_the_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("root")).unwrap();
        std::fs::write(dir.path().join("outside"), "x").unwrap();
        std::os::unix::fs::symlink("../outside", dir.path().join("root/link")).unwrap();
        let root = open_root(&dir.path().join("root")).unwrap();
        for path in ["../outside", "link", "/etc/hostname", "d/../../outside"] {
            let opened = open(root.as_fd(), path.as_ref(), OFlag::O_RDONLY);
            assert!(opened.is_err(), "{path}");
            let made = create(root.as_fd(), path.as_ref());
            assert!(made.is_err(), "{path}");
        }
        mkdir(root.as_fd(), "../d".as_ref()).unwrap_err();
        std::fs::write(dir.path().join("root/file"), "y").unwrap();
        rename(root.as_fd(), "file".as_ref(), "../moved".as_ref()).unwrap_err();
        rename(root.as_fd(), "../outside".as_ref(), "moved".as_ref()).unwrap_err();
        rename(root.as_fd(), "file".as_ref(), "link".as_ref()).unwrap_err();
        rename(root.as_fd(), "file".as_ref(), "moved".as_ref()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn modes_are_exact() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        let (uid, gid) = (
            nix::unistd::getuid().as_raw(),
            nix::unistd::getgid().as_raw(),
        );
        let file = create(root.as_fd(), "f".as_ref()).unwrap();
        set_owner(&file, uid, gid, 0o666).unwrap();
        let folder = mkdir(root.as_fd(), "d".as_ref()).unwrap();
        set_owner(&folder, uid, gid, 0o777).unwrap();
        let file = create(root.as_fd(), "d/g".as_ref()).unwrap();
        set_owner(&file, uid, gid, 0o4751).unwrap();
        let mode = |p: &str| {
            std::fs::metadata(dir.path().join(p))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("f") & 0o7777, 0o666);
        assert_eq!(mode("d") & 0o7777, 0o777);
        assert_eq!(mode("d/g") & 0o7777, 0o4751);
        create(root.as_fd(), "f".as_ref()).unwrap_err();
        remove_file(root.as_fd(), "d/g".as_ref()).unwrap();
        remove_dir(root.as_fd(), "d".as_ref()).unwrap();
        assert!(!dir.path().join("d").exists());
    }
}
