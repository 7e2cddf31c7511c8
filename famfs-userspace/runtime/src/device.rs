//! Shared memory: find it, size it, map it, and write it so that other hosts see it.
//!
//! | what `PATH` is | how its metadata is reached |
//! |---|---|
//! | regular file (an image) | `pread`, `pwrite`, `fdatasync` |
//! | pmem block device | the same with `O_DIRECT`: no page cache is left over memory that a mount then changes |
//! | character dax in devdax mode | a mapping and cache line write-back |
//! | character dax in fsdev mode | it cannot be mapped; a detached famfs mount gives two files that can |
//! | a mounted famfs | its `.meta/.superblock` and `.meta/.log` |
//!
//! Every store to shared memory goes through [`Memory`], whichever of these it is.

pub mod bus;
pub mod cache;
pub mod data;
pub mod dax;
pub mod daxmode;
pub mod holders;
pub mod image;
pub mod map;
pub mod meta;
mod pair;
pub mod pmem;
pub mod source;
pub mod stream;

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use data::DataMemory;
use famfs_machine::kernel::{self, mountinfo};
use famfs_media::memory::Memory;
use holders::Holder;

/// What the memory is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Makes a file system with a log of this many bytes. Fails if one is mounted.
    Format {
        log_len: u64,
    },
}

/// The metadata window of one device.
pub struct Device {
    pub path: PathBuf,
    /// Bytes of the whole device. An image may be cut short behind its log.
    pub size: u64,
    /// Whether `size` is the size of real memory, not that of an image.
    pub is_memory: bool,
    pub memory: Box<dyn Memory>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path} is neither an image, a block device nor a dax device", path = path.display())]
    NoKind { path: PathBuf },
    #[error("{path} is a block device without DAX", path = path.display())]
    NoDax { path: PathBuf },
    #[error("{path} is in use, mounted perhaps", path = path.display())]
    InUse { path: PathBuf },
    #[error("{path} cannot be switched to another mode: {}", holders::list(holders),
        path = path.display())]
    Held { path: PathBuf, holders: Vec<Holder> },
    #[error("{path} stays in fsdev mode: it is mounted", path = path.display())]
    Mounted { path: PathBuf },
    #[error("{path} cannot be put into fsdev mode: this kernel has no fsdev_dax driver",
        path = path.display())]
    NoFsdev { path: PathBuf },
    #[error("{path} is in devdax mode; file systems are mounted from fsdev mode",
        path = path.display())]
    DevDaxMode { path: PathBuf },
    #[error("{path} is bound to {driver}, not to device_dax or fsdev_dax", path = path.display())]
    Driver { path: PathBuf, driver: String },
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
}

/// What an ENODEV of a mounted file system means.
pub(crate) const DISABLED_HINT: &str =
    "a memory error may have disabled the mount: /sys/fs/famfs/*/error tells, `famfs-top` shows it";

impl Error {
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("make an image with `truncate -s 1G IMAGE`, or name a device")
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as root")
            }
            Self::Io { source, .. } if source.raw_os_error() == Some(libc::ENODEV) => {
                Some(DISABLED_HINT)
            }
            Self::Io { .. } | Self::Mounted { .. } => None,
            Self::NoKind { .. } => Some("name an image file, /dev/pmemN or /dev/daxN.M"),
            Self::NoDax { .. } => Some("famfs needs DAX memory: /dev/pmemN in fsdax mode"),
            Self::InUse { .. } => Some("`famfs umount` it first; /proc/mounts shows where it is"),
            Self::Driver { .. } => Some("`--set-daxmode` binds it to fsdev_dax"),
            Self::DevDaxMode { .. } => Some("`--set-daxmode` switches it"),
            Self::Held { .. } => Some(
                "end what uses it first: a device that loses its driver while it is open is \
                 unusable until the next boot",
            ),
            Self::NoFsdev { .. } => Some("kernel 7.0 and later have it; a pmem device needs none"),
            Self::Kernel(e) => e.hint(),
        }
    }
}

/// Wraps an I/O error with what was done to which path.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}

impl Device {
    /// Opens the metadata window of an image or a device.
    pub fn open(path: &Path, access: Access) -> Result<Self, Error> {
        let meta = std::fs::metadata(path).map_err(io_error("look at", path))?;
        let file_type = meta.file_type();
        if file_type.is_file() {
            image::open(path, access)
        } else if file_type.is_block_device() {
            pmem::open(path, meta.rdev(), access)
        } else if file_type.is_char_device() {
            open_dax(path, meta.rdev(), access)
        } else {
            Err(Error::NoKind {
                path: path.to_owned(),
            })
        }
    }
}

/// The bytes of the device that `path` names, without opening its metadata.
pub fn size_of(path: &Path) -> Result<u64, Error> {
    let meta = std::fs::metadata(path).map_err(io_error("look at", path))?;
    if meta.file_type().is_char_device() {
        dax::Dax::find(path, meta.rdev()).map(|dax| dax.size)
    } else {
        pmem::size(path)
    }
}

fn open_dax(path: &Path, rdev: u64, access: Access) -> Result<Device, Error> {
    let dax = dax::Dax::find(path, rdev)?;
    if dax.mode == dax::Mode::DevDax {
        return dax::open_devdax(path, &dax, access);
    }
    if let Access::Format { .. } = access {
        // Who may not format it is told so, mounted or not, as with a block device.
        nix::unistd::access(path, nix::unistd::AccessFlags::W_OK)
            .map_err(|e| io_error("open", path)(e.into()))?;
    }
    let mounted = mountinfo::read()?
        .into_iter()
        .find(|m| m.is_famfs() && m.is_source(path));
    let memory: Box<dyn Memory> = match (mounted, access) {
        (Some(_), Access::Format { .. }) => {
            return Err(Error::InUse {
                path: path.to_owned(),
            });
        }
        (Some(mount), Access::Read) => Box::new(meta::MetaFiles::of_mount(&mount.mount_point)?),
        (None, _) => Box::new(meta::MetaFiles::of_device(path, access)?),
    };
    Ok(Device {
        path: path.to_owned(),
        size: dax.size,
        is_memory: true,
        memory,
    })
}
