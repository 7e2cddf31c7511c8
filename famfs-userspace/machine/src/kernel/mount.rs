//! Mounting in two steps: make the mount, attach it.
//!
//! A mount that is not attached yet can be filled and checked, and nobody sees it. One
//! that fails on the way vanishes with its file descriptor, whatever ends the process.

use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{Error, mountinfo};

/// The name of the file system type.
pub const FS_TYPE: &CStr = c"famfs";

/// The flag of `linux/mount.h`, which nix does not have.
const NOSYMFOLLOW: MsFlags = MsFlags::from_bits_retain(1 << 8);

const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;

/// How often a busy mount is tried again, since a program that only looks at it, as famfs-top does once
/// a second, has left it a moment later.
const GLANCES: u32 = 10;
/// The pause between two of these tries.
const GLANCE: Duration = Duration::from_millis(50);

/// How a mount is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `MOUNT_ATTR_*` of the mount, but for read-only.
    pub attributes: u64,
    /// Set last, when the mount is filled: it holds for its own files too.
    pub read_only: bool,
    /// Given to the file system as they are.
    pub own: Vec<(CString, CString)>,
}

impl Default for Options {
    /// The mount flags that upstream sets: `noatime,nosuid,nodev,noexec`.
    fn default() -> Self {
        Self {
            attributes: libc::MOUNT_ATTR_NOATIME
                | libc::MOUNT_ATTR_NOSUID
                | libc::MOUNT_ATTR_NODEV
                | libc::MOUNT_ATTR_NOEXEC,
            read_only: false,
            own: Vec::new(),
        }
    }
}

impl Options {
    /// The same as flags of mount(2), which remounting still takes.
    fn flags(&self) -> MsFlags {
        let mut flags = MsFlags::empty();
        for (attribute, flag) in [
            (libc::MOUNT_ATTR_NOATIME, MsFlags::MS_NOATIME),
            (libc::MOUNT_ATTR_STRICTATIME, MsFlags::MS_STRICTATIME),
            (libc::MOUNT_ATTR_NODIRATIME, MsFlags::MS_NODIRATIME),
            (libc::MOUNT_ATTR_NOSYMFOLLOW, NOSYMFOLLOW),
            (libc::MOUNT_ATTR_NOSUID, MsFlags::MS_NOSUID),
            (libc::MOUNT_ATTR_NODEV, MsFlags::MS_NODEV),
            (libc::MOUNT_ATTR_NOEXEC, MsFlags::MS_NOEXEC),
        ] {
            flags.set(flag, self.attributes & attribute != 0);
        }
        flags.set(MsFlags::MS_RDONLY, self.read_only);
        // A remount without a word on access times keeps what there was; `relatime` is a word.
        let times = MsFlags::MS_NOATIME | MsFlags::MS_STRICTATIME;
        flags.set(MsFlags::MS_RELATIME, !flags.intersects(times));
        flags
    }
}

/// Mounts `device` without attaching it to a folder; the descriptor is its root.
pub fn detached(device: &Path, options: &Options) -> Result<OwnedFd, Error> {
    super::abi::check_version()?;
    let context = fsopen().map_err(|e| match e.raw_os_error() {
        Some(libc::ENODEV) => Error::NoModule,
        Some(libc::EPERM) => Error::NotRoot,
        _ => mount_error(device, None, e),
    })?;
    let source = CString::new(device.as_os_str().as_bytes())
        .map_err(|e| mount_error(device, None, e.into()))?;
    let pairs = std::iter::once((c"source", source.as_c_str())).chain(
        options
            .own
            .iter()
            .map(|(key, value)| (key.as_c_str(), value.as_c_str())),
    );
    for (key, value) in pairs {
        fsconfig(&context, FSCONFIG_SET_STRING, Some((key, value)))
            .map_err(|e| mount_error(device, Some(&context), e))?;
    }
    fsconfig(&context, FSCONFIG_CMD_CREATE, None)
        .and_then(|()| fsmount(&context, options.attributes))
        .map_err(|e| mount_error(device, Some(&context), e))
}

/// Attaches a detached mount to a folder.
pub fn attach(mount: BorrowedFd<'_>, device: &Path, target: &Path) -> Result<(), Error> {
    let failed = |source| Error::Attach {
        device: device.to_owned(),
        target: target.to_owned(),
        source,
    };
    let path = CString::new(target.as_os_str().as_bytes()).map_err(|e| failed(e.into()))?;
    // SAFETY: both paths are NUL-terminated and live through the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    check(done).map(drop).map_err(failed)
}

