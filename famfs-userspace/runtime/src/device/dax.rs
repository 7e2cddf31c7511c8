//! A character dax device: which driver has it, how large it is.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use super::map::{Loads, Mapping};
use super::{Access, Device, Error, io_error};
use famfs_media::format::{LOG_LEN_MIN, LOG_OFFSET};

/// Who drives the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `device_dax`: programs map it.
    DevDax,
    /// `fsdev_dax`: file systems own it, programs cannot map it.
    FsDev,
}

#[derive(Debug)]
pub struct Dax {
    pub mode: Mode,
    pub size: u64,
}

impl Dax {
    /// Asks sysfs about the character device with number `rdev`.
    pub fn find(path: &Path, rdev: u64) -> Result<Self, Error> {
        let number = format!("{}:{}", libc::major(rdev), libc::minor(rdev));
        let dir = PathBuf::from("/sys/dev/char").join(number);
        let link = |name: &str| {
            let target = std::fs::read_link(dir.join(name)).ok()?;
            Some(target.file_name()?.to_string_lossy().into_owned())
        };
        if link("subsystem").as_deref() != Some("dax") {
            return Err(Error::NoKind {
                path: path.to_owned(),
            });
        }
        let mode = match link("driver").as_deref() {
            Some("device_dax") => Mode::DevDax,
            Some("fsdev_dax") => Mode::FsDev,
            other => {
                let driver = other.unwrap_or("no driver").to_owned();
                return Err(Error::Driver {
                    path: path.to_owned(),
                    driver,
                });
            }
        };
        let size = dir.join("size");
        let text = std::fs::read_to_string(&size).map_err(io_error("read", &size))?;
        let size = text.trim().parse().map_err(|e| Error::Io {
            action: "understand the size of",
            path: path.to_owned(),
            source: std::io::Error::other(e),
        })?;
        Ok(Self { mode, size })
    }
}

/// Whether `path` is a character dax device that file systems own. It is reached through a
/// mount, so the kernel needs the file system for it.
pub fn is_fsdev(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    std::fs::metadata(path).is_ok_and(|meta| {
        meta.file_type().is_char_device()
            && Dax::find(path, meta.rdev()).is_ok_and(|dax| dax.mode == Mode::FsDev)
    })
}

/// Fails for a device whose metadata can only be reached by mapping it.
pub fn check_unmapped(path: &Path) -> Result<(), Error> {
    match check_mountable(path) {
        // An image.
        Err(Error::NoKind { .. }) => Ok(()),
        other => other,
    }
}

/// Fails for a character dax device that is not in fsdev mode. What any other path lacks,
/// the mount says.
pub fn check_mountable(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let meta = std::fs::metadata(path).map_err(io_error("look at", path))?;
    let kind = meta.file_type();
    if kind.is_file() || kind.is_dir() {
        return Err(Error::NoKind {
            path: path.to_owned(),
        });
    }
    if kind.is_char_device() && Dax::find(path, meta.rdev())?.mode == Mode::DevDax {
        return Err(Error::DevDaxMode {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Maps the metadata of a device in devdax mode.
pub fn open_devdax(path: &Path, dax: &Dax, access: Access) -> Result<Device, Error> {
    let writable = access != Access::Read;
    let open = |len: u64| {
        let file = OpenOptions::new().read(true).write(writable).open(path)?;
        Mapping::new(file, len.min(dax.size), Loads::Copy, writable)
    };
    let window = match access {
        Access::Format { log_len } => LOG_OFFSET + log_len,
        Access::Read => {
            let head = open(LOG_OFFSET).map_err(io_error("map", path))?;
            LOG_OFFSET + super::meta::log_len_of(&head).unwrap_or(LOG_LEN_MIN)
        }
    };
    let memory = Box::new(open(window).map_err(io_error("map", path))?);
    Ok(Device {
        path: path.to_owned(),
        size: dax.size,
        is_memory: true,
        memory,
    })
}
