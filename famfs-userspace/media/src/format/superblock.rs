//! The superblock of versions 47 (OMF 2.1) and 48.

use thiserror::Error;
use uuid::Uuid;
use zerocopy::{IntoBytes as _, transmute_ref};

use super::crc::crc;
use super::raw::{RawSuperblock, SUPERBLOCK_CRC};
use super::{LOG_LEN_MAX, LOG_LEN_MIN, LOG_OFFSET, UNIT_2M, UNIT_4K};

/// Bytes that a superblock uses of its region.
pub const SIZE: usize = 200;
/// What a superblock begins with.
pub const MAGIC: u64 = 0x87b2_82ff;
/// The version that mkfs writes.
pub const VERSION: u64 = 48;
/// The version before [`VERSION`], which has the same layout if its OMF is 2.1.
pub const VERSION_47: u64 = 47;
/// The major number of the on-media format that mkfs writes. A reader of another major number may
/// not write.
pub const OMF_MAJOR: u32 = 2;
/// The minor number of the on-media format that mkfs writes.
pub const OMF_MINOR: u32 = 2;
/// Where the uuid of the file system lies, in bytes from the start of the device.
pub const FS_UUID_AT: u64 = 48;
/// Where the OMF version lies, in bytes from the start of the device.
pub const OMF_AT: u64 = 40;
/// Where the device's size lies, in bytes from the start of the device. No checksum covers it.
pub const DEV_SIZE_AT: u64 = 112;
/// Bytes of the device's path field.
pub const DEV_NAME_SIZE: usize = 64;

/// A superblock as it was read. Nothing in it is trusted before [`Superblock::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The magic number; [`MAGIC`] in a famfs superblock.
    pub magic: u64,
    /// The version of the layout.
    pub version: u64,
    /// Where the log starts, in bytes; always [`LOG_OFFSET`].
    pub log_offset: u64,
    /// The length of the log with its header, in bytes: a power of two from [`LOG_LEN_MIN`] to
    /// [`LOG_LEN_MAX`].
    pub log_len: u64,
    /// What files are allocated in, in bytes: [`UNIT_4K`] or [`UNIT_2M`].
    pub alloc_unit: u64,
    /// The major number of the on-media format.
    pub omf_major: u32,
    /// The minor number of the on-media format.
    pub omf_minor: u32,
    /// The file system's identity, random at mkfs.
    pub fs_uuid: Uuid,
    /// The device's identity, random at mkfs.
    pub dev_uuid: Uuid,
    /// The identity of the host that made the file system, which is its master.
    pub system_uuid: Uuid,
    /// The checksum as stored.
    pub crc: u64,
    /// The checksum as computed over the bytes that were read.
    pub crc_calc: u64,
    /// Flags. The checksum does not cover them, and media that upstream made hold garbage here.
    pub sb_flags: u32,
    /// The device's size in bytes. The checksum does not cover it, so bound it before use.
    pub dev_size: u64,
    /// A uuid of the device, which upstream never writes: garbage on media that upstream made.
    pub dd_uuid: Uuid,
    /// The path that the device had at mkfs, padded with NULs; without one if it is 64 bytes long.
    pub dev_name: [u8; DEV_NAME_SIZE],
}

/// Why a superblock cannot be used. [`Superblock::check`] reports the first reason that holds, in
/// this order.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SuperFault {
    /// There is no famfs file system.
    #[error("no famfs superblock: magic {found:#x} instead of {MAGIC:#x}")]
    Magic {
        /// The magic number that was read.
        found: u64,
    },
    /// The version is unknown.
    #[error("superblock version {found} is not one this tool reads (46, 47 with OMF 2.1, 48)")]
    Version {
        /// The version that was read.
        found: u64,
    },
    /// The superblock is damaged.
    #[error("superblock checksum {stored:#x} does not match its content ({computed:#x})")]
    Crc {
        /// The checksum that was read.
        stored: u64,
        /// The checksum of what was read.
        computed: u64,
    },
    /// Version 47 names several layouts, and this is not the one that is read.
    #[error("version 47 with OMF {major}.{minor} is not one this tool reads (2.1)")]
    Omf {
        /// The major number that was read.
        major: u32,
        /// The minor number that was read.
        minor: u32,
    },
    /// The allocation unit is unknown.
    #[error("allocation unit {found} is neither 4096 nor 2097152")]
    AllocUnit {
        /// The unit that was read, in bytes.
        found: u64,
    },
    /// The log is not where it always is.
    #[error("log offset {found} instead of {LOG_OFFSET}")]
    LogOffset {
        /// The offset that was read, in bytes.
        found: u64,
    },
    /// The log has no length that a log can have.
    #[error("log length {found} is not a power of two from {LOG_LEN_MIN} to {LOG_LEN_MAX}")]
    LogLen {
        /// The length that was read, in bytes.
        found: u64,
    },
}

