//! The whole log as a list of things to do. Making it touches nothing, so a plan can be made and shown
//! for any image, on any machine.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::validate::{Limits, Refusal, check_dir, check_file};
use crate::alloc::Space;
use crate::format::{Body, Dir, File, PathField, Placement};
use crate::volume::{Slot, SlotFault, Volume};

/// What a play of a log would do, entry by entry.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to make, in the order of the log.
    pub actions: Vec<Action>,
    /// Entries that are not acted on, because their content is bad.
    pub refused: Vec<Refused>,
    /// Entries that ask for nothing that this version can do.
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

/// The names of a log, by path. A hostile log chooses the paths, but it cannot know the seed of the
/// hash, so it cannot make them collide.
pub type Names = HashMap<Vec<u8>, Name, foldhash::quality::RandomState>;

/// What the log has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The slot of the entry that made it.
    pub slot: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// One thing to make. Everything in it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The slot of the entry.
    pub index: u64,
    /// Where the entry starts, in bytes from the start of the device.
    pub offset: u64,
    /// The name, relative to the mount's root.
    pub path: PathField,
    /// Owner, group and permission bits.
    pub owner: Owner,
    /// What to make.
    pub make: Make,
}

/// The owner of a file or a folder, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits, without the file type.
    pub mode: u32,
}

/// What an action makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// A folder.
    Dir,
    /// A file.
    File {
        /// The size in bytes.
        size: u64,
        /// Where its bytes lie.
        placement: Placement,
    },
}

/// An entry that is not acted on, because its content is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The slot of the entry.
    pub index: u64,
    /// Where the entry starts, in bytes from the start of the device.
    pub offset: u64,
    /// The name that it has, if any.
    pub path: Option<PathBuf>,
    /// What is bad about it.
    pub reason: Refusal,
}

/// An entry that asks for nothing that this version can do. Nothing is lost by leaving it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The slot of the entry.
    pub index: u64,
    /// Where the entry starts, in bytes from the start of the device.
    pub offset: u64,
    /// What it asks for.
    pub what: Skip,
}

/// A kind of entry that is not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// A reserved type, which no tool writes.
    Delete,
    /// A further device; only the first one is used.
    AddDaxdev {
        /// The number by which extents name the device.
        index: u32,
        /// The device's size in bytes.
        size: u64,
    },
    /// A type of version 46, which no tool ever wrote.
    Access,
    /// A type without a meaning here.
    UnknownType(u32),
}

impl Skip {
    /// Returns a stable name for programs.
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
    /// The slot.
    pub index: u64,
    /// Where it starts, in bytes from the start of the device.
    pub offset: u64,
    /// Why it holds no sound entry.
    pub reason: SlotFault,
}

/// What is done about a slot without a sound entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtFault {
    Stop,
    GoOn,
}

/// Returns the end of the device in bytes: the size in the superblock, which no checksum covers,
/// but never more than the real memory has.
pub fn device_end(volume: &Volume, memory_size: Option<u64>) -> u64 {
    let said = volume.superblock.dev_size();
    memory_size.map_or(said, |real| said.min(real))
}

impl Plan {
    /// Plans a volume that [`Volume::check`] has passed. `memory_size` is the size of the device in
    /// bytes if there is one, and `None` for an image.
    pub fn new(volume: &Volume, memory_size: Option<u64>) -> Self {
        let mut plan = Self::empty(volume, memory_size);
        plan.extend(volume);
        plan
    }

    /// Judges every entry, including those behind a bad slot, which no play reaches. `see` is
    /// called with every slot first, good or bad.
    pub fn judge(volume: &Volume, memory_size: Option<u64>, see: impl FnMut(&Slot)) -> Self {
        let mut plan = Self::empty(volume, memory_size);
        plan.read_on(volume, AtFault::GoOn, see);
        plan
    }

    /// Returns what a play acts on, of a plan that was judged to the end.
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

    /// Plans what the volume has gained since the last call. A slot that stopped the plan is looked
    /// at again.
    pub fn extend(&mut self, volume: &Volume) {
        self.read_on(volume, AtFault::Stop, |_| {});
    }

    /// Returns how many slots were looked at.
    pub fn read(&self) -> u64 {
        self.next
    }

    /// Returns what superblock, log and all entries take of the device, including the entries that
    /// are refused.
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

    /// Drops the refused and the skipped entries. Their names and their memory stay known.
    pub fn forget_findings(&mut self) {
        self.refused.clear();
        self.skipped.clear();
    }

    /// Returns how many bytes of the device the allocator would take for a file of `size` bytes
    /// with a map of this shape.
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

    /// Returns whether the log has a file of this name.
    pub fn has_file(&self, path: &Path) -> bool {
        let name = self.names.get(path.as_os_str().as_bytes());
        name.is_some_and(|name| !name.is_dir)
    }

    /// Returns whether the log has this name in an entry that is refused.
    pub fn has_refused(&self, path: &Path) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| refused.path.as_deref() == Some(path))
    }

    /// Returns the action that makes the file with this map. It searches all actions.
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

    /// Judges a file, and claims its memory if it is good.
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

    /// Checks that the name is new and that an earlier entry made its parent folder.
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

/// Drops the file type, which older versions logged with the mode.
fn owner(uid: u32, gid: u32, mode: u32) -> Owner {
    Owner {
        uid,
        gid,
        mode: mode & 0o7777,
    }
}
