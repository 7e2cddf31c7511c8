//! Version 46 of April 2024, which is read and never written.

use uuid::Uuid;
use zerocopy::transmute_ref;

use super::crc::crc;
use super::entry::{Body, Entry, File, PathField, TYPE_FILE, TYPE_MKDIR, parse_dir};
use super::extent::{Extent46, Map};
use super::raw::{
    ENTRY_46_CRC, RawEntry46, RawExtent46, RawFile46, RawSuperblock46, SUPERBLOCK_46_CRC,
};
use super::superblock::{DEV_NAME_SIZE, MAGIC, SuperFault, check_log_place};

/// The version's number.
pub const VERSION_46: u64 = 46;
/// Bytes that a superblock uses of its region.
pub const SUPERBLOCK_SIZE: usize = 168;
/// Bytes of an entry.
pub const ENTRY_SIZE: usize = 328;
/// How many extents an entry has room for.
pub const EXTENTS_MAX_46: usize = 8;
/// The type code of a kind of entry that was never used.
const TYPE_ACCESS: u32 = 2;

/// A superblock of version 46 as it was read. Nothing in it is trusted before
/// [`Superblock46::check`]. The allocation unit of this version is always 2 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock46 {
    /// The magic number; [`MAGIC`] in a famfs superblock.
    pub magic: u64,
    /// The version of the layout.
    pub version: u64,
    /// Where the log starts, in bytes.
    pub log_offset: u64,
    /// The length of the log with its header, in bytes.
    pub log_len: u64,
    /// The file system's identity.
    pub fs_uuid: Uuid,
    /// The identity of the host that made the file system.
    pub system_uuid: Uuid,
    /// The checksum as stored.
    pub crc: u64,
    /// The checksum as computed over the bytes that were read.
    pub crc_calc: u64,
    /// How many devices there are; always 1.
    pub num_daxdevs: u32,
    /// Flags. The checksum does not cover them.
    pub sb_flags: u32,
    /// The device's size in bytes. The checksum does not cover it, so bound it before use.
    pub dev_size: u64,
    /// A uuid of the device. The checksum does not cover it.
    pub dd_uuid: Uuid,
    /// The path that the device had at mkfs, padded with NULs; without one if it is 64 bytes long.
    pub dev_name: [u8; DEV_NAME_SIZE],
}

impl Superblock46 {
    /// Parses a superblock. Every array of bytes is one; [`Superblock46::check`] says whether it can
    /// be used.
    pub fn parse(bytes: &[u8; SUPERBLOCK_SIZE]) -> Self {
        let raw: &RawSuperblock46 = transmute_ref!(bytes);
        Self {
            magic: raw.magic.get(),
            version: raw.version.get(),
            log_offset: raw.log_offset.get(),
            log_len: raw.log_len.get(),
            fs_uuid: Uuid::from_bytes(raw.fs_uuid),
            system_uuid: Uuid::from_bytes(raw.system_uuid),
            crc: raw.crc.get(),
            crc_calc: crc(&bytes[..SUPERBLOCK_46_CRC]),
            num_daxdevs: raw.num_daxdevs.get(),
            sb_flags: raw.sb_flags.get(),
            dev_size: raw.dev_size.get(),
            dd_uuid: Uuid::from_bytes(raw.dd_uuid),
            dev_name: raw.dev_name,
        }
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
        if self.version != VERSION_46 {
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
        check_log_place(self.log_offset, self.log_len)
    }
}

/// Parses an entry. Every array of bytes is one; [`Entry::crc_ok`] and the number say whether it is
/// sound.
pub fn parse_entry(bytes: &[u8; ENTRY_SIZE]) -> Entry {
    let raw: &RawEntry46 = transmute_ref!(bytes);
    let type_code = raw.type_code.get();
    let body = match type_code {
        TYPE_FILE => {
            let file: &RawFile46 = transmute_ref!(&raw.payload);
            let count = file.count.get();
            let listed = usize::try_from(count).unwrap_or(EXTENTS_MAX_46);
            Body::File(File {
                size: file.size.get(),
                flags: file.flags.get(),
                uid: file.uid.get(),
                gid: file.gid.get(),
                mode: file.mode.get(),
                path: PathField(file.path),
                map: Map::V46 {
                    count,
                    extents: file
                        .extents
                        .iter()
                        .take(listed)
                        .map(Extent46::from)
                        .collect(),
                },
            })
        }
        TYPE_MKDIR => Body::Mkdir(parse_dir(&raw.payload)),
        TYPE_ACCESS => Body::Access,
        _ => Body::Unknown,
    };
    Entry {
        seqnum: raw.seqnum.get(),
        type_code,
        crc: raw.crc.get(),
        crc_calc: crc(&bytes[..ENTRY_46_CRC]),
        body,
    }
}

impl From<&RawExtent46> for Extent46 {
    fn from(raw: &RawExtent46) -> Self {
        Self {
            ext_type: raw.ext_type.get(),
            offset: raw.offset.get(),
            len: raw.len.get(),
        }
    }
}
