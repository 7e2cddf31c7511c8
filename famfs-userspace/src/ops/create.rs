//! `famfs creat`: a file with memory of its own, then the entry that tells of it.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::OFlag;

use super::place::Place;
use super::session::Session;
use super::{Error, failed, fill, refused};
use crate::kernel::{abi, confined, options};
use crate::media::entry::FLAGS_ALL_HOSTS_RW;
use crate::media::{self, Body, Map};

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Fill the file from this seed.
    pub seed: Option<u32>,
}

/// Whether the file is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    New,
    /// It was there with the same size; its contents were filled again if a seed says so.
    Existing,
}

/// Makes a file. Other hosts learn of it when it has its contents.
pub fn create(path: &Path, wanted: &Options) -> Result<Created, Error> {
    let place = Place::find(path)?;
    if wanted.size == 0 {
        return Err(refused(path, "a file of 0 bytes has nothing to map"));
    }
    if let Some(file) = existing(path, &place, wanted.size)? {
        if let Some(seed) = wanted.seed {
            fill::fill(file, wanted.size, seed).map_err(failed("fill", path))?;
        }
        return Ok(Created::Existing);
    }
    let field = place.path_field()?;
    let mut session = Session::open(&place)?;
    session.check_name(&field, path)?;
    session.check_room(1, path)?;
    let extent = session
        .space
        .allocate(wanted.size)
        .ok_or_else(|| Error::NoSpace {
            path: path.to_owned(),
            wanted: wanted.size,
            largest: session.space.largest_free(),
        })?;

    let relative = place.relative.as_path();
    let file = confined::create(session.root.as_fd(), relative).map_err(failed("create", path))?;
    let made = abi::map_file(file.as_fd(), wanted.size, &[extent])
        .map_err(failed("map", path))
        .and_then(|()| {
            confined::set_owner(&file, wanted.uid, wanted.gid, wanted.mode)
                .map_err(failed("set owner and mode of", path))
        })
        .and_then(|()| match wanted.seed {
            Some(seed) => fill::fill(file, wanted.size, seed).map_err(failed("fill", path)),
            None => Ok(()),
        })
        .and_then(|()| {
            let body = Body::File(media::File {
                size: wanted.size,
                flags: FLAGS_ALL_HOSTS_RW,
                uid: wanted.uid,
                gid: wanted.gid,
                mode: wanted.mode,
                path: field.clone(),
                map: Map::contiguous(extent.offset, extent.len),
            });
            session.append(&field, body, path)
        });
    if let Err(e) = made {
        options::remove_file(session.root.as_fd(), relative).map_err(failed("remove", path))?;
        return Err(e);
    }
    Ok(Created::New)
}

/// The file that is there already, if it is one of `size` bytes.
fn existing(path: &Path, place: &Place, size: u64) -> Result<Option<File>, Error> {
    let mount_point = &place.mount.mount_point;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let open = |flags| confined::open(root.as_fd(), &place.relative, flags).map(File::from);
    if place.relative.as_os_str().is_empty() {
        return Err(refused(path, "that is the root of the mount"));
    }
    let found = match open(OFlag::O_PATH) {
        Ok(found) => found.metadata().map_err(failed("look at", path))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("look at", path)(e)),
    };
    if !found.is_file() {
        return Err(refused(path, "it exists and is no file"));
    }
    if found.len() != size {
        let reason = format!(
            "it exists with {} bytes; files keep their size",
            found.len()
        );
        return Err(refused(path, reason));
    }
    let file = open(OFlag::O_RDWR).map_err(failed("open", path))?;
    match abi::get_map(file.as_fd()).map_err(failed("read the map of", path))? {
        Some(_) => Ok(Some(file)),
        None => Err(refused(path, "it exists without a map; remove it")),
    }
}
