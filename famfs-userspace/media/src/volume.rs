//! A private copy of a file system's metadata.
//!
//! Another host may write the log while it is read here. What was copied cannot change between its
//! check and its use, and every count in it is bounded here.

use std::io;

use thiserror::Error;

use crate::format::log::HEADER_SIZE;
use crate::format::{
    Body, Entry, File, LOG_LEN_MAX, LOG_OFFSET, Layout, LogFault, LogHeader, Super, SuperFault,
    superblock,
};
use crate::memory::Memory;

/// How often a bad entry is read again. Its writer may have published the header before the entry
/// was visible here; then a short wait helps.
const RETRIES: u32 = 3;

/// The metadata of a file system, as it was when it was read.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The superblock, sound or not.
    pub superblock: Super,
    /// The log header, sound or not.
    pub header: LogHeader,
    /// How many slots the log has room for.
    pub capacity: u64,
    /// The counted slots, and one more if there is one.
    bytes: Vec<u8>,
    counted: u64,
    /// How many slots from the start hold the entry that belongs there.
    sound: u64,
}

/// One slot of the log.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its number.
    pub index: u64,
    /// Where it starts, in bytes from the start of the device.
    pub offset: u64,
    /// What it holds, sound or not.
    pub entry: Entry,
}

/// Why a slot holds no entry that counts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SlotFault {
    /// The checksum is wrong.
    #[error("checksum {stored:#x} does not match the content ({computed:#x})")]
    Crc {
        /// The checksum that was read.
        stored: u64,
        /// The checksum of what was read.
        computed: u64,
    },
    /// The entry belongs in another slot.
    #[error("sequence number {found} in slot {expected}")]
    Seqnum {
        /// The number that was read.
        found: u64,
        /// The slot's number.
        expected: u64,
    },
}

/// Why a volume cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// The superblock cannot be used.
    #[error(transparent)]
    Super(#[from] SuperFault),
    /// The log cannot be played.
    #[error(transparent)]
    Log(#[from] LogFault),
}

/// What a second look at the memory found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing has changed.
    Nothing,
    /// More entries are counted, or an entry that was bad is good.
    Grown,
    /// There is another file system, or the log has shrunk.
    Replaced,
}

impl Slot {
    /// Returns whether the entry's number is that of the slot.
    pub fn seq_ok(&self) -> bool {
        self.entry.seqnum == self.index
    }

    /// Returns why the slot holds no entry that counts, or nothing if it does.
    pub fn fault(&self) -> Option<SlotFault> {
        let entry = &self.entry;
        if !entry.crc_ok() {
            Some(SlotFault::Crc {
                stored: entry.crc,
                computed: entry.crc_calc,
            })
        } else if !self.seq_ok() {
            Some(SlotFault::Seqnum {
                found: entry.seqnum,
                expected: self.index,
            })
        } else {
            None
        }
    }
}

impl Volume {
    /// Copies superblock, header and counted entries out of `memory`. Whether they can be used,
    /// [`Volume::check`] says.
    ///
    /// # Errors
    ///
    /// Returns the error of the memory if it cannot be read.
    pub fn load(memory: &mut dyn Memory) -> io::Result<Self> {
        let (superblock, header) = heads(memory)?;
        let log = log_bytes(memory.len(), superblock.log_len());
        let mut volume = Self {
            capacity: superblock.layout().capacity(log),
            superblock,
            header,
            bytes: Vec::new(),
            counted: 0,
            sound: 0,
        };
        volume.load_slots(memory)?;
        Ok(volume)
    }

    /// Looks at the memory again and copies what was counted since. Nothing is copied if the result
    /// is [`News::Replaced`].
    ///
    /// # Errors
    ///
    /// Returns the error of the memory if it cannot be read.
    pub fn refresh(&mut self, memory: &mut dyn Memory) -> io::Result<News> {
        let (superblock, header) = heads(memory)?;
        let counters = |h: &LogHeader| (h.next_seqnum, h.next_index);
        let without_counters = LogHeader {
            next_seqnum: self.header.next_seqnum,
            next_index: self.header.next_index,
            ..header.clone()
        };
        if superblock != self.superblock
            || without_counters != self.header
            || header.next_index < self.header.next_index
        {
            return Ok(News::Replaced);
        }
        if counters(&header) == counters(&self.header) && self.sound == self.counted {
            return Ok(News::Nothing);
        }
        let before = (self.counted, self.sound);
        self.header = header;
        self.load_slots(memory)?;
        Ok(if before == (self.counted, self.sound) {
            News::Nothing
        } else {
            News::Grown
        })
    }

