//! The structures of the media, field by field. The layout is that of the upstream tools: C structures
//! of an x86-64 host, which is little endian and pads each field to its own size. Each structure's
//! size and the offsets of its fields are asserted here, and nowhere else does an offset stand.

use std::mem::offset_of;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{EXTENTS_MAX, entry, legacy, log, superblock};

/// A uuid: 16 bytes in the order in which its text shows them.
type RawUuid = [u8; 16];

/// The superblock of versions 47 (OMF 2.1) and 48.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawSuperblock {
    pub(super) magic: U64,
    pub(super) version: U64,
    pub(super) log_offset: U64,
    pub(super) log_len: U64,
    pub(super) alloc_unit: U64,
    pub(super) omf_major: U32,
    pub(super) omf_minor: U32,
    pub(super) fs_uuid: RawUuid,
    pub(super) dev_uuid: RawUuid,
    pub(super) system_uuid: RawUuid,
    pub(super) crc: U64,
    pub(super) sb_flags: U32,
    pub(super) padding: [u8; 4],
    pub(super) dev_size: U64,
    pub(super) dd_uuid: RawUuid,
    pub(super) dev_name: [u8; superblock::DEV_NAME_SIZE],
}

/// The checksum covers the fields before it.
pub(super) const SUPERBLOCK_CRC: usize = offset_of!(RawSuperblock, crc);

const _: () = {
    assert!(size_of::<RawSuperblock>() == superblock::SIZE);
    assert!(offset_of!(RawSuperblock, omf_major) as u64 == superblock::OMF_AT);
    assert!(offset_of!(RawSuperblock, fs_uuid) as u64 == superblock::FS_UUID_AT);
    assert!(SUPERBLOCK_CRC == 96);
    assert!(offset_of!(RawSuperblock, dev_size) as u64 == superblock::DEV_SIZE_AT);
    assert!(offset_of!(RawSuperblock, dev_name) == 136);
};

/// The header of the log, the same in every version.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawLogHeader {
    pub(super) magic: U64,
    pub(super) len: U64,
    pub(super) last_index: U64,
    pub(super) crc: U64,
    pub(super) next_seqnum: U64,
    pub(super) next_index: U64,
}

/// The checksum covers the fields before it, and so neither of the two counters.
pub(super) const LOG_HEADER_CRC: usize = offset_of!(RawLogHeader, crc);

const _: () = {
    assert!(size_of::<RawLogHeader>() == log::HEADER_SIZE);
    assert!(LOG_HEADER_CRC == 24);
    assert!(offset_of!(RawLogHeader, next_seqnum) as u64 == log::NEXT_SEQNUM_AT);
    assert!(offset_of!(RawLogHeader, next_index) as u64 == log::NEXT_INDEX_AT);
};

/// Bytes of an entry's payload, whatever its type.
const PAYLOAD: usize = 520;

/// A log entry of versions 47 (OMF 2.1) and 48.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawEntry {
    pub(super) seqnum: U64,
    pub(super) type_code: U32,
    pub(super) padding: [u8; 4],
    pub(super) payload: [u8; PAYLOAD],
    pub(super) crc: U64,
}

/// The checksum covers what lies before it, padding and unused bytes too.
pub(super) const ENTRY_CRC: usize = offset_of!(RawEntry, crc);

/// The payload of a FILE entry.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawFile {
    pub(super) size: U64,
    pub(super) flags: U32,
    pub(super) uid: U32,
    pub(super) gid: U32,
    pub(super) mode: U32,
    pub(super) path: [u8; entry::PATH_FIELD],
    pub(super) map: RawMap,
}

/// A file's map: a type, and extents or strips.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawMap {
    pub(super) ext_type: U32,
    pub(super) padding: [u8; 4],
    /// How many extents a simple map has, or how many interleaved pieces there are.
    pub(super) count: U32,
    pub(super) padding_2: [u8; 4],
    pub(super) body: [u8; size_of::<RawInterleaved>()],
}

/// The body of a simple map.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawSimple {
    pub(super) extents: [RawExtent; EXTENTS_MAX],
    pub(super) unused: [u8; 16],
}

/// The body of an interleaved map.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawInterleaved {
    pub(super) nstrips: U64,
    pub(super) chunk_size: U64,
    pub(super) strips: [RawExtent; EXTENTS_MAX],
}

