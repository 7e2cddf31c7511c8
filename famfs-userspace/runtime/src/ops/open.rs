//! Reads the metadata of whatever a path names: an image, a device, or a mount.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::place::Place;
use super::{Error, failed, stale};
use crate::device::meta::MetaFiles;
use crate::device::{self, Access, Device};
use famfs_media::format::superblock::MAGIC;
use famfs_media::volume::Volume;

/// A volume, and how much memory is really behind it where that is known.
#[derive(Debug)]
pub struct Opened {
    pub volume: Volume,
    pub memory_size: Option<u64>,
}

pub fn open(path: &Path) -> Result<Opened, Error> {
    let is_regular = std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
    // A file of a mount stands for the file system that it is in, not for an image.
    if path.is_dir() || (is_regular && Place::find(path).is_ok()) {
        return open_mounted(path);
    }
    let mut device = Device::open(path, Access::Read)?;
    let volume = Volume::load(&mut *device.memory).map_err(failed("read", path))?;
    Ok(Opened {
        volume,
        memory_size: device.is_memory.then_some(device.size),
    })
}

/// Returns the mount point that [`open`] takes a path for where the path is an image of another
/// file system: a file in a mount that begins as a device with famfs does.
pub fn image_in_mount(path: &Path) -> Option<PathBuf> {
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let place = Place::find(path).ok()?;
    // The mount's own superblock is a file there.
    if place.relative.starts_with(".meta") {
        return None;
    }
    let mut magic = [0; 8];
    File::open(path).ok()?.read_exact_at(&mut magic, 0).ok()?;
    (magic == MAGIC.to_le_bytes()).then(|| place.mount.mount_point.clone())
}

fn open_mounted(path: &Path) -> Result<Opened, Error> {
    let place = Place::find(path)?;
    let mut memory = MetaFiles::of_mount(&place.mount.mount_point)?;
    let volume = Volume::load(&mut memory).map_err(failed("read", path))?;
    stale::check(&place.mount)?;
    // Only root can ask the device itself.
    let memory_size = device::size_of(&place.mount.source).ok();
    Ok(Opened {
        volume,
        memory_size,
    })
}
