//! Mount a file system and fill it from its log; what belongs to mounting.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::logplay::{self, Played, Progress};
use super::{Error, failed, refused, stale};
use crate::device::{self, dax, daxmode, meta};
use famfs_machine::host::{self};
use famfs_machine::kernel::{self, confined, module, mount, mountinfo};
use famfs_media::player::Outcome;
use famfs_media::role::Role;
use famfs_media::volume::Volume;

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of mount(8)"
)]
pub struct Options {
    pub kernel: mount::Options,
    /// Make the files of the log.
    pub logplay: bool,
    /// Play as a client on the host that made the file system, too.
    pub client: bool,
    /// Change the flags of what is mounted already.
    pub remount: bool,
    /// Put a character dax device into fsdev mode first.
    pub set_daxmode: bool,
    /// Have the module loaded first.
    pub load_module: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kernel: mount::Options::default(),
            logplay: true,
            client: false,
            remount: false,
            set_daxmode: false,
            load_module: false,
        }
    }
}

/// Mounts `device` on `target`. The mount is attached when it is filled: whoever sees
/// it sees its files. A device without a usable superblock is never attached, and one
/// that was switched to fsdev mode goes back when it is not mounted. A play that
/// `progress` ends is no mount: nothing is attached.
pub fn mount(
    device: &Path,
    target: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Played, Error> {
    let device = std::fs::canonicalize(device).map_err(failed("resolve", device))?;
    let target = std::fs::canonicalize(target).map_err(failed("resolve", target))?;
    if !target.is_dir() {
        return Err(refused(&target, "the mount point is no folder"));
    }
    if options.remount {
        return remount(&device, &target, options, progress);
    }
    if !options.set_daxmode {
        dax::check_mountable(&device)?;
    }
    if options.load_module {
        module::load()?;
    } else if !module::is_present() {
        // The kernel would load it by itself. As with upstream, that is to be asked for.
        return Err(kernel::Error::NoModule.into());
    }
    if !options.set_daxmode {
        return mount_ready(&device, &target, options, progress);
    }
    let switched = daxmode::to_fsdev(&device)?;
    let mounted = mount_ready(&device, &target, options, progress);
    match (mounted, switched) {
        (mounted, None) => mounted,
        (Ok(played), Some(switched)) if !played.outcome.interrupted => {
            switched.keep();
            Ok(played)
        }
        (mounted, Some(switched)) => match (mounted, switched.undo()) {
            (mounted, Ok(())) => mounted,
            (Ok(_), Err(kept)) => Err(kept.into()),
            (Err(e), Err(kept)) => Err(refused(&device, format!("{e}; and {kept}"))),
        },
    }
}

/// Mounts a device that is in the right mode.
fn mount_ready(
    device: &Path,
    target: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Played, Error> {
    let detached = mount::detached(device, &options.kernel)?;
    let root = detached.as_fd();
    let volume = make_meta(root, device, options.client).map_err(|e| match e {
        // It was not a moment ago, when this mount began.
        Error::Stale { .. } => refused(device, "another file system is made on it just now"),
        e => e,
    })?;
    let played = play(&volume, root, device, options, progress)?;
    if played.outcome.interrupted {
        return Ok(played);
    }
    if options.kernel.read_only {
        mount::set_read_only(root).map_err(failed("make read-only", target))?;
    }
    mount::attach(root, device, target)?;
    Ok(played)
}

fn remount(
    device: &Path,
    target: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Played, Error> {
    let mounted = mountinfo::read()?
        .into_iter()
        .find(|m| m.is_famfs() && m.mount_point == *target && m.is_source(device));
    let Some(mounted) = mounted else {
        return Err(refused(
            target,
            "nothing to remount: it is not mounted here",
        ));
    };
    // Before its flags are changed.
    stale::check(&mounted)?;
    mount::remount(device, target, &options.kernel)?;
    let root = confined::open_root(target).map_err(failed("open", target))?;
    let volume = logplay::load(root.as_fd(), target)?;
    let options = Options {
        // Nothing can be made in a read-only mount.
        logplay: options.logplay && !options.kernel.read_only,
        ..options.clone()
    };
    play(&volume, root.as_fd(), device, &options, progress)
}

fn play(
    volume: &Volume,
    root: BorrowedFd<'_>,
    device: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Played, Error> {
    if !options.logplay {
        return Ok(Played {
            role: logplay::role_of(volume, options.client),
            entries: volume.counted(),
            outcome: Outcome::default(),
        });
    }
    let how = logplay::Options {
        client: options.client,
        ..logplay::Options::default()
    };
    logplay::play(volume, root, device, how, progress)
}

/// What [`mkmeta`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meta {
    /// It made what was missing.
    Made,
    /// Nothing: this mount is read-only, and has both files already.
    InReadOnly(PathBuf),
}

/// Makes what is missing of `.meta` in the mount of `device`.
pub fn mkmeta(device: &Path) -> Result<Meta, Error> {
    let mount = mount_of(device)?;
    stale::check(&mount)?;
    let mount_point = mount.mount_point;
    let root = confined::open_root(&mount_point).map_err(failed("open", &mount_point))?;
    let flags = fstatvfs(&root).map_err(|e| failed("look at", &mount_point)(e.into()))?;
    if !flags.flags().contains(FsFlags::ST_RDONLY) {
        return make_meta(root.as_fd(), device, false).map(|_| Meta::Made);
    }
    match has_meta(root.as_fd(), &mount_point) {
        Ok(()) => Ok(Meta::InReadOnly(mount_point)),
        Err(error) => Err(refused(
            &mount_point,
            format!(
                "its .meta is not whole, and nothing can be made in a read-only mount; remount it \
                 with rw first ({error})"
            ),
        )),
    }
}

/// Whether both files are there and show what they have to.
fn has_meta(root: BorrowedFd<'_>, mount_point: &Path) -> Result<(), Error> {
    let volume = logplay::load(root, mount_point)?;
    let log = confined::open(root, meta::LOG.as_ref(), OFlag::O_RDONLY).map(File::from);
    let log = log.and_then(|log| log.metadata());
    let shown = log
        .map_err(failed("look at the log of", mount_point))?
        .len();
    let logged = volume.superblock.log_len();
    if shown != logged {
        let reason = format!("its log has {logged} bytes, .meta/.log shows {shown}");
        return Err(refused(mount_point, reason));
    }
    Ok(())
}

/// What to unmount for a name that may be the device's.
pub fn mount_point_of(target: &Path) -> Result<PathBuf, Error> {
    if target.is_dir() {
        return Ok(target.to_owned());
    }
    Ok(mount_of(target)?.mount_point)
}

fn mount_of(device: &Path) -> Result<mountinfo::Mount, Error> {
    // A device that does not exist is a clearer answer than one that is not mounted.
    std::fs::metadata(device).map_err(failed("look at", device))?;
    mountinfo::read()?
        .into_iter()
        .rev()
        .find(|m| m.is_famfs() && m.root == Path::new("/") && m.is_source(device))
        .ok_or_else(|| refused(device, "no famfs is mounted from it"))
}

/// Makes `.meta` in a mount and reads the file system through it.
fn make_meta(root: BorrowedFd<'_>, device: &Path, client: bool) -> Result<Volume, Error> {
    meta::make_superblock(root).map_err(failed("map the superblock of", device))?;
    let sb = meta::superblock_of(root).map_err(failed("read", device))?;
    sb.check().map_err(|fault| Error::Unusable {
        path: device.to_owned(),
        fault: fault.into(),
    })?;
    let role = if client {
        Role::Client
    } else {
        host::role(sb.system_uuid())
    };
    // A length that no checksum covers is bounded before the kernel is asked for it.
    let end = famfs_media::format::LOG_OFFSET.saturating_add(sb.log_len());
    let size = device::size_of(device)?;
    if end > size {
        return Err(refused(
            device,
            format!("its log ends at {end}, the device at {size}"),
        ));
    }
    meta::make_log(root, sb.log_len(), 0o644 & role.mode_mask())
        .map_err(failed("map the log of", device))?;
    logplay::load(root, device)
}