/// Why a file system that can be read is not written to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadOnly {
    /// An older version, whose other readers do not expect what this code would write.
    #[error("version {found} is read, not written; only version {VERSION} is")]
    Version {
        /// The version that was read.
        found: u64,
    },
    /// Another major number of the on-media format.
    #[error("OMF {major}.{minor} is read, not written; only OMF {OMF_MAJOR} is")]
    Omf {
        /// The major number that was read.
        major: u32,
        /// The minor number that was read.
        minor: u32,
    },
}

impl Superblock {
    /// Returns a superblock of the current version without any identity: all uuids are nil, and the
    /// device has no name. All three numbers are in bytes.
    pub fn new(dev_size: u64, log_len: u64, alloc_unit: u64) -> Self {
        let superblock = Self {
            magic: MAGIC,
            version: VERSION,
            log_offset: LOG_OFFSET,
            log_len,
            alloc_unit,
            omf_major: OMF_MAJOR,
            omf_minor: OMF_MINOR,
            fs_uuid: Uuid::nil(),
            dev_uuid: Uuid::nil(),
            system_uuid: Uuid::nil(),
            crc: 0,
            crc_calc: 0,
            sb_flags: 0,
            dev_size,
            dd_uuid: Uuid::nil(),
            dev_name: [0; DEV_NAME_SIZE],
        };
        Self::parse(&superblock.to_bytes())
    }

    /// Parses a superblock. Every array of bytes is one; [`Superblock::check`] says whether it can be
    /// used.
    pub fn parse(bytes: &[u8; SIZE]) -> Self {
        let raw: &RawSuperblock = transmute_ref!(bytes);
        Self {
            magic: raw.magic.get(),
            version: raw.version.get(),
            log_offset: raw.log_offset.get(),
            log_len: raw.log_len.get(),
            alloc_unit: raw.alloc_unit.get(),
            omf_major: raw.omf_major.get(),
            omf_minor: raw.omf_minor.get(),
            fs_uuid: Uuid::from_bytes(raw.fs_uuid),
            dev_uuid: Uuid::from_bytes(raw.dev_uuid),
            system_uuid: Uuid::from_bytes(raw.system_uuid),
            crc: raw.crc.get(),
            crc_calc: crc(&bytes[..SUPERBLOCK_CRC]),
            sb_flags: raw.sb_flags.get(),
            dev_size: raw.dev_size.get(),
            dd_uuid: Uuid::from_bytes(raw.dd_uuid),
            dev_name: raw.dev_name,
        }
    }

    /// Returns the bytes of this superblock with a new checksum; padding is zero.
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let mut raw = RawSuperblock {
            magic: self.magic.into(),
            version: self.version.into(),
            log_offset: self.log_offset.into(),
            log_len: self.log_len.into(),
            alloc_unit: self.alloc_unit.into(),
            omf_major: self.omf_major.into(),
            omf_minor: self.omf_minor.into(),
            fs_uuid: self.fs_uuid.into_bytes(),
            dev_uuid: self.dev_uuid.into_bytes(),
            system_uuid: self.system_uuid.into_bytes(),
            crc: 0.into(),
            sb_flags: self.sb_flags.into(),
            padding: [0; 4],
            dev_size: self.dev_size.into(),
            dd_uuid: self.dd_uuid.into_bytes(),
            dev_name: self.dev_name,
        };
        raw.crc = crc(&raw.as_bytes()[..SUPERBLOCK_CRC]).into();
        zerocopy::transmute!(raw)
    }

    /// Checks whether a superblock that passes [`Superblock::check`] may be written to.
    ///
    /// # Errors
    ///
    /// Returns the reason why the file system can only be read.
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

    /// Checks everything that a reader relies on.
    ///
    /// # Errors
    ///
    /// Returns the first reason why this superblock cannot be read as a file system.
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
        // Version 47 names several layouts, of which only that of OMF 2.1 is this one. Version 48
        // names this one whatever its OMF is; the log header would show another.
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

/// Checks where the log lies and how long it is; the same in every version.
pub(super) fn check_log_place(offset: u64, len: u64) -> Result<(), SuperFault> {
    if offset != LOG_OFFSET {
        return Err(SuperFault::LogOffset { found: offset });
    }
    if !len.is_power_of_two() || !(LOG_LEN_MIN..=LOG_LEN_MAX).contains(&len) {
        return Err(SuperFault::LogLen { found: len });
    }
    Ok(())
}
