//! The right to append: the locked log of a mounted file system, read and understood.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::place::Place;
use super::{Error, append, failed, refused};
use crate::alloc::Space;
use crate::device::{self, meta::MetaFiles};
use crate::host::{self, Role};
use crate::kernel::confined;
use crate::media::{Body, PathField};
use crate::player::Plan;
use crate::volume::Volume;

/// Held while names are made; the lock goes with it.
#[derive(Debug)]
pub struct Session {
    pub root: OwnedFd,
    pub space: Space,
    memory: MetaFiles,
    plan: Plan,
    next_index: u64,
    capacity: u64,
    _lock: File,
}

impl Session {
    /// Waits for the lock on the log of the mount that holds `place`, then reads it.
    pub fn open(place: &Place) -> Result<Self, Error> {
        let mount_point = &place.mount.mount_point;
        let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
        let mut memory =
            MetaFiles::open(root.as_fd(), true).map_err(failed("open the log of", mount_point))?;
        let lock = memory
            .log_file()
            .try_clone()
            .map_err(failed("lock", mount_point))?;
        lock.lock().map_err(failed("lock", mount_point))?;
        let volume = Volume::load(&mut memory).map_err(failed("read the log of", mount_point))?;
        volume.check().map_err(|fault| Error::Unusable {
            path: mount_point.clone(),
            fault,
        })?;
        if Role::of(volume.superblock.system_uuid(), host::system_uuid()) != Role::Master {
            return Err(Error::Client {
                path: mount_point.clone(),
            });
        }
        let device_size = device::size_of(&place.mount.source)?;
        let plan = Plan::new(&volume, Some(device_size));
        writable(&volume, &plan, mount_point)?;
        let space = space_of(&volume, device_size);
        Ok(Self {
            root,
            space,
            memory,
            next_index: volume.counted(),
            capacity: volume.capacity,
            plan,
            _lock: lock,
        })
    }

    /// Fails unless a new name may be logged: it is free, and its parent was logged.
    pub fn check_name(&self, path: &PathField, shown: &Path) -> Result<(), Error> {
        if let Some(name) = self.plan.names.get(path.bytes()) {
            let slot = name.slot;
            return Err(refused(
                shown,
                format!("log slot {slot} made it; `famfs logplay` brings it back"),
            ));
        }
        let Some(slash) = path.bytes().iter().rposition(|b| *b == b'/') else {
            return Ok(());
        };
        match self.plan.names.get(&path.bytes()[..slash]) {
            Some(parent) if parent.is_dir => Ok(()),
            Some(_) => Err(refused(shown, "its parent is a file")),
            None => Err(refused(
                shown,
                "its parent is not in the log; use `famfs mkdir -p`",
            )),
        }
    }

    /// Fails unless there is room for `count` more entries.
    pub fn check_room(&self, count: u64, shown: &Path) -> Result<(), Error> {
        if self.next_index.saturating_add(count) > self.capacity {
            return Err(Error::LogFull {
                path: shown.to_owned(),
                entries: self.capacity,
            });
        }
        Ok(())
    }

    pub fn append(&mut self, path: &PathField, body: Body, shown: &Path) -> Result<(), Error> {
        self.check_room(1, shown)?;
        let is_dir = matches!(body, Body::Mkdir(_));
        append::append(&mut self.memory, self.next_index, body)
            .map_err(failed("append to the log for", shown))?;
        let name = crate::player::plan::Name {
            slot: self.next_index,
            is_dir,
        };
        self.plan.names.insert(path.bytes().to_vec(), name);
        self.next_index += 1;
        Ok(())
    }
}

/// Only a log that every reader reads to its end may grow.
fn writable(volume: &Volume, plan: &Plan, mount_point: &Path) -> Result<(), Error> {
    if let Some(stop) = &plan.stop {
        return Err(Error::BadLog {
            path: mount_point.to_owned(),
            index: stop.index,
            offset: stop.offset,
            reason: stop.reason.to_string(),
        });
    }
    if volume.header.next_index > volume.capacity {
        let entries = volume.capacity;
        return Err(Error::LogFull {
            path: mount_point.to_owned(),
            entries,
        });
    }
    match &volume.superblock {
        crate::media::Super::Current(sb) if sb.version == crate::media::superblock::VERSION => {
            Ok(())
        }
        _ => Err(refused(
            mount_point,
            "only file systems of version 48 are written to",
        )),
    }
}

/// What is taken: the extents of every good entry, those that the play refuses too.
fn space_of(volume: &Volume, device_size: u64) -> Space {
    let end = crate::player::plan::device_end(volume, Some(device_size));
    let mut space = Space::new(end, volume.superblock.alloc_unit(), volume.data_start());
    for slot in volume.slots() {
        if let Body::File(file) = &slot.entry.body {
            for extent in file.map.extents() {
                space.claim(&extent);
            }
        }
    }
    space
}
