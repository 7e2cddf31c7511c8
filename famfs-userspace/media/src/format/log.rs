//! The log header: how long the log is, and how many entries count.

use thiserror::Error;
use zerocopy::{IntoBytes as _, transmute_ref};

use super::Layout;
use super::crc::crc;
use super::raw::{LOG_HEADER_CRC, RawLogHeader};

/// Bytes of the header.
pub const HEADER_SIZE: usize = 48;
/// What a log begins with.
pub const MAGIC: u64 = 0xbad_cafe_f00d;
/// Where `next_seqnum` lies, in bytes from the start of the log.
pub const NEXT_SEQNUM_AT: u64 = 32;
/// Where `next_index` lies, in bytes from the start of the log. A store to it publishes an entry.
pub const NEXT_INDEX_AT: u64 = 40;

/// A log header as it was read. Nothing in it is trusted before [`LogHeader::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHeader {
    /// The magic number; [`MAGIC`] in a famfs log.
    pub magic: u64,
    /// The length of the log with this header, in bytes.
    pub len: u64,
    /// The index of the last slot.
    pub last_index: u64,
    /// The checksum as stored.
    pub crc: u64,
    /// The checksum as computed over the bytes that were read.
    pub crc_calc: u64,
    /// The number that the next entry gets. The checksum does not cover it.
    pub next_seqnum: u64,
    /// How many entries count. The checksum does not cover it, so bound it before use.
    pub next_index: u64,
}

/// Why a log cannot be played. [`LogHeader::check`] reports the first reason that holds, in this
/// order.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogFault {
    /// There is no log.
    #[error("no log header: magic {found:#x} instead of {MAGIC:#x}")]
    Magic {
        /// The magic number that was read.
        found: u64,
    },
    /// The header is damaged.
    #[error("log header checksum {stored:#x} does not match its content ({computed:#x})")]
    Crc {
        /// The checksum that was read.
        stored: u64,
        /// The checksum of what was read.
        computed: u64,
    },
    /// Header and superblock disagree about the length of the log.
    #[error("log header says {header} bytes, the superblock {superblock}")]
    Len {
        /// The header's length, in bytes.
        header: u64,
        /// The superblock's length, in bytes.
        superblock: u64,
    },
    /// The number of slots shows that the entries are of another size.
    #[error("log header says that slot {found} is the last, but {expected} is")]
    LastIndex {
        /// The index that was read.
        found: u64,
        /// The index of the last slot of a log of this length.
        expected: u64,
    },
}

impl LogHeader {
    /// Returns the header of an empty log of `len` bytes.
    pub fn empty(len: u64) -> Self {
        let header = Self {
            magic: MAGIC,
            len,
            last_index: Layout::Current.capacity(len).saturating_sub(1),
            crc: 0,
            crc_calc: 0,
            next_seqnum: 0,
            next_index: 0,
        };
        Self::parse(&header.to_bytes())
    }

    /// Parses a header. Every array of bytes is one; [`LogHeader::check`] says whether it can be used.
    pub fn parse(bytes: &[u8; HEADER_SIZE]) -> Self {
        let raw: &RawLogHeader = transmute_ref!(bytes);
        Self {
            magic: raw.magic.get(),
            len: raw.len.get(),
            last_index: raw.last_index.get(),
            crc: raw.crc.get(),
            crc_calc: crc(&bytes[..LOG_HEADER_CRC]),
            next_seqnum: raw.next_seqnum.get(),
            next_index: raw.next_index.get(),
        }
    }

    /// Returns the bytes of this header with a new checksum.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut raw = RawLogHeader {
            magic: self.magic.into(),
            len: self.len.into(),
            last_index: self.last_index.into(),
            crc: 0.into(),
            next_seqnum: self.next_seqnum.into(),
            next_index: self.next_index.into(),
        };
        raw.crc = crc(&raw.as_bytes()[..LOG_HEADER_CRC]).into();
        zerocopy::transmute!(raw)
    }

    /// Checks all but the two counters, which are checked where they are used.
    ///
    /// # Errors
    ///
    /// Returns the first reason why this log cannot be played.
    pub fn check(&self, layout: Layout, log_len: u64) -> Result<(), LogFault> {
        if self.magic != MAGIC {
            return Err(LogFault::Magic { found: self.magic });
        }
        if self.crc != self.crc_calc {
            return Err(LogFault::Crc {
                stored: self.crc,
                computed: self.crc_calc,
            });
        }
        if self.len != log_len {
            return Err(LogFault::Len {
                header: self.len,
                superblock: log_len,
            });
        }
        // One version number was used for entries of several sizes. The index of the last slot
        // depends on that size, so it tells them apart.
        let expected = layout.capacity(log_len).saturating_sub(1);
        if self.last_index != expected {
            return Err(LogFault::LastIndex {
                found: self.last_index,
                expected,
            });
        }
        Ok(())
    }
}
