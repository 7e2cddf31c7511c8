//! `famfs mkdir`: folders, then the entries that tell of them.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::OFlag;

use super::maker::{Maker, Owner};
use super::place::Place;
use super::watch::Watch;
use super::{Error, failed, refused, stale};
use famfs_machine::kernel::confined;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Make the parents that are missing, and take an existing folder for success.
    pub parents: bool,
    pub owner: Owner,
}

/// Makes a folder, and returns how many were made. When one cannot be made, none is.
pub fn mkdir(path: &Path, options: &Options, watch: &Watch) -> Result<u64, Error> {
    let place = Place::find(path)?;
    stale::check(&place.mount)?;
    let mount_point = &place.mount.mount_point;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let exists = |p: &Path| confined::open(root.as_fd(), p, OFlag::O_PATH).is_ok();
    let is_dir = |p: &Path| confined::open(root.as_fd(), p, OFlag::O_DIRECTORY).is_ok();
    if place.relative.as_os_str().is_empty() {
        return if options.parents {
            Ok(0)
        } else {
            Err(refused(path, "that is the root of the mount"))
        };
    }
    if exists(&place.relative) && !is_dir(&place.relative) {
        return Err(refused(path, "it exists and is no folder"));
    }
    // The longest path first: no folder is made on the way to one that cannot be.
    place.path_field()?;
    let mut maker = match Maker::new(&place, None, watch) {
        // A client has what its master logged.
        Err(Error::Client { .. }) if options.parents && is_dir(&place.relative) => return Ok(0),
        maker => maker?,
    };
    // A folder that the log does not have is not there: no other host can make it.
    let mut missing: Vec<Place> = Vec::new();
    for relative in place.relative.ancestors() {
        let ancestor = Place {
            mount: Arc::clone(&place.mount),
            relative: relative.to_owned(),
        };
        if relative.as_os_str().is_empty() || maker.knows(&ancestor.path_field()?) {
            break;
        }
        missing.push(ancestor);
    }
    match missing.len() {
        0 if options.parents && is_dir(&place.relative) => return Ok(0),
        0 if exists(&place.relative) => return Err(refused(path, "it exists")),
        0 => {
            return Err(refused(
                path,
                "the log has it; `famfs logplay` brings it back",
            ));
        }
        1 => {}
        _ if options.parents => {}
        _ => {
            return Err(refused(
                path,
                "its parent does not exist; `-p` makes it too",
            ));
        }
    }
    for place in missing.iter().rev() {
        maker.dir(place, path, options.owner)?;
    }
    maker.commit()?;
    Ok(missing.len() as u64)
}
