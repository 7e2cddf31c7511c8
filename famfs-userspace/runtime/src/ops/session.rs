//! The right to append: the locked log of a mounted file system, read and understood.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::place::Place;
use super::watch::Watch;
use super::{Error, failed, refused, stale};
use crate::device::{
    self,
    meta::{self, MetaFiles},
};
use famfs_machine::host;
use famfs_machine::kernel::{abi, confined};
use famfs_media::alloc::{self, Interleave, Space};
use famfs_media::format::{Body, PathField};
use famfs_media::player::Plan;
use famfs_media::role::Role;
use famfs_media::volume::Volume;
use famfs_media::writer;

/// Held while names are made; the lock goes with it.
#[derive(Debug)]
pub struct Session {
    pub root: OwnedFd,
    pub mount_point: PathBuf,
    pub space: Space,
    device_size: u64,
    memory: MetaFiles,
    plan: Plan,
    next_index: u64,
    capacity: u64,
    _lock: File,
}

impl Session {
    /// Waits for the lock on the log of the mount that holds `place`, then reads it.
    pub fn open(place: &Place, watch: &Watch) -> Result<Self, Error> {
        let mount_point = &place.mount.mount_point;
        let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
        let mut memory =
            MetaFiles::open(root.as_fd(), true).map_err(failed("open the log of", mount_point))?;
        let lock = memory
            .log_file()
            .try_clone()
            .map_err(failed("lock", mount_point))?;
        super::lock::take(&lock, mount_point, watch)?;
        let volume = Volume::load(&mut memory).map_err(failed("read the log of", mount_point))?;
        stale::check(&place.mount)?;
        volume.check().map_err(|fault| Error::Unusable {
            path: mount_point.clone(),
            fault,
        })?;
        let host = host::system_uuid()?;
        if Role::of(volume.superblock.system_uuid(), host) != Role::Master {
            return Err(Error::Client {
                path: mount_point.clone(),
            });
        }
        let device_size = device::size_of(&place.mount.source)?;
        let plan = Plan::new(&volume, Some(device_size));
        writable(&volume, &plan, mount_point)?;
        // What a refused entry has is taken, too.
        let space = plan.space_of_all(&volume);
        Ok(Self {
            root,
            mount_point: mount_point.clone(),
            space,
            device_size,
            memory,
            next_index: volume.counted(),
            capacity: volume.capacity,
            plan,
            _lock: lock,
        })
    }

    /// Whether the log has a name.
    pub fn knows(&self, path: &PathField) -> bool {
        self.plan.names.contains_key(path.bytes())
    }

    /// Fails when the log has a name already.
    pub fn check_new(&self, path: &PathField, shown: &Path) -> Result<(), Error> {
        match self.plan.names.get(path.bytes()) {
            None => Ok(()),
            Some(name) => {
                let slot = name.slot;
                Err(refused(
                    shown,
                    format!("log slot {slot} made it; `famfs logplay` brings it back"),
                ))
            }
        }
    }

    /// Fails unless a new name may be logged: it is free, and its parent was logged.
    pub fn check_name(&self, path: &PathField, shown: &Path) -> Result<(), Error> {
        self.check_new(path, shown)?;
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

    /// Logs names that are complete, all at once.
    pub fn append(&mut self, entries: &[(&PathField, &Body)], shown: &Path) -> Result<(), Error> {
        self.check_room(entries.len() as u64, shown)?;
        // Files may have been filled for minutes since the log was read.
        stale::check_root(self.root.as_fd(), &self.mount_point)?;
        let bodies = entries.iter().map(|(_, body)| *body);
        writer::append_all(&mut self.memory, self.next_index, bodies)
            .map_err(failed("append to the log of", shown))?;
        for (path, body) in entries {
            let name = famfs_media::player::plan::Name {
                slot: self.next_index,
                is_dir: matches!(body, Body::Mkdir(_)),
            };
            self.plan.names.insert(path.bytes().to_vec(), name);
            self.next_index += 1;
        }
        Ok(())
    }

    /// How new files are spread: as asked for, else as `.meta/.alloc.cfg` says.
    pub fn interleave(
        &self,
        asked: Option<Interleave>,
        shown: &Path,
    ) -> Result<Option<Interleave>, Error> {
        let check = |how: &Interleave| how.check(self.device_size, self.space.unit());
        if let Some(how) = asked {
            check(&how).map_err(|fault| refused(shown, fault.to_string()))?;
            return Ok(Some(how));
        }
        let path = Path::new(meta::DIR).join(".alloc.cfg");
        let Ok(file) = confined::open(self.root.as_fd(), &path, OFlag::O_RDONLY) else {
            return Ok(None);
        };
        let mut text = Vec::new();
        let read = File::from(file)
            .take(alloc::config::LEN_MAX as u64 + 1)
            .read_to_end(&mut text);
        // As upstream: a configuration that cannot be used is none.
        Ok(read
            .ok()
            .and_then(|_| alloc::config::parse(&text).ok().flatten())
            .filter(|how| check(how).is_ok()))
    }

    /// Takes from the free space what files hold that neither the log nor `pending`
    /// has: no new file can be mapped there while they are.
    pub fn claim_strays(&mut self, pending: &HashMap<Vec<u8>, bool>) {
        let mut folders = vec![self.mount_point.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in entries {
                let path = entry.path();
                let Ok(relative) = path.strip_prefix(&self.mount_point) else {
                    continue;
                };
                let name = relative.as_os_str().as_bytes();
                let kind = entry.file_type();
                if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
                    if relative != Path::new(meta::DIR) {
                        folders.push(path);
                    }
                } else if !self.plan.names.contains_key(name)
                    && !pending.contains_key(name)
                    && kind.is_ok_and(|kind| kind.is_file())
                    && let Ok(file) = confined::open(self.root.as_fd(), relative, OFlag::O_RDONLY)
                    && let Ok(Some(map)) = abi::get_map(file.as_fd())
                {
                    for extent in &map.extents {
                        self.space.claim(extent);
                    }
                }
            }
        }
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
    volume
        .superblock
        .check_writable()
        .map_err(|reason| refused(mount_point, reason.to_string()))
}
