//! A private copy of a file system's metadata, taken once.
//!
//! Another host may write the log while we read it. What was copied cannot change
//! between its check and its use, and every count in it is bounded here.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use thiserror::Error;

use crate::device::Memory;
use crate::media::log::HEADER_SIZE;
use crate::media::{
    Entry, LOG_LEN_MAX, LOG_OFFSET, Layout, LogFault, LogHeader, Super, SuperFault, superblock,
};

/// How often a bad entry is asked for again. Its writer may have published the header
/// before the entry was visible here; then a moment helps.
const RETRIES: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_millis(2);

#[derive(Clone, Debug)]
pub struct Volume {
    pub superblock: Super,
    pub header: LogHeader,
    /// Slots that the log has room for.
    pub capacity: u64,
    /// The counted slots, and one more where there is one.
    bytes: Vec<u8>,
    counted: u64,
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
        memory.invalidate(0, superblock::SIZE as u64)?;
        let superblock = Super::parse(&memory.load_array(0)?);
        memory.invalidate(LOG_OFFSET, HEADER_SIZE as u64)?;
        let header = LogHeader::parse(&memory.load_array(LOG_OFFSET)?);
        let layout = superblock.layout();
        let capacity = layout.capacity(log_bytes(memory.len(), superblock.log_len()));
        let counted = header.next_index.min(capacity);
        let copied = (counted + 1).min(capacity);
        let len = usize::try_from(copied).map_err(io::Error::other)? * layout.entry_size();
        let mut bytes = vec![0; len];
        let start = layout.entry_offset(0);
        memory.invalidate(start, len as u64)?;
        memory.load(start, &mut bytes)?;
        let mut volume = Self {
            superblock,
            header,
            capacity,
            bytes,
            counted,
        };
        volume.reload_bad(memory)?;
        Ok(volume)
    }

    /// Asks the memory again for the first bad entry, a few times.
    fn reload_bad(&mut self, memory: &mut dyn Memory) -> io::Result<()> {
        for _ in 0..RETRIES {
            let Some(bad) = self.slots().find(|slot| slot.fault().is_some()) else {
                break;
            };
            sleep(RETRY_PAUSE);
            let size = self.layout().entry_size();
            memory.invalidate(bad.offset, size as u64)?;
            let at = usize::try_from(bad.index).map_err(io::Error::other)? * size;
            memory.load(bad.offset, &mut self.bytes[at..at + size])?;
        }
        Ok(())
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
        (0..self.counted).map_while(|index| self.slot(index))
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
        let at = usize::try_from(index)
            .ok()?
            .checked_mul(layout.entry_size())?;
        let bytes = self.bytes.get(at..at + layout.entry_size())?;
        let offset = layout.entry_offset(index);
        Some(Slot {
            index,
            offset,
            entry: layout.parse_entry(bytes),
        })
    }

    /// The first byte behind the log.
    pub fn data_start(&self) -> u64 {
        LOG_OFFSET.saturating_add(self.superblock.log_len())
    }
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
