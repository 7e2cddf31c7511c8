//! The log header: how long the log is, and how many entries count.

use thiserror::Error;

use super::Layout;
use super::crc::crc;
use super::le::{put, u64_at};

/// Bytes of the header.
pub const HEADER_SIZE: usize = 48;
pub const MAGIC: u64 = 0xbad_cafe_f00d;
/// The checksum covers what lies before it, so neither of the two counters.
const CRC_AT: usize = 24;
/// Where `next_seqnum` lies in the header.
pub const NEXT_SEQNUM_AT: u64 = 32;
/// Where `next_index` lies in the header; storing it publishes an entry.
pub const NEXT_INDEX_AT: u64 = 40;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHeader {
    pub magic: u64,
    pub len: u64,
    /// The last slot, inclusive.
    pub last_index: u64,
    pub crc: u64,
    pub crc_calc: u64,
    /// Not covered by the checksum.
    pub next_seqnum: u64,
    /// How many entries count. Not covered by the checksum: bound it before use.
    pub next_index: u64,
}

/// Why a log is not one to play.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogFault {
    #[error("no log header: magic {found:#x} instead of {MAGIC:#x}")]
    Magic { found: u64 },
    #[error("log header checksum {stored:#x} does not match its content ({computed:#x})")]
    Crc { stored: u64, computed: u64 },
    #[error("log header says {header} bytes, the superblock {superblock}")]
    Len { header: u64, superblock: u64 },
    #[error("log header says that slot {found} is the last, but {expected} is")]
    LastIndex { found: u64, expected: u64 },
}

impl LogHeader {
    /// The header of an empty log of `len` bytes.
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

    pub fn parse(bytes: &[u8; HEADER_SIZE]) -> Self {
        Self {
            magic: u64_at(bytes, 0),
            len: u64_at(bytes, 8),
            last_index: u64_at(bytes, 16),
            crc: u64_at(bytes, CRC_AT),
            crc_calc: crc(&bytes[..CRC_AT]),
            next_seqnum: u64_at(bytes, 32),
            next_index: u64_at(bytes, 40),
        }
    }

    /// The bytes of this header with a fresh checksum.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut out = [0; HEADER_SIZE];
        put(&mut out, 0, &self.magic.to_le_bytes());
        put(&mut out, 8, &self.len.to_le_bytes());
        put(&mut out, 16, &self.last_index.to_le_bytes());
        let sum = crc(&out[..CRC_AT]);
        put(&mut out, CRC_AT, &sum.to_le_bytes());
        put(&mut out, 32, &self.next_seqnum.to_le_bytes());
        put(&mut out, 40, &self.next_index.to_le_bytes());
        out
    }

    /// Checks all but the counters, which are checked where they are used.
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
        // One version number was used for entries of several sizes; the last slot
        // tells them apart.
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
