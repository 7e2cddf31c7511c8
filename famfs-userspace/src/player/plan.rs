//! The whole log as a list of things to do. Pure: it can be made and shown for any
//! image, on any machine.

use std::collections::HashMap;

use super::validate::{Limits, Refusal, check};
use crate::alloc::Space;
use crate::media::{Body, Extent, Map, PathField};
use crate::volume::{Slot, SlotFault, Volume};

#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub refused: Vec<Refused>,
    /// Where the play ends before the counted end.
    pub stop: Option<Stop>,
    /// Devices that the log adds; this version maps none of them.
    pub added_devices: u64,
    /// Every name of the log, with the slot that made it.
    pub names: HashMap<Vec<u8>, Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub slot: u64,
    pub is_dir: bool,
}

/// One thing to make. Everything in it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub index: u64,
    pub offset: u64,
    pub path: PathField,
    pub uid: u32,
    pub gid: u32,
    /// Permission bits alone.
    pub mode: u32,
    pub make: Make,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    Dir,
    File {
        size: u64,
        extents: Vec<Extent>,
        /// The chunk size of an interleaved map.
        chunk_size: Option<u64>,
    },
}

/// An entry that is not acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub index: u64,
    pub offset: u64,
    pub path: Option<String>,
    pub reason: Refusal,
}

/// The slot that ends the play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub index: u64,
    pub offset: u64,
    pub reason: SlotFault,
}

/// The end of the device for a volume: the superblock's word, bounded by real memory.
pub fn device_end(volume: &Volume, memory_size: Option<u64>) -> u64 {
    let said = volume.superblock.dev_size();
    memory_size.map_or(said, |real| said.min(real))
}

impl Plan {
    /// Plans a volume that [`Volume::check`] has passed. `memory_size` is the size of
    /// the device where there is one; media say a size too, which no checksum covers.
    pub fn new(volume: &Volume, memory_size: Option<u64>) -> Self {
        let limits = Limits {
            data_start: volume.data_start(),
            device_end: device_end(volume, memory_size),
            alloc_unit: volume.superblock.alloc_unit(),
        };
        let mut space = Space::new(limits.device_end, limits.alloc_unit, limits.data_start);
        let mut plan = Self::default();
        for slot in volume.slots() {
            if let Some(reason) = slot.fault() {
                plan.stop = Some(Stop {
                    index: slot.index,
                    offset: slot.offset,
                    reason,
                });
                break;
            }
            plan.add(&slot, &limits, &mut space);
        }
        plan
    }

    fn add(&mut self, slot: &Slot, limits: &Limits, space: &mut Space) {
        let entry = &slot.entry;
        let verdict = check(&entry.body, entry.type_code, limits)
            .and_then(|()| self.check_place(&entry.body))
            .and_then(|()| check_space(&entry.body, space));
        if let Err(reason) = verdict {
            self.refused.push(Refused {
                index: slot.index,
                offset: slot.offset,
                path: path_of(&entry.body).map(PathField::lossy),
                reason,
            });
            return;
        }
        let (path, uid, gid, mode, make) = match &entry.body {
            Body::File(f) => {
                let chunk_size = match f.map {
                    Map::Interleaved { chunk_size, .. } => Some(chunk_size),
                    Map::Simple { .. } | Map::V46 { .. } => None,
                };
                let make = Make::File {
                    size: f.size,
                    extents: f.map.extents(),
                    chunk_size,
                };
                (&f.path, f.uid, f.gid, f.mode, make)
            }
            Body::Mkdir(d) => (&d.path, d.uid, d.gid, d.mode, Make::Dir),
            Body::AddDaxdev { .. } => {
                self.added_devices += 1;
                return;
            }
            Body::Delete | Body::Access | Body::Unknown => return,
        };
        let name = Name {
            slot: slot.index,
            is_dir: make == Make::Dir,
        };
        self.names.insert(path.bytes().to_vec(), name);
        // Older versions logged the file type too.
        let mode = mode & 0o7777;
        let (index, offset, path) = (slot.index, slot.offset, path.clone());
        self.actions.push(Action {
            index,
            offset,
            path,
            uid,
            gid,
            mode,
            make,
        });
    }

    /// The name must be new, and its parent a folder that the log made.
    fn check_place(&self, body: &Body) -> Result<(), Refusal> {
        let Some(path) = path_of(body).map(PathField::bytes) else {
            return Ok(());
        };
        if let Some(earlier) = self.names.get(path) {
            return Err(Refusal::Duplicate(earlier.slot));
        }
        let Some(slash) = path.iter().rposition(|b| *b == b'/') else {
            return Ok(());
        };
        match self.names.get(&path[..slash]) {
            None => Err(Refusal::NoParent),
            Some(parent) if !parent.is_dir => Err(Refusal::ParentIsFile(parent.slot)),
            Some(_) => Ok(()),
        }
    }
}

/// No two files may own a byte: the kernel would lose track of its pages.
fn check_space(body: &Body, space: &mut Space) -> Result<(), Refusal> {
    let Body::File(file) = body else {
        return Ok(());
    };
    let extents = file.map.extents();
    if let Some(e) = extents.iter().find(|e| space.is_shared(e)) {
        return Err(Refusal::SharedExtent {
            offset: e.offset,
            len: e.len,
        });
    }
    for extent in &extents {
        space.claim(extent);
    }
    Ok(())
}

fn path_of(body: &Body) -> Option<&PathField> {
    match body {
        Body::File(file) => Some(&file.path),
        Body::Mkdir(dir) => Some(&dir.path),
        _ => None,
    }
}
