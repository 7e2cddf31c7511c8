//! The whole log as a list of things to do. Pure: it can be made and shown for any
//! image, on any machine.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::validate::{Limits, Refusal, check_dir, check_file};
use crate::alloc::Space;
use crate::format::{Body, Dir, File, PathField, Placement};
use crate::volume::{Slot, SlotFault, Volume};

#[derive(Clone, Debug)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub refused: Vec<Refused>,
    pub skipped: Vec<Skipped>,
    /// Where the play ends before the counted end.
    pub stop: Option<Stop>,
    /// Every name of the log, with the slot that made it.
    pub names: Names,
    limits: Limits,
    /// What the files planned so far own.
    space: Space,
    /// The first slot that was not looked at.
    next: u64,
}

/// By path. Whoever wrote the log chose the paths, and cannot know the seed of the hash.
pub type Names = HashMap<Vec<u8>, Name, foldhash::quality::RandomState>;

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
    pub owner: Owner,
    pub make: Make,
}

/// Who has what is made, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// Permission bits alone.
    pub mode: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    Dir,
    File { size: u64, placement: Placement },
}

/// An entry that is not acted on: its content is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub index: u64,
    pub offset: u64,
    pub path: Option<PathBuf>,
    pub reason: Refusal,
}

/// An entry that asks for nothing this version can do. Nothing is lost by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub index: u64,
    pub offset: u64,
    pub what: Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Reserved; nobody writes it.
    Delete,
    AddDaxdev {
        index: u32,
        size: u64,
    },
    /// Of version 46; nobody wrote it.
    Access,
    UnknownType(u32),
}

impl Skip {
    /// A stable name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::AddDaxdev { .. } => "add-daxdev",
            Self::Access => "access",
            Self::UnknownType(_) => "unknown-type",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete => write!(f, "DELETE is reserved and has no meaning yet"),
            Self::AddDaxdev { index, size } => write!(
                f,
                "device {index} of {size} bytes is added; only the first device is used"
            ),
            Self::Access => write!(f, "ACCESS was never given a meaning"),
            Self::UnknownType(code) => write!(f, "type {code} is unknown"),
        }
    }
}

/// The slot that ends the play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub index: u64,
    pub offset: u64,
    pub reason: SlotFault,
}

