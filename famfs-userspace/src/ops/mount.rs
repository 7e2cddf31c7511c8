//! Mount a file system and fill it from its log; play the log again; unmount.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::place::Place;
use super::{Error, failed, refused};
use crate::device::{self, meta, meta::MetaFiles};
use crate::host::{self, Role};
use crate::kernel::{confined, mount};
use crate::player::{self, Outcome, Plan};
use crate::volume::Volume;

/// What a play came to, and as whom it was done.
#[derive(Debug)]
pub struct Played {
    pub role: Role,
    pub entries: u64,
    pub outcome: Outcome,
}

/// Mounts `device` on `target`. The mount is attached when it is filled: whoever sees
/// it sees its files. A device without a usable superblock is never attached.
pub fn mount(device: &Path, target: &Path, logplay: bool) -> Result<Played, Error> {
    let device = std::fs::canonicalize(device).map_err(failed("resolve", device))?;
    let target = std::fs::canonicalize(target).map_err(failed("resolve", target))?;
    if !target.is_dir() {
        return Err(refused(&target, "the mount point is no folder"));
    }
    let detached = mount::detached(&device, &mount::Options::default())?;
    let root = detached.as_fd();
    let volume = make_meta(root, &device)?;
    let played = if logplay {
        play(&volume, root, &device, false)?
    } else {
        let role = role_of(&volume);
        Played {
            role,
            entries: volume.counted(),
            outcome: Outcome::default(),
        }
    };
    mount::attach(root, &device, &target)?;
    Ok(played)
}

/// Plays the log of a mounted file system again.
pub fn logplay(path: &Path, dry_run: bool) -> Result<Played, Error> {
    let place = Place::find(path)?;
    let mount_point = &place.mount.mount_point;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let volume = load(root.as_fd(), mount_point)?;
    play(&volume, root.as_fd(), &place.mount.source, dry_run)
}

/// Makes `.meta` in a fresh mount and reads the file system through it.
fn make_meta(root: BorrowedFd<'_>, device: &Path) -> Result<Volume, Error> {
    meta::make_superblock(root).map_err(failed("map the superblock of", device))?;
    let sb = meta::superblock_of(root).map_err(failed("read", device))?;
    sb.check().map_err(|fault| Error::Unusable {
        path: device.to_owned(),
        fault: fault.into(),
    })?;
    let role = Role::of(sb.system_uuid(), host::system_uuid());
    meta::make_log(root, sb.log_len(), 0o644 & role.mode_mask())
        .map_err(failed("map the log of", device))?;
    load(root, device)
}

fn load(root: BorrowedFd<'_>, shown: &Path) -> Result<Volume, Error> {
    let mut memory = MetaFiles::open(root, false).map_err(failed("open the log of", shown))?;
    let volume = Volume::load(&mut memory).map_err(failed("read the log of", shown))?;
    volume.check().map_err(|fault| Error::Unusable {
        path: shown.to_owned(),
        fault,
    })?;
    Ok(volume)
}

fn play(
    volume: &Volume,
    root: BorrowedFd<'_>,
    device: &Path,
    dry_run: bool,
) -> Result<Played, Error> {
    let plan = Plan::new(volume, Some(device::size_of(device)?));
    let role = role_of(volume);
    let outcome = player::play(&plan, root, role, dry_run);
    Ok(Played {
        role,
        entries: volume.counted(),
        outcome,
    })
}

fn role_of(volume: &Volume) -> Role {
    Role::of(volume.superblock.system_uuid(), host::system_uuid())
}
