//! `famfs mkdir`: a folder, then the entry that tells of it.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::OFlag;

use super::place::Place;
use super::session::Session;
use super::{Error, failed, refused};
use crate::kernel::{confined, options as allowed};
use crate::media::{Body, Dir, PathField};

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Make the parents that are missing, and take an existing folder for success.
    pub parents: bool,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// Makes a folder, and returns how many were made.
pub fn mkdir(path: &Path, options: &Options) -> Result<u64, Error> {
    let place = Place::find(path)?;
    let mount_point = &place.mount.mount_point;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let missing: Vec<&Path> = place
        .relative
        .ancestors()
        .filter(|p| !p.as_os_str().is_empty())
        .take_while(|p| is_missing(confined::open(root.as_fd(), p, OFlag::O_PATH)))
        .collect();
    match missing.len() {
        0 if options.parents && path.is_dir() => return Ok(0),
        0 => return Err(refused(path, "it exists")),
        1 => {}
        _ if options.parents => {}
        _ => {
            return Err(refused(
                path,
                "its parent does not exist; `-p` makes it too",
            ));
        }
    }
    // The longest path first: no folder is made on the way to one that cannot be.
    place.path_field()?;
    let mut session = Session::open(&place)?;
    session.check_room(missing.len() as u64, path)?;
    for relative in missing.iter().rev() {
        let place = Place {
            mount: place.mount.clone(),
            relative: relative.to_path_buf(),
        };
        make(&mut session, &place, options, path)?;
    }
    Ok(missing.len() as u64)
}

fn is_missing<T>(opened: io::Result<T>) -> bool {
    opened.is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
}

fn make(session: &mut Session, place: &Place, options: &Options, path: &Path) -> Result<(), Error> {
    let field: PathField = place.path_field()?;
    session.check_name(&field, path)?;
    let dir =
        confined::mkdir(session.root.as_fd(), &place.relative).map_err(failed("create", path))?;
    let Options { mode, uid, gid, .. } = *options;
    let made = confined::set_owner(&dir, uid, gid, mode)
        .map_err(failed("set owner and mode of", path))
        .and_then(|()| {
            let body = Body::Mkdir(Dir {
                uid,
                gid,
                mode,
                path: field.clone(),
            });
            session.append(&field, body, path)
        });
    if let Err(e) = made {
        allowed::remove_dir(session.root.as_fd(), &place.relative)
            .map_err(failed("remove", path))?;
        return Err(e);
    }
    Ok(())
}
