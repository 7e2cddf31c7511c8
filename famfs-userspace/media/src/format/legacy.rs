//! Version 46, April 2024: read, never written.

use uuid::Uuid;

use super::crc::crc;
use super::entry::{Body, Entry, File, PathField, TYPE_FILE, TYPE_MKDIR, parse_dir};
use super::extent::{EXTENT_SIZE, Extent46, Map};
use super::le::{array_at, u32_at, u64_at, uuid_at};
use super::superblock::{DEV_NAME_SIZE, MAGIC, SuperFault, check_log_place};

pub const VERSION_46: u64 = 46;
/// Bytes a superblock uses.
pub const SUPERBLOCK_SIZE: usize = 168;
/// Bytes of an entry.
pub const ENTRY_SIZE: usize = 328;
const SUPERBLOCK_CRC_AT: usize = 64;
const ENTRY_CRC_AT: usize = 320;
const EXTENTS_AT: usize = 128;
/// Extents an entry has room for.
pub const EXTENTS_MAX_46: usize = 8;
const TYPE_ACCESS: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock46 {
    pub magic: u64,
    pub version: u64,
    pub log_offset: u64,
    pub log_len: u64,
    pub fs_uuid: Uuid,
    pub system_uuid: Uuid,
    pub crc: u64,
    pub crc_calc: u64,
    pub num_daxdevs: u32,
    pub sb_flags: u32,
    pub dev_size: u64,
    pub dd_uuid: Uuid,
    pub dev_name: [u8; DEV_NAME_SIZE],
}

impl Superblock46 {
    pub fn parse(bytes: &[u8; SUPERBLOCK_SIZE]) -> Self {
        Self {
            magic: u64_at(bytes, 0),
            version: u64_at(bytes, 8),
            log_offset: u64_at(bytes, 16),
            log_len: u64_at(bytes, 24),
            fs_uuid: uuid_at(bytes, 32),
            system_uuid: uuid_at(bytes, 48),
            crc: u64_at(bytes, SUPERBLOCK_CRC_AT),
            crc_calc: crc(&bytes[..SUPERBLOCK_CRC_AT]),
            num_daxdevs: u32_at(bytes, 72),
            sb_flags: u32_at(bytes, 76),
            dev_size: u64_at(bytes, 80),
            dd_uuid: uuid_at(bytes, 88),
            dev_name: array_at(bytes, 104),
        }
    }

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

pub fn parse_entry(bytes: &[u8; ENTRY_SIZE]) -> Entry {
    let type_code = u32_at(bytes, 8);
    let body = match type_code {
        TYPE_FILE => {
            let count = u32_at(bytes, 24);
            let listed = usize::try_from(count)
                .unwrap_or(EXTENTS_MAX_46)
                .min(EXTENTS_MAX_46);
            Body::File(File {
                size: u64_at(bytes, 16),
                flags: u32_at(bytes, 28),
                uid: u32_at(bytes, 32),
                gid: u32_at(bytes, 36),
                mode: u32_at(bytes, 40),
                path: PathField(array_at(bytes, 44)),
                map: Map::V46 {
                    count,
                    extents: (0..listed).map(|i| extent(bytes, i)).collect(),
                },
            })
        }
        TYPE_MKDIR => Body::Mkdir(parse_dir(bytes)),
        TYPE_ACCESS => Body::Access,
        _ => Body::Unknown,
    };
    Entry {
        seqnum: u64_at(bytes, 0),
        type_code,
        crc: u64_at(bytes, ENTRY_CRC_AT),
        crc_calc: crc(&bytes[..ENTRY_CRC_AT]),
        body,
    }
}

fn extent(bytes: &[u8; ENTRY_SIZE], i: usize) -> Extent46 {
    let at = EXTENTS_AT + i * EXTENT_SIZE;
    Extent46 {
        ext_type: u32_at(bytes, at),
        offset: u64_at(bytes, at + 8),
        len: u64_at(bytes, at + 16),
    }
}
