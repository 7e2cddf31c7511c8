//! A private copy of a file system's metadata.
//!
//! Another host may write the log while we read it. What was copied cannot change
//! between its check and its use, and every count in it is bounded here.

use std::io;

use thiserror::Error;

use crate::format::log::HEADER_SIZE;
use crate::format::{
    Entry, LOG_LEN_MAX, LOG_OFFSET, Layout, LogFault, LogHeader, Super, SuperFault, superblock,
};
use crate::memory::Memory;

/// How often a bad entry is asked for again. Its writer may have published the header
/// before the entry was visible here; then a moment helps.
const RETRIES: u32 = 3;

#[derive(Clone, Debug)]
pub struct Volume {
    pub superblock: Super,
    pub header: LogHeader,
    /// Slots that the log has room for.
    pub capacity: u64,
    /// The counted slots, and one more where there is one.
    bytes: Vec<u8>,
    counted: u64,
    /// Counted slots from the start that hold the entry that belongs there.
    sound: u64,
}

/// One slot of the log.
#[derive(Clone, Debug)]
pub struct Slot {
    pub index: u64,
    /// Where it starts on the device.
    pub offset: u64,
    pub entry: Entry,
}

/// Why a slot holds no entry that counts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SlotFault {
    #[error("checksum {stored:#x} does not match the content ({computed:#x})")]
    Crc { stored: u64, computed: u64 },
    #[error("sequence number {found} in slot {expected}")]
    Seqnum { found: u64, expected: u64 },
}

/// Why a volume cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    #[error(transparent)]
    Super(#[from] SuperFault),
    #[error(transparent)]
    Log(#[from] LogFault),
}

/// What a second look at the memory found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// As it was.
    Nothing,
    /// More is counted, or an entry that was bad is good.
    Grown,
    /// Another file system, or a log that shrank.
    Replaced,
}

impl Slot {
    pub fn seq_ok(&self) -> bool {
        self.entry.seqnum == self.index
    }

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
    /// Copies superblock, header and counted entries out of `memory`.
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

    /// Looks at the memory again and copies what was counted since. Where it says
    /// [`News::Replaced`], nothing was copied.
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
            // Zeroes that nobody writes: the kernel's.
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

    /// Finds where the sound entries end. One that looks bad is asked for again a few
    /// times; the first that stays bad is the end.
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

    pub fn layout(&self) -> Layout {
        self.superblock.layout()
    }

    /// Whether superblock and log header are ones to work with.
    pub fn check(&self) -> Result<(), Fault> {
        self.superblock.check()?;
        self.header
            .check(self.layout(), self.superblock.log_len())?;
        Ok(())
    }

    /// The counted slots, good and bad; the count is bounded by the log's room.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.slots_from(0)
    }

    /// The counted slots from `first` on.
    pub fn slots_from(&self, first: u64) -> impl Iterator<Item = Slot> {
        (first..self.counted).map_while(|index| self.slot(index))
    }

    /// How many slots are counted.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// A whole entry with the right number in the first slot that is not counted: its
    /// writer stopped before it counted it.
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

    /// The first byte behind the log.
    pub fn data_start(&self) -> u64 {
        LOG_OFFSET.saturating_add(self.superblock.log_len())
    }
}

/// Superblock and log header, asked of the memory itself.
fn heads(memory: &mut dyn Memory) -> io::Result<(Super, LogHeader)> {
    memory.invalidate(0, superblock::SIZE as u64)?;
    let superblock = Super::parse(&memory.load_array(0)?);
    memory.invalidate(LOG_OFFSET, HEADER_SIZE as u64)?;
    let header = LogHeader::parse(&memory.load_array(LOG_OFFSET)?);
    Ok((superblock, header))
}

/// Bytes of the log that can be read: what the superblock says where that is sane, and
/// never more than there is.
fn log_bytes(memory: u64, superblock: u64) -> u64 {
    let there = memory.saturating_sub(LOG_OFFSET);
    let said = if superblock > HEADER_SIZE as u64 {
        superblock
    } else {
        there
    };
    there.min(said).min(LOG_LEN_MAX)
}
