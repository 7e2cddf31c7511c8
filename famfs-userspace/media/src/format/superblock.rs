//! The superblock of versions 47 (OMF 2.1) and 48.

use thiserror::Error;
use uuid::Uuid;

use super::crc::crc;
use super::le::{array_at, put, u32_at, u64_at, uuid_at};
use super::{LOG_LEN_MAX, LOG_LEN_MIN, LOG_OFFSET, UNIT_2M, UNIT_4K};

/// Bytes a superblock uses of its region.
pub const SIZE: usize = 200;
pub const MAGIC: u64 = 0x87b2_82ff;
/// What mkfs writes.
pub const VERSION: u64 = 48;
/// The version before it; laid out the same when its OMF is 2.1.
pub const VERSION_47: u64 = 47;
pub const OMF_MAJOR: u32 = 2;
pub const OMF_MINOR: u32 = 2;
/// The checksum covers what lies before it.
const CRC_AT: usize = 96;
/// Where the uuid of the file system lies.
pub const FS_UUID_AT: u64 = 48;
/// Where the OMF version lies.
pub const OMF_AT: u64 = 40;
/// Where the device's size lies, which no checksum covers.
pub const DEV_SIZE_AT: u64 = 112;
/// Bytes of the device's path field.
pub const DEV_NAME_SIZE: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    pub magic: u64,
    pub version: u64,
    pub log_offset: u64,
    pub log_len: u64,
    pub alloc_unit: u64,
    pub omf_major: u32,
    pub omf_minor: u32,
    pub fs_uuid: Uuid,
    pub dev_uuid: Uuid,
    pub system_uuid: Uuid,
    /// As stored.
    pub crc: u64,
    /// As computed over the bytes that were read.
    pub crc_calc: u64,
    /// Not covered by the checksum, and garbage on media that upstream made.
    pub sb_flags: u32,
    /// Not covered by the checksum: bound it before use.
    pub dev_size: u64,
    /// Garbage on media that upstream made.
    pub dd_uuid: Uuid,
    pub dev_name: [u8; DEV_NAME_SIZE],
}

/// Why a superblock is not one to use.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SuperFault {
    #[error("no famfs superblock: magic {found:#x} instead of {MAGIC:#x}")]
    Magic { found: u64 },
    #[error("superblock version {found} is not one this tool reads (46, 47 with OMF 2.1, 48)")]
    Version { found: u64 },
    #[error("superblock checksum {stored:#x} does not match its content ({computed:#x})")]
    Crc { stored: u64, computed: u64 },
    #[error("version 47 with OMF {major}.{minor} is not one this tool reads (2.1)")]
    Omf { major: u32, minor: u32 },
    #[error("allocation unit {found} is neither 4096 nor 2097152")]
    AllocUnit { found: u64 },
    #[error("log offset {found} instead of {LOG_OFFSET}")]
    LogOffset { found: u64 },
    #[error("log length {found} is not a power of two from {LOG_LEN_MIN} to {LOG_LEN_MAX}")]
    LogLen { found: u64 },
}

/// Why a file system that can be read is not written to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadOnly {
    #[error("version {found} is read, not written; only version {VERSION} is")]
    Version { found: u64 },
    #[error("OMF {major}.{minor} is read, not written; only OMF {OMF_MAJOR} is")]
    Omf { major: u32, minor: u32 },
}

impl Superblock {
    pub fn parse(bytes: &[u8; SIZE]) -> Self {
        Self {
            magic: u64_at(bytes, 0),
            version: u64_at(bytes, 8),
            log_offset: u64_at(bytes, 16),
            log_len: u64_at(bytes, 24),
            alloc_unit: u64_at(bytes, 32),
            omf_major: u32_at(bytes, 40),
            omf_minor: u32_at(bytes, 44),
            fs_uuid: uuid_at(bytes, 48),
            dev_uuid: uuid_at(bytes, 64),
            system_uuid: uuid_at(bytes, 80),
            crc: u64_at(bytes, CRC_AT),
            crc_calc: crc(&bytes[..CRC_AT]),
            sb_flags: u32_at(bytes, 104),
            dev_size: u64_at(bytes, 112),
            dd_uuid: uuid_at(bytes, 120),
            dev_name: array_at(bytes, 136),
        }
    }

    /// The bytes of this superblock with a fresh checksum; padding is zero.
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        put(&mut out, 0, &self.magic.to_le_bytes());
        put(&mut out, 8, &self.version.to_le_bytes());
        put(&mut out, 16, &self.log_offset.to_le_bytes());
        put(&mut out, 24, &self.log_len.to_le_bytes());
        put(&mut out, 32, &self.alloc_unit.to_le_bytes());
        put(&mut out, 40, &self.omf_major.to_le_bytes());
        put(&mut out, 44, &self.omf_minor.to_le_bytes());
        put(&mut out, 48, self.fs_uuid.as_bytes());
        put(&mut out, 64, self.dev_uuid.as_bytes());
        put(&mut out, 80, self.system_uuid.as_bytes());
        let sum = crc(&out[..CRC_AT]);
        put(&mut out, CRC_AT, &sum.to_le_bytes());
        put(&mut out, 104, &self.sb_flags.to_le_bytes());
        put(&mut out, 112, &self.dev_size.to_le_bytes());
        put(&mut out, 120, self.dd_uuid.as_bytes());
        put(&mut out, 136, &self.dev_name);
        out
    }

    /// Why a superblock that passes [`Self::check`] may not be written to, if it may not.
    pub fn check_writable(&self) -> Result<(), ReadOnly> {
        if self.version != VERSION {
            return Err(ReadOnly::Version {
                found: self.version,
            });
        }
        if self.omf_major != OMF_MAJOR {
            return Err(ReadOnly::Omf {
                major: self.omf_major,
                minor: self.omf_minor,
            });
        }
        Ok(())
    }

    pub fn check(&self) -> Result<(), SuperFault> {
        if self.magic != MAGIC {
            return Err(SuperFault::Magic { found: self.magic });
        }
        if self.version != VERSION && self.version != VERSION_47 {
            return Err(SuperFault::Version {
                found: self.version,
            });
        }
        if self.crc != self.crc_calc {
            return Err(SuperFault::Crc {
                stored: self.crc,
                computed: self.crc_calc,
            });
        }
        // Version 47 names several layouts; only the one of OMF 2.1 is this one. Version
        // 48 names this one whatever its OMF is, until the log header contradicts.
        if self.version == VERSION_47 && (self.omf_major, self.omf_minor) != (2, 1) {
            return Err(SuperFault::Omf {
                major: self.omf_major,
                minor: self.omf_minor,
            });
        }
        if self.alloc_unit != UNIT_4K && self.alloc_unit != UNIT_2M {
            return Err(SuperFault::AllocUnit {
                found: self.alloc_unit,
            });
        }
        check_log_place(self.log_offset, self.log_len)
    }
}

pub(super) fn check_log_place(offset: u64, len: u64) -> Result<(), SuperFault> {
    if offset != LOG_OFFSET {
        return Err(SuperFault::LogOffset { found: offset });
    }
    if !len.is_power_of_two() || !(LOG_LEN_MIN..=LOG_LEN_MAX).contains(&len) {
        return Err(SuperFault::LogLen { found: len });
    }
    Ok(())
}