    /// Copies the counted slots behind the sound ones.
    fn load_slots(&mut self, memory: &mut dyn Memory) -> io::Result<()> {
        self.counted = self.header.next_index.min(self.capacity);
        let layout = self.layout();
        let size = layout.entry_size();
        let copied = (self.counted + 1).min(self.capacity);
        let kept = usize::try_from(self.sound).map_err(io::Error::other)? * size;
        let len = usize::try_from(copied).map_err(io::Error::other)? * size;
        if kept == 0 {
            // A new vector of zeroes is memory that the kernel has zeroed, so nothing is written twice.
            self.bytes = vec![0; len];
        } else {
            self.bytes.truncate(kept);
            self.bytes.resize(len, 0);
        }
        let start = layout.entry_offset(self.sound);
        memory.invalidate(start, (len - kept) as u64)?;
        memory.load(start, &mut self.bytes[kept..])?;
        // Without a usable head there is no log whose entries could be on their way.
        if self.check().is_ok() {
            self.settle(memory)?;
        }
        Ok(())
    }

    /// Finds where the sound entries end. An entry that looks bad is read again a few times; the
    /// first that stays bad is the end.
    fn settle(&mut self, memory: &mut dyn Memory) -> io::Result<()> {
        while self.sound < self.counted {
            let mut left = RETRIES;
            while !self.is_sound(self.sound) {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                memory.pause();
                self.reload(memory, self.sound)?;
            }
            self.sound += 1;
        }
        Ok(())
    }

    fn reload(&mut self, memory: &mut dyn Memory, index: u64) -> io::Result<()> {
        let layout = self.layout();
        let (offset, size) = (layout.entry_offset(index), layout.entry_size());
        let at = usize::try_from(index).map_err(io::Error::other)? * size;
        memory.invalidate(offset, size as u64)?;
        memory.load(offset, &mut self.bytes[at..at + size])
    }

    fn is_sound(&self, index: u64) -> bool {
        self.slot_bytes(index)
            .is_some_and(|bytes| self.layout().is_sound(bytes, index))
    }

    /// Returns the layout of the log's entries.
    pub fn layout(&self) -> Layout {
        self.superblock.layout()
    }

    /// Checks whether superblock and log header can be used.
    ///
    /// # Errors
    ///
    /// Returns the first reason why they cannot.
    pub fn check(&self) -> Result<(), Fault> {
        self.superblock.check()?;
        self.header
            .check(self.layout(), self.superblock.log_len())?;
        Ok(())
    }

    /// Returns the counted slots, good and bad. The count is bounded by the log's room.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.slots_from(0)
    }

    /// Returns the counted slots from `first` on.
    pub fn slots_from(&self, first: u64) -> impl Iterator<Item = Slot> {
        (first..self.counted).map_while(|index| self.slot(index))
    }

    /// Returns the files of the log: of each counted FILE entry with a right checksum and number, what
    /// it says. It may still be one that a play refuses; [`crate::player::Plan`] says which are made.
    pub fn files(&self) -> impl Iterator<Item = File> {
        self.slots()
            .filter(|slot| slot.fault().is_none())
            .filter_map(|slot| match slot.entry.body {
                Body::File(file) => Some(file),
                _ => None,
            })
    }

    /// Returns how many slots are counted.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// Returns the first slot that is not counted, if it holds a whole entry with the right number:
    /// its writer stopped before it counted the entry.
    pub fn uncounted(&self) -> Option<Slot> {
        self.slot(self.counted)
            .filter(|slot| slot.fault().is_none())
    }

    fn slot(&self, index: u64) -> Option<Slot> {
        let layout = self.layout();
        let bytes = self.slot_bytes(index)?;
        Some(Slot {
            index,
            offset: layout.entry_offset(index),
            entry: if index < self.sound {
                layout.parse_sound(bytes)
            } else {
                layout.parse_entry(bytes)
            },
        })
    }

    fn slot_bytes(&self, index: u64) -> Option<&[u8]> {
        let size = self.layout().entry_size();
        let at = usize::try_from(index).ok()?.checked_mul(size)?;
        self.bytes.get(at..at.checked_add(size)?)
    }

    /// Returns the first byte behind the log.
    pub fn data_start(&self) -> u64 {
        LOG_OFFSET.saturating_add(self.superblock.log_len())
    }
}

/// Reads superblock and log header from the memory itself, past the caches.
fn heads(memory: &mut dyn Memory) -> io::Result<(Super, LogHeader)> {
    memory.invalidate(0, superblock::SIZE as u64)?;
    let superblock = Super::parse(&memory.load_array(0)?);
    memory.invalidate(LOG_OFFSET, HEADER_SIZE as u64)?;
    let header = LogHeader::parse(&memory.load_array(LOG_OFFSET)?);
    Ok((superblock, header))
}

/// Returns how many bytes of the log can be read: what the superblock says if that is sane, and
/// never more than there are.
fn log_bytes(memory: u64, superblock: u64) -> u64 {
    let there = memory.saturating_sub(LOG_OFFSET);
    let said = if superblock > HEADER_SIZE as u64 {
        superblock
    } else {
        there
    };
    there.min(said).min(LOG_LEN_MAX)
}
