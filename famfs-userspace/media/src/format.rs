//! The on-media format of the upstream tools: parsing and writing of bytes, without any I/O.
//!
//! ```text
//! 0            superblock, 200 bytes of a 2 MiB region
//! 2 MiB        log header, 48 bytes
//! 2 MiB + 48   log entries, 544 bytes each
//! 2 MiB + len  the first byte that a file may own
//! ```
//!
//! The length of the log, `len`, is 8 MiB unless mkfs was asked for more. All numbers are little
//! endian; [`crc`] is the one checksum. Version 46, of which entries are 328 bytes, is read as well.
//!
//! Everything here takes a private copy of the bytes: shared memory can change under a check, a copy
//! cannot. No input makes this code panic.

pub mod crc;
pub mod entry;
pub mod extent;
pub mod legacy;
pub mod log;
mod raw;
pub mod superblock;

pub use entry::{Body, Dir, Entry, File, PathField};
pub use extent::{Extent, Map, Placement};
pub use legacy::Superblock46;
pub use log::{LogFault, LogHeader};
pub use superblock::{ReadOnly, SuperFault, Superblock};

/// Where the log starts, in bytes, and so the size of the superblock's region.
pub const LOG_OFFSET: u64 = 2 << 20;
/// The length of the shortest legal log, in bytes, and of the one that mkfs makes by default.
pub const LOG_LEN_MIN: u64 = 8 << 20;
/// The length of the longest log that this code reads or makes, in bytes. It keeps a copy of the log in
/// memory, so a hostile superblock must not choose the length freely.
pub const LOG_LEN_MAX: u64 = 1 << 30;
/// The small allocation unit, in bytes.
pub const UNIT_4K: u64 = 4 << 10;
/// The large allocation unit, in bytes, which mkfs takes by default.
pub const UNIT_2M: u64 = 2 << 20;
/// How many extents of a simple map, or strips of an interleaved one, an entry has room for.
pub const EXTENTS_MAX: usize = 16;
/// The length of the longest path that an entry can hold, in bytes: the field has 80 with the NUL.
pub const PATH_MAX: usize = 79;

/// The layout of the entries, which the superblock's version decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The layout of versions 47 (OMF 2.1) and 48, with 544 bytes an entry.
    Current,
    /// The layout of version 46 of April 2024, with 328 bytes an entry.
    V46,
}

impl Layout {
    /// Returns the layout that a version names. Unknown versions are read as the current one.
    pub fn of_version(version: u64) -> Self {
        if version == legacy::VERSION_46 {
            Self::V46
        } else {
            Self::Current
        }
    }

    /// Returns the size of an entry in bytes.
    pub const fn entry_size(self) -> usize {
        match self {
            Self::Current => entry::SIZE,
            Self::V46 => legacy::ENTRY_SIZE,
        }
    }

    /// Returns how many entries fit behind the header of a log of `log_len` bytes.
    pub const fn capacity(self, log_len: u64) -> u64 {
        log_len.saturating_sub(log::HEADER_SIZE as u64) / self.entry_size() as u64
    }

    /// Returns where entry `index` starts, in bytes from the start of the device.
    pub const fn entry_offset(self, index: u64) -> u64 {
        LOG_OFFSET
            .saturating_add(log::HEADER_SIZE as u64)
            .saturating_add(index.saturating_mul(self.entry_size() as u64))
    }

    /// Returns whether the bytes are an entry that was written as number `index`: its number and its
    /// checksum are right.
    pub fn is_sound(self, bytes: &[u8], index: u64) -> bool {
        // Number and checksum are the first and the last field of every layout.
        let (Some(number), Some((content, sum))) = (bytes.first_chunk(), bytes.split_last_chunk())
        else {
            return false;
        };
        bytes.len() == self.entry_size()
            && u64::from_le_bytes(*number) == index
            && u64::from_le_bytes(*sum) == crc::crc(content)
    }

    /// Parses one entry. Bytes that are missing at the end read as zero.
    pub fn parse_entry(self, bytes: &[u8]) -> Entry {
        match self {
            Self::Current => Entry::parse(&raw::padded(bytes)),
            Self::V46 => legacy::parse_entry(&raw::padded(bytes)),
        }
    }

    /// Parses one entry that [`Layout::is_sound`] has found sound, without its checksum's being computed
    /// again.
    pub fn parse_sound(self, bytes: &[u8]) -> Entry {
        match (self, bytes.first_chunk()) {
            (Self::Current, Some(bytes)) => Entry::parse_sound(bytes),
            _ => self.parse_entry(bytes),
        }
    }
}

/// A superblock of any version that this code can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Super {
    /// A superblock of version 47 or 48, or of an unknown one.
    Current(Superblock),
    /// A superblock of version 46.
    V46(Superblock46),
}

impl Super {
    /// Parses a superblock by the version it claims.
    pub fn parse(bytes: &[u8; superblock::SIZE]) -> Self {
        let current = Superblock::parse(bytes);
        if current.version == legacy::VERSION_46 {
            Self::V46(Superblock46::parse(&raw::padded(bytes)))
        } else {
            Self::Current(current)
        }
    }

    /// Returns the layout of the log's entries.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Current(_) => Layout::Current,
            Self::V46(_) => Layout::V46,
        }
    }

    /// Returns the length of the log with its header, in bytes.
    pub fn log_len(&self) -> u64 {
        match self {
            Self::Current(sb) => sb.log_len,
            Self::V46(sb) => sb.log_len,
        }
    }

    /// Returns the device's size in bytes, which no checksum covers.
    pub fn dev_size(&self) -> u64 {
        match self {
            Self::Current(sb) => sb.dev_size,
            Self::V46(sb) => sb.dev_size,
        }
    }

    /// Returns what files are allocated in, in bytes.
    pub fn alloc_unit(&self) -> u64 {
        match self {
            Self::Current(sb) => sb.alloc_unit,
            Self::V46(_) => UNIT_2M,
        }
    }

    /// Returns the identity of the host that made the file system.
    pub fn system_uuid(&self) -> uuid::Uuid {
        match self {
            Self::Current(sb) => sb.system_uuid,
            Self::V46(sb) => sb.system_uuid,
        }
    }

    /// Checks whether a file system that can be read may be written to.
    ///
    /// # Errors
    ///
    /// Returns the reason why the file system can only be read.
    pub fn check_writable(&self) -> Result<(), ReadOnly> {
        match self {
            Self::Current(sb) => sb.check_writable(),
            Self::V46(sb) => Err(ReadOnly::Version { found: sb.version }),
        }
    }

    /// Checks everything that a reader relies on.
    ///
    /// # Errors
    ///
    /// Returns the first reason why this superblock cannot be read as a file system.
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
