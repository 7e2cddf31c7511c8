//! Make what the log has and the mount lacks.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::place::Place;
use super::{Error, failed, stale};
use crate::device::{self, meta::MetaFiles};
use crate::player::MountTree;
use famfs_machine::host::{self};
use famfs_machine::kernel::confined;
use famfs_media::player::{self, Outcome, Plan};
use famfs_media::role::Role;
use famfs_media::volume::Volume;

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Make nothing, only count.
    pub dry_run: bool,
    /// Put right what is there and differs from the log.
    pub repair: bool,
    /// Play as a client on the host that made the file system, too.
    pub client: bool,
}

/// What a play came to, and as whom it was done.
#[derive(Debug)]
pub struct Played {
    pub role: Role,
    pub entries: u64,
    pub outcome: Outcome,
}

/// Hears how many of how many names are done, and says whether to go on.
pub type Progress<'p> = &'p mut dyn FnMut(usize, usize) -> bool;

/// Plays the log of a mounted file system again.
pub fn logplay(path: &Path, options: Options, progress: Progress<'_>) -> Result<Played, Error> {
    let place = Place::find(path)?;
    let mount_point = &place.mount.mount_point;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let volume = load(root.as_fd(), mount_point)?;
    play(
        &volume,
        root.as_fd(),
        &place.mount.source,
        options,
        progress,
    )
}

/// Plays a volume below the root of a mount of `device`.
pub fn play(
    volume: &Volume,
    root: BorrowedFd<'_>,
    device: &Path,
    options: Options,
    progress: Progress<'_>,
) -> Result<Played, Error> {
    let plan = Plan::new(volume, Some(device::size_of(device)?));
    let options = act_options(volume, options);
    let outcome = player::play(&plan, 0, &mut MountTree::new(root), &options, progress);
    Ok(Played {
        role: options.role,
        entries: volume.counted(),
        outcome,
    })
}

/// The metadata of the mount that has `root`.
pub fn load(root: BorrowedFd<'_>, shown: &Path) -> Result<Volume, Error> {
    let mut memory = MetaFiles::open(root, false).map_err(failed("open the log of", shown))?;
    let volume = Volume::load(&mut memory).map_err(failed("read the log of", shown))?;
    stale::check_root(root, shown)?;
    volume.check().map_err(|fault| Error::Unusable {
        path: shown.to_owned(),
        fault,
    })?;
    Ok(volume)
}

pub(super) fn act_options(volume: &Volume, options: Options) -> player::Options {
    player::Options {
        role: role_of(volume, options.client),
        dry_run: options.dry_run,
        repair: options.repair,
    }
}

/// What this host is to a file system: also a client of one that it made but, as it is
/// now, may only read.
pub fn role_of(volume: &Volume, forced_client: bool) -> Role {
    let sb = &volume.superblock;
    let newer = matches!(
        sb.check_writable(),
        Err(famfs_media::format::ReadOnly::Omf { .. })
    );
    if forced_client || newer {
        return Role::Client;
    }
    host::role(sb.system_uuid())
}