/// An extent or a strip.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawExtent {
    pub(super) devindex: U64,
    pub(super) offset: U64,
    pub(super) len: U64,
}

/// The payload of a MKDIR entry, of which every version has the same beginning.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawDir {
    pub(super) uid: U32,
    pub(super) gid: U32,
    pub(super) mode: U32,
    pub(super) path: [u8; entry::PATH_FIELD],
}

/// The payload of an `ADD_DAXDEV` entry.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawDaxdev {
    pub(super) size: U64,
    pub(super) uuid: RawUuid,
    pub(super) index: U32,
}

const _: () = {
    assert!(size_of::<RawEntry>() == entry::SIZE);
    assert!(offset_of!(RawEntry, payload) == 16);
    assert!(ENTRY_CRC == 536);
    assert!(size_of::<RawFile>() == PAYLOAD);
    assert!(offset_of!(RawFile, path) == 40 - 16);
    assert!(offset_of!(RawFile, map) == 120 - 16);
    assert!(offset_of!(RawMap, count) == 8);
    assert!(offset_of!(RawMap, body) == 16);
    assert!(size_of::<RawSimple>() == size_of::<RawInterleaved>());
    assert!(offset_of!(RawInterleaved, strips) == 16);
    assert!(size_of::<RawExtent>() == 24);
    assert!(offset_of!(RawDir, path) == 28 - 16);
    assert!(offset_of!(RawDaxdev, index) == 40 - 16);
};

/// The superblock of version 46.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawSuperblock46 {
    pub(super) magic: U64,
    pub(super) version: U64,
    pub(super) log_offset: U64,
    pub(super) log_len: U64,
    pub(super) fs_uuid: RawUuid,
    pub(super) system_uuid: RawUuid,
    pub(super) crc: U64,
    pub(super) num_daxdevs: U32,
    pub(super) sb_flags: U32,
    pub(super) dev_size: U64,
    pub(super) dd_uuid: RawUuid,
    pub(super) dev_name: [u8; superblock::DEV_NAME_SIZE],
}

/// The checksum covers the fields before it.
pub(super) const SUPERBLOCK_46_CRC: usize = offset_of!(RawSuperblock46, crc);

/// Bytes of the payload of an entry of version 46.
const PAYLOAD_46: usize = 304;

/// A log entry of version 46.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawEntry46 {
    pub(super) seqnum: U64,
    pub(super) type_code: U32,
    pub(super) padding: [u8; 4],
    pub(super) payload: [u8; PAYLOAD_46],
    pub(super) crc: U64,
}

/// The checksum covers what lies before it.
pub(super) const ENTRY_46_CRC: usize = offset_of!(RawEntry46, crc);

/// The payload of a FILE entry of version 46.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawFile46 {
    pub(super) size: U64,
    pub(super) count: U32,
    pub(super) flags: U32,
    pub(super) uid: U32,
    pub(super) gid: U32,
    pub(super) mode: U32,
    pub(super) path: [u8; entry::PATH_FIELD],
    pub(super) padding: [u8; 4],
    pub(super) extents: [RawExtent46; legacy::EXTENTS_MAX_46],
}

/// An extent of version 46, which had one device and a type for each extent.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawExtent46 {
    pub(super) ext_type: U32,
    pub(super) padding: [u8; 4],
    pub(super) offset: U64,
    pub(super) len: U64,
}

const _: () = {
    assert!(size_of::<RawSuperblock46>() == legacy::SUPERBLOCK_SIZE);
    assert!(SUPERBLOCK_46_CRC == 64);
    assert!(offset_of!(RawSuperblock46, dev_name) == 104);
    assert!(size_of::<RawEntry46>() == legacy::ENTRY_SIZE);
    assert!(ENTRY_46_CRC == 320);
    assert!(size_of::<RawFile46>() == PAYLOAD_46);
    assert!(offset_of!(RawFile46, path) == 44 - 16);
    assert!(offset_of!(RawFile46, extents) == 128 - 16);
    assert!(size_of::<RawExtent46>() == 24);
};

/// Returns the first `N` bytes; what is missing at the end reads as zero.
pub(super) fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let len = bytes.len().min(N);
    out[..len].copy_from_slice(&bytes[..len]);
    out
}