/// Makes a mount read-only that was filled before.
pub fn set_read_only(mount: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: all zero is a legal `mount_attr`.
    let mut attr: libc::mount_attr = unsafe { std::mem::zeroed() };
    attr.attr_set = libc::MOUNT_ATTR_RDONLY;
    // SAFETY: the path is NUL-terminated, the struct has the size that is given, and
    // both live through the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw mut attr,
            size_of::<libc::mount_attr>(),
        )
    };
    check(done).map(drop)
}

/// Changes the flags of a famfs that is mounted on `target`.
pub fn remount(device: &Path, target: &Path, options: &Options) -> Result<(), Error> {
    let flags = options.flags() | MsFlags::MS_REMOUNT;
    mount(Some(device), target, Some(FS_TYPE), flags, None::<&str>).map_err(|e| match e {
        nix::Error::EPERM => Error::NotRoot,
        e => mount_error(device, None, e.into()),
    })
}

/// How to unmount.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmount {
    /// Take it out of the tree now, and let it go when nobody uses it.
    pub lazy: bool,
    pub force: bool,
}

/// Unmounts the famfs whose root is `target`.
pub fn umount(target: &Path, how: Unmount) -> Result<(), Error> {
    let failed = |source| Error::Umount {
        target: target.to_owned(),
        source,
    };
    let real = std::fs::canonicalize(target).map_err(failed)?;
    let mounts = mountinfo::read()?;
    // The last of the mounts stacked on one folder is the one on top.
    let top = mounts.iter().rfind(|m| m.mount_point == real);
    if !top.is_some_and(mountinfo::Mount::is_famfs) {
        return Err(Error::NotMounted {
            target: target.to_owned(),
        });
    }
    let mut flags = MntFlags::UMOUNT_NOFOLLOW;
    flags.set(MntFlags::MNT_DETACH, how.lazy);
    flags.set(MntFlags::MNT_FORCE, how.force);
    let mut left = GLANCES;
    loop {
        match umount2(&real, flags) {
            Ok(()) => return Ok(()),
            Err(nix::Error::EBUSY) if left > 0 => {
                left -= 1;
                thread::sleep(GLANCE);
            }
            Err(nix::Error::EPERM) => return Err(Error::NotRoot),
            Err(e) => return Err(failed(e.into())),
        }
    }
}

fn mount_error(device: &Path, context: Option<&OwnedFd>, source: io::Error) -> Error {
    let said = context
        .and_then(last_words)
        .map(|w| format!(" ({w})"))
        .unwrap_or_default();
    Error::Mount {
        device: device.to_owned(),
        said,
        source,
    }
}

/// What the file system said was wrong: the lines of the context's log that start with
/// `e`. Each read returns one.
fn last_words(context: &OwnedFd) -> Option<String> {
    let mut log = std::fs::File::from(context.try_clone().ok()?);
    let mut line = [0; 512];
    let mut said = None;
    while let Ok(len @ 1..) = log.read(&mut line) {
        if let Some(words) = String::from_utf8_lossy(&line[..len]).strip_prefix("e ") {
            said = Some(words.trim().to_owned());
        }
    }
    said
}

fn fsopen() -> io::Result<OwnedFd> {
    // SAFETY: the name is NUL-terminated and lives through the call.
    let fd = unsafe { libc::syscall(libc::SYS_fsopen, FS_TYPE.as_ptr(), FSOPEN_CLOEXEC) };
    owned(fd)
}

fn fsconfig(
    context: &OwnedFd,
    command: libc::c_uint,
    pair: Option<(&CStr, &CStr)>,
) -> io::Result<()> {
    let (key, value) = match pair {
        Some((key, value)) => (key.as_ptr(), value.as_ptr()),
        None => (std::ptr::null(), std::ptr::null()),
    };
    // SAFETY: key and value are NUL-terminated and live through the call, or null, as
    // the commands without a parameter want them.
    let done = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            command,
            key,
            value,
            0,
        )
    };
    check(done).map(drop)
}

fn fsmount(context: &OwnedFd, attributes: u64) -> io::Result<OwnedFd> {
    // SAFETY: plain integers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            FSMOUNT_CLOEXEC,
            attributes,
        )
    };
    owned(fd)
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(check(result)?).map_err(io::Error::other)?;
    // SAFETY: the kernel just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
