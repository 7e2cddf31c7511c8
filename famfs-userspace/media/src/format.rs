//! The on-media format: pure parsing and writing, no I/O.
//!
//! ```text
//! 0            superblock, 200 bytes of a 2 MiB region
//! 2 MiB        log header, 48 bytes
//! 2 MiB + 48   log entries, 544 bytes each
//! 2 MiB + len  the first byte that a file may own
//! ```
//!
//! Everything here takes a private copy of the bytes: shared memory can change under
//! a check, a copy cannot. No input makes this code panic.

pub mod crc;
pub mod entry;
pub mod extent;
mod le;
pub mod legacy;
pub mod log;
pub mod superblock;

pub use entry::{Body, Dir, Entry, File, PathField};
pub use extent::{Extent, Map, Placement};
pub use legacy::Superblock46;
pub use log::{LogFault, LogHeader};
pub use superblock::{ReadOnly, SuperFault, Superblock};

/// Where the log starts, and so the size of the superblock's region.
pub const LOG_OFFSET: u64 = 2 << 20;
/// The shortest legal log, and what mkfs makes unless told.
pub const LOG_LEN_MIN: u64 = 8 << 20;
/// The longest log this code reads or makes: it keeps a copy of it in memory.
pub const LOG_LEN_MAX: u64 = 1 << 30;
/// The small allocation unit.
pub const UNIT_4K: u64 = 4 << 10;
/// The large allocation unit, which mkfs makes unless told.
pub const UNIT_2M: u64 = 2 << 20;
/// Simple extents, or strips of an interleaved map, that an entry has room for.
pub const EXTENTS_MAX: usize = 16;
/// The longest path an entry can carry: 80 bytes with the NUL.
pub const PATH_MAX: usize = 79;

/// How entries are laid out; the superblock's version decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Versions 47 (OMF 2.1) and 48: 544 bytes an entry.
    Current,
    /// Version 46 of April 2024: 328 bytes an entry.
    V46,
}

impl Layout {
    /// The layout a version names. Unknown versions are read as the current one.
    pub fn of_version(version: u64) -> Self {
        if version == legacy::VERSION_46 {
            Self::V46
        } else {
            Self::Current
        }
    }

    pub const fn entry_size(self) -> usize {
        match self {
            Self::Current => entry::SIZE,
            Self::V46 => legacy::ENTRY_SIZE,
        }
    }

    /// How many entries fit behind the header of a log of `log_len` bytes.
    pub const fn capacity(self, log_len: u64) -> u64 {
        log_len.saturating_sub(log::HEADER_SIZE as u64) / self.entry_size() as u64
    }

    /// Where entry `index` starts on the device.
    pub const fn entry_offset(self, index: u64) -> u64 {
        LOG_OFFSET
            .saturating_add(log::HEADER_SIZE as u64)
            .saturating_add(index.saturating_mul(self.entry_size() as u64))
    }

    /// Whether the bytes are an entry that was written as number `index`.
    pub fn is_sound(self, bytes: &[u8], index: u64) -> bool {
        let Some(crc_at) = bytes.len().checked_sub(size_of::<u64>()) else {
            return false;
        };
        bytes.len() == self.entry_size()
            && le::u64_at(bytes, 0) == index
            && le::u64_at(bytes, crc_at) == crc::crc(&bytes[..crc_at])
    }

    /// Parses one entry. Bytes that are missing at the end read as zero.
    pub fn parse_entry(self, bytes: &[u8]) -> Entry {
        match self {
            Self::Current => Entry::parse(&le::padded(bytes)),
            Self::V46 => legacy::parse_entry(&le::padded(bytes)),
        }
    }

    /// Parses one entry that [`Layout::is_sound`] found to be one.
    pub fn parse_sound(self, bytes: &[u8]) -> Entry {
        match (self, bytes.first_chunk()) {
            (Self::Current, Some(bytes)) => Entry::parse_sound(bytes),
            _ => self.parse_entry(bytes),
        }
    }
}

/// A superblock of any version this code can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Super {
    Current(Superblock),
    V46(Superblock46),
}

impl Super {
    /// Parses a superblock by the version it claims.
    pub fn parse(bytes: &[u8; superblock::SIZE]) -> Self {
        let current = Superblock::parse(bytes);
        if current.version == legacy::VERSION_46 {
            Self::V46(Superblock46::parse(&le::padded(bytes)))
        } else {
            Self::Current(current)
        }
    }

    pub fn layout(&self) -> Layout {
        match self {
            Self::Current(_) => Layout::Current,
            Self::V46(_) => Layout::V46,
        }
    }

    pub fn log_len(&self) -> u64 {
        match self {
            Self::Current(sb) => sb.log_len,
            Self::V46(sb) => sb.log_len,
        }
    }

    pub fn dev_size(&self) -> u64 {
        match self {
            Self::Current(sb) => sb.dev_size,
            Self::V46(sb) => sb.dev_size,
        }
    }

    pub fn alloc_unit(&self) -> u64 {
        match self {
            Self::Current(sb) => sb.alloc_unit,
            Self::V46(_) => UNIT_2M,
        }
    }

    pub fn system_uuid(&self) -> uuid::Uuid {
        match self {
            Self::Current(sb) => sb.system_uuid,
            Self::V46(sb) => sb.system_uuid,
        }
    }

    /// Why a file system that can be read is not written to, if it is not.
    pub fn check_writable(&self) -> Result<(), ReadOnly> {
        match self {
            Self::Current(sb) => sb.check_writable(),
            Self::V46(sb) => Err(ReadOnly::Version { found: sb.version }),
        }
    }

    /// Why this superblock cannot be read as a file system, if it cannot.
    pub fn check(&self) -> Result<(), SuperFault> {
        match self {
            Self::Current(sb) => sb.check(),
            Self::V46(sb) => sb.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_entry_is_parsed_alike_with_and_without_its_sum() {
        let bodies = [
            Body::Delete,
            Body::File(File {
                size: 5,
                flags: entry::FLAGS_ALL_HOSTS_RW,
                uid: 1,
                gid: 2,
                mode: 0o640,
                path: PathField::new(b"a/b").unwrap(),
                map: Map::contiguous(UNIT_2M, UNIT_2M),
            }),
        ];
        for (index, body) in (0..).zip(&bodies) {
            let bytes = Entry::bytes_of(index, body);
            assert!(Layout::Current.is_sound(&bytes, index));
            let parsed = Layout::Current.parse_sound(&bytes);
            assert_eq!(parsed, Layout::Current.parse_entry(&bytes));
            assert!(parsed.crc_ok() && parsed.body == *body);
        }
    }
}
