//! The operations behind the commands: one a file.

pub mod check;
pub mod clone;
pub mod contents;
pub mod cp;
pub mod create;
pub mod data;
pub mod fill;
pub mod follow;
pub mod list;
pub mod lock;
pub mod logplay;
pub mod maker;
pub mod mkdir;
pub mod mkfs;
pub mod mount;
pub mod open;
pub mod place;
pub mod pool;
pub mod session;
pub mod shadow;
pub mod stale;
pub mod watch;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::device;
use crate::device::bus::{Bus, End};
use famfs_machine::{host, kernel};
use famfs_media::volume::Fault;

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path} holds {what}", path = path.display())]
    Occupied { path: PathBuf, what: &'static str },
    #[error("{path} holds no famfs superblock to remove", path = path.display())]
    NothingToKill { path: PathBuf },
    #[error("{path} has {size} bytes; log and one allocation unit take {needed}",
        path = path.display())]
    TooSmall {
        path: PathBuf,
        size: u64,
        needed: u64,
    },
    #[error("{path}: {fault}", path = path.display())]
    Unusable { path: PathBuf, fault: Fault },
    #[error("{path}: {reason}", path = path.display())]
    Refused { path: PathBuf, reason: String },
    /// See [`stale`].
    #[error("{mount_point} is stale: its device holds another file system now, or none",
        mount_point = mount_point.display())]
    Stale { mount_point: PathBuf },
    #[error("{path} is not in a famfs mount", path = path.display())]
    NotFamfs { path: PathBuf },
    #[error("{path}: this host did not make the file system, so it may not append to its log",
        path = path.display())]
    Client { path: PathBuf },
    #[error("{path}: the log is full, {entries} entries", path = path.display())]
    LogFull { path: PathBuf, entries: u64 },
    #[error("{path}: no room for {wanted} bytes in one piece; the largest free one has {largest}",
        path = path.display())]
    NoSpace {
        path: PathBuf,
        wanted: u64,
        largest: u64,
    },
    #[error("{path}: the log is bad in slot {index} (offset {offset}): {reason}",
        path = path.display())]
    BadLog {
        path: PathBuf,
        index: u64,
        offset: u64,
        reason: String,
    },
    #[error("{path}: the lock on its log was not free within {seconds} s: {holder} holds it",
        path = path.display())]
    Locked {
        path: PathBuf,
        seconds: u64,
        holder: String,
    },
    #[error("interrupted by signal {signal}; nothing was changed")]
    Interrupted { signal: i32 },
    #[error("{path}: this kernel's famfs has no options", path = path.display())]
    NoOptions { path: PathBuf },
    #[error(transparent)]
    Host(#[from] host::Error),
    #[error(transparent)]
    Device(#[from] device::Error),
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
}

/// What to do about a mount that outlived its file system.
const STALE_HINT: &str = "another host has run `famfs mkfs`; `famfs umount MPT`, then \
                          `famfs mount DEV MPT`";

impl Error {
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Occupied { .. } => Some("`-f` overwrites it"),
            Self::TooSmall { .. } => Some("take a larger device, or `--alloc-unit 4k`"),
            Self::Unusable {
                fault: Fault::Super(_),
                ..
            } => Some("`famfs dump` shows the fields; `famfs mkfs` makes a new file system"),
            Self::Unusable {
                fault: Fault::Log(_),
                ..
            }
            | Self::BadLog { .. } => Some("`famfs fsck` and `famfs dump` show more"),
            Self::Stale { .. } => Some(STALE_HINT),
            Self::NotFamfs { .. } => Some("`famfs mount DEV MPT` first; /proc/mounts lists mounts"),
            Self::Client { .. } => Some("make it on the host that ran mkfs"),
            Self::Locked { .. } => Some("try again when that process is done, or wait longer"),
            Self::LogFull { .. } => Some("a longer log is chosen at `famfs mkfs --loglen N`"),
            Self::NoOptions { .. } => Some("they came with kernel interface 44"),
            Self::Host(e) => e.hint(),
            Self::Device(e) => e.hint(),
            Self::Kernel(e) => e.hint(),
            Self::Io {
                action: "map",
                source,
                ..
            } if source.raw_os_error() == Some(libc::EBUSY) => {
                Some("a file that the log does not have is there: unmount and mount again")
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as root")
            }
            Self::Io { source, .. } if source.raw_os_error() == Some(libc::ENODEV) => {
                Some(device::DISABLED_HINT)
            }
            Self::Io { source, .. } if source.raw_os_error() == Some(libc::ESTALE) => {
                Some(STALE_HINT)
            }
            Self::Io { source, .. } if source.raw_os_error() == Some(libc::EROFS) => {
                Some("it is mounted read-only: `mount -o remount,rw MPT`")
            }
            // Met by a copy, or by the kernel for it.
            Self::Io { source, .. } if source.raw_os_error() == Some(libc::EFAULT) => {
                Some(device::DISABLED_HINT)
            }
            Self::Io { source, .. }
                if Bus::of(source).is_some_and(|bus| bus.end == End::Target) =>
            {
                Some(device::DISABLED_HINT)
            }
            Self::Io { source, .. } if Bus::of(source).is_some() => {
                Some("its storage or its memory has failed; the kernel's log says more")
            }
            Self::Io { source, .. } => match contents::SourceFault::of(source)? {
                contents::SourceFault::Shorter => Some("copy it again when nothing writes to it"),
                contents::SourceFault::Short => Some(
                    "a file of the kernel tells its size only when it is read: save it with \
                     cat(1), and copy that",
                ),
                contents::SourceFault::Read(_) => None,
            },
            Self::NothingToKill { .. }
            | Self::Refused { .. }
            | Self::Interrupted { .. }
            | Self::NoSpace { .. } => None,
        }
    }

    /// Whether a privilege or a kernel feature is missing, not something wrong.
    pub fn is_missing_feature(&self) -> bool {
        match self {
            Self::NoOptions { .. } | Self::Device(device::Error::NoFsdev { .. }) => true,
            Self::Device(device::Error::Kernel(e)) | Self::Kernel(e) => e.is_missing_feature(),
            Self::Host(host::Error::Io { source, .. })
            | Self::Device(device::Error::Io { source, .. })
            | Self::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

/// Wraps an I/O error with what was done to which path.
pub fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}

pub fn refused(path: &Path, reason: impl Into<String>) -> Error {
    Error::Refused {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