/// What is done about a slot without a sound entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtFault {
    Stop,
    GoOn,
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
        let mut plan = Self::empty(volume, memory_size);
        plan.extend(volume);
        plan
    }

    /// Judges every entry, those behind a bad slot too, which no play ever reaches. `see` is
    /// shown every slot first, good and bad.
    pub fn judge(volume: &Volume, memory_size: Option<u64>, see: impl FnMut(&Slot)) -> Self {
        let mut plan = Self::empty(volume, memory_size);
        plan.read_on(volume, AtFault::GoOn, see);
        plan
    }

    /// What a play acts on of a plan that was judged to the end.
    pub fn played(&self) -> impl Iterator<Item = &Action> {
        let end = self.stop.as_ref().map_or(u64::MAX, |stop| stop.index);
        self.actions.iter().filter(move |action| action.index < end)
    }

    fn empty(volume: &Volume, memory_size: Option<u64>) -> Self {
        let limits = Limits {
            data_start: volume.data_start(),
            device_end: device_end(volume, memory_size),
            alloc_unit: volume.superblock.alloc_unit(),
        };
        Self {
            actions: Vec::new(),
            refused: Vec::new(),
            skipped: Vec::new(),
            stop: None,
            names: Names::default(),
            space: Space::new(limits.device_end, limits.alloc_unit, limits.data_start),
            limits,
            next: 0,
        }
    }

    /// Plans what the volume has gained since; a slot that stopped the plan is looked at
    /// again.
    pub fn extend(&mut self, volume: &Volume) {
        self.read_on(volume, AtFault::Stop, |_| {});
    }

    /// How many slots were looked at.
    pub fn read(&self) -> u64 {
        self.next
    }

    /// What superblock, log and every entry take of the device, those that are refused too.
    pub fn space_of_all(&self, volume: &Volume) -> Space {
        let mut space = self.space.clone();
        for refused in &self.refused {
            let slot = volume.slots_from(refused.index).next();
            if let Some(Body::File(file)) = slot.map(|slot| slot.entry.body) {
                for extent in file.map.extents().iter() {
                    space.claim(extent);
                }
            }
        }
        space
    }

    /// Drops what was said about entries, whose names and memory stay known.
    pub fn forget_findings(&mut self) {
        self.refused.clear();
        self.skipped.clear();
    }

    /// Bytes of the device that the allocator would take for a file of `size` bytes with
    /// a map of this shape.
    pub fn needed(&self, size: u64, placement: &Placement) -> u64 {
        let round = |bytes: u64, to: u64| bytes.div_ceil(to).saturating_mul(to);
        match placement {
            Placement::Simple(_) => round(size, self.limits.alloc_unit.max(1)),
            Placement::Interleaved { chunk_size, strips } => {
                let stripe = chunk_size.saturating_mul(strips.len() as u64).max(1);
                let strip = size.div_ceil(stripe).saturating_mul(*chunk_size);
                let strip = round(strip, self.limits.alloc_unit.max(1));
                strip.saturating_mul(strips.len() as u64)
            }
        }
    }

    /// Whether the log has a file of this name.
    pub fn has_file(&self, path: &Path) -> bool {
        let name = self.names.get(path.as_os_str().as_bytes());
        name.is_some_and(|name| !name.is_dir)
    }

    /// Whether the log has this name in an entry that is refused.
    pub fn has_refused(&self, path: &Path) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| refused.path.as_deref() == Some(path))
    }

    /// The action that makes the file with this map: looks at each.
    pub fn file_with(&self, map: &Placement) -> Option<&Action> {
        self.actions
            .iter()
            .find(|action| matches!(&action.make, Make::File { placement, .. } if placement == map))
    }

    fn read_on(&mut self, volume: &Volume, at_fault: AtFault, mut see: impl FnMut(&Slot)) {
        self.stop = None;
        let more = volume.counted().saturating_sub(self.next);
        let more = usize::try_from(more).unwrap_or(0);
        self.names.reserve(more);
        self.actions.reserve(more);
        for slot in volume.slots_from(self.next) {
            let index = slot.index;
            see(&slot);
            match slot.fault() {
                None => self.add(slot),
                Some(reason) => {
                    let Slot { index, offset, .. } = slot;
                    self.stop.get_or_insert(Stop {
                        index,
                        offset,
                        reason,
                    });
                    if at_fault == AtFault::Stop {
                        break;
                    }
                }
            }
            self.next = index + 1;
        }
    }

    fn add(&mut self, slot: Slot) {
        let Slot {
            index,
            offset,
            entry,
        } = slot;
        let mut skip = |what| {
            self.skipped.push(Skipped {
                index,
                offset,
                what,
            });
        };
        let (path, verdict) = match entry.body {
            Body::File(file) => {
                let verdict = self.file(&file);
                let File {
                    path, size, map, ..
                } = file;
                let make = |owner| {
                    let placement = map.into_placement();
                    (owner, Make::File { size, placement })
                };
                (path, verdict.map(make))
            }
            Body::Mkdir(dir) => {
                let verdict = self.dir(&dir);
                (dir.path, verdict.map(|owner| (owner, Make::Dir)))
            }
            Body::Delete => return skip(Skip::Delete),
            Body::Access => return skip(Skip::Access),
            Body::Unknown => return skip(Skip::UnknownType(entry.type_code)),
            Body::AddDaxdev { size, index, .. } => return skip(Skip::AddDaxdev { index, size }),
        };
        match verdict {
            Err(reason) => self.refused.push(Refused {
                index,
                offset,
                path: Some(path.path().to_owned()),
                reason,
            }),
            Ok((owner, make)) => {
                let is_dir = make == Make::Dir;
                let name = Name {
                    slot: index,
                    is_dir,
                };
                self.names.insert(path.bytes().to_vec(), name);
                self.actions.push(Action {
                    index,
                    offset,
                    path,
                    owner,
                    make,
                });
            }
        }
    }

    fn dir(&self, dir: &Dir) -> Result<Owner, Refusal> {
        check_dir(dir)?;
        self.check_place(&dir.path, true)?;
        Ok(owner(dir.uid, dir.gid, dir.mode))
    }

    /// Judges a file, and takes its memory if it is a good one.
    fn file(&mut self, file: &File) -> Result<Owner, Refusal> {
        check_file(file, &self.limits)?;
        self.check_place(&file.path, false)?;
        // No two files may own a byte: the kernel would lose track of its pages.
        self.space
            .claim_free(&file.map.extents())
            .map_err(|taken| Refusal::SharedExtent {
                offset: taken.offset,
                len: taken.len,
            })?;
        Ok(owner(file.uid, file.gid, file.mode))
    }

    /// The name must be new, and its parent a folder that the log made.
    fn check_place(&self, path: &PathField, is_dir: bool) -> Result<(), Refusal> {
        let path = path.bytes();
        match self.names.get(path) {
            Some(earlier) if earlier.is_dir == is_dir => {
                return Err(Refusal::Duplicate(earlier.slot));
            }
            Some(&Name { slot, is_dir }) => return Err(Refusal::OtherKind { slot, is_dir }),
            None => {}
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

/// Older versions logged the file type too.
fn owner(uid: u32, gid: u32, mode: u32) -> Owner {
    Owner {
        uid,
        gid,
        mode: mode & 0o7777,
    }
}
