//! Whether a mount still shows the file system that is on its device.
//!
//! A file system is known by the uuid in its superblock, which every `mkfs` makes again. The
//! module keeps the one that was there when the mount began (`famfs-kmod/identity.c`), and
//! compares it with the memory whenever somebody reads the state of the mount. So all
//! commands ask the same question, whoever made the mount, and whatever is left in it.

use std::fs::{File, Metadata};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::place::Place;
use super::{Error, failed};
use famfs_machine::kernel::mountinfo::Mount;
use famfs_machine::mounts;
use famfs_snapshot::model::MountState;

/// Fails when the device of a mount holds another file system now. To be asked when the
/// metadata were read: what was read before is then known to belong to the mount.
pub fn check(mount: &Mount) -> Result<(), Error> {
    judge((mount.major, mount.minor), &mount.mount_point)
}

/// The same, of the mount that has `root`, which is `shown` to the user.
pub fn check_root(root: BorrowedFd<'_>, shown: &Path) -> Result<(), Error> {
    let root = root
        .try_clone_to_owned()
        .map_err(failed("look at", shown))?;
    let meta = File::from(root).metadata();
    judge(device_of(&meta.map_err(failed("look at", shown))?), shown)
}

/// The same, of the mount that holds a file. A file of any other file system is never stale.
pub fn check_file(meta: &Metadata, path: &Path) -> Result<(), Error> {
    if !is_stale(device_of(meta)) {
        return Ok(());
    }
    // Of a mount that is not to be found here, as `umount -l` leaves it, the file is named.
    let mount_point = Place::find(path).map_or_else(
        |_no_mount| path.to_owned(),
        |place| place.mount.mount_point.clone(),
    );
    Err(Error::Stale { mount_point })
}

fn judge(dev: (u32, u32), shown: &Path) -> Result<(), Error> {
    if is_stale(dev) {
        return Err(Error::Stale {
            mount_point: shown.to_owned(),
        });
    }
    Ok(())
}

fn is_stale(dev: (u32, u32)) -> bool {
    mounts::state_of(dev) == MountState::Stale
}

fn device_of(meta: &Metadata) -> (u32, u32) {
    (libc::major(meta.dev()), libc::minor(meta.dev()))
}
