//! One log entry: something that happened to the name space.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use uuid::Uuid;

use super::crc::crc;
use super::extent::Map;
use super::le::{array_at, put, u32_at, u64_at, uuid_at};

/// Bytes of an entry.
pub const SIZE: usize = 544;
/// The checksum covers what lies before it, padding and unused bytes too.
const CRC_AT: usize = 536;
/// Bytes of a path field.
pub const PATH_FIELD: usize = 80;
/// The only flags ever written: every host may read and write.
pub const FLAGS_ALL_HOSTS_RW: u32 = 2;

pub const TYPE_FILE: u32 = 0;
pub const TYPE_MKDIR: u32 = 1;
pub const TYPE_DELETE: u32 = 2;
pub const TYPE_ADD_DAXDEV: u32 = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seqnum: u64,
    pub type_code: u32,
    pub crc: u64,
    pub crc_calc: u64,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    File(File),
    Mkdir(Dir),
    /// Reserved: it has no payload, and nobody writes it.
    Delete,
    AddDaxdev {
        size: u64,
        uuid: Uuid,
        index: u32,
    },
    /// Version 46 only, never used.
    Access,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub size: u64,
    pub flags: u32,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub path: PathField,
    pub map: Map,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub path: PathField,
}

/// A path as the field holds it: bytes from anyone, relative to the mount's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathField(pub [u8; PATH_FIELD]);

impl PathField {
    /// `None` when the path does not fit with its NUL, or holds one.
    pub fn new(path: &[u8]) -> Option<Self> {
        if path.len() > super::PATH_MAX || path.contains(&0) {
            return None;
        }
        Some(Self(super::le::padded(path)))
    }

    /// The bytes up to the first NUL or the end of the field.
    pub fn bytes(&self) -> &[u8] {
        CStr::from_bytes_until_nul(&self.0).map_or(&self.0, CStr::to_bytes)
    }

    /// The same as a path.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.bytes()))
    }

    pub fn is_terminated(&self) -> bool {
        self.0.contains(&0)
    }

    /// For people: bytes that are not UTF-8 become U+FFFD.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

impl Entry {
    /// An entry to be written as number `seqnum`.
    pub fn new(seqnum: u64, body: &Body) -> Self {
        Self::parse(&Self::bytes_of(seqnum, body))
    }

    /// The bytes of an entry to be written as number `seqnum`.
    pub fn bytes_of(seqnum: u64, body: &Body) -> [u8; SIZE] {
        let type_code = match body {
            Body::File(_) => TYPE_FILE,
            Body::Mkdir(_) => TYPE_MKDIR,
            Body::Delete | Body::Access => TYPE_DELETE,
            Body::AddDaxdev { .. } => TYPE_ADD_DAXDEV,
            Body::Unknown => u32::MAX,
        };
        write(seqnum, type_code, body)
    }

    pub fn parse(bytes: &[u8; SIZE]) -> Self {
        Self::parse_summed(bytes, crc(&bytes[..CRC_AT]))
    }

    /// Parses an entry whose checksum was found right.
    pub(super) fn parse_sound(bytes: &[u8; SIZE]) -> Self {
        Self::parse_summed(bytes, u64_at(bytes, CRC_AT))
    }

    fn parse_summed(bytes: &[u8; SIZE], crc_calc: u64) -> Self {
        let type_code = u32_at(bytes, 8);
        let body = match type_code {
            TYPE_FILE => Body::File(File {
                size: u64_at(bytes, 16),
                flags: u32_at(bytes, 24),
                uid: u32_at(bytes, 28),
                gid: u32_at(bytes, 32),
                mode: u32_at(bytes, 36),
                path: PathField(array_at(bytes, 40)),
                map: Map::parse(bytes, 120),
            }),
            TYPE_MKDIR => Body::Mkdir(parse_dir(bytes)),
            TYPE_DELETE => Body::Delete,
            TYPE_ADD_DAXDEV => Body::AddDaxdev {
                size: u64_at(bytes, 16),
                uuid: uuid_at(bytes, 24),
                index: u32_at(bytes, 40),
            },
            _ => Body::Unknown,
        };
        Self {
            seqnum: u64_at(bytes, 0),
            type_code,
            crc: u64_at(bytes, CRC_AT),
            crc_calc,
            body,
        }
    }

    /// The bytes of this entry with a fresh checksum.
    pub fn to_bytes(&self) -> [u8; SIZE] {
        write(self.seqnum, self.type_code, &self.body)
    }

    pub fn crc_ok(&self) -> bool {
        self.crc == self.crc_calc
    }
}

/// The bytes of an entry with a fresh checksum; what it does not use is zero.
fn write(seqnum: u64, type_code: u32, body: &Body) -> [u8; SIZE] {
    let mut out = [0; SIZE];
    put(&mut out, 0, &seqnum.to_le_bytes());
    put(&mut out, 8, &type_code.to_le_bytes());
    match body {
        Body::File(file) => {
            put(&mut out, 16, &file.size.to_le_bytes());
            put(&mut out, 24, &file.flags.to_le_bytes());
            put(&mut out, 28, &file.uid.to_le_bytes());
            put(&mut out, 32, &file.gid.to_le_bytes());
            put(&mut out, 36, &file.mode.to_le_bytes());
            put(&mut out, 40, &file.path.0);
            file.map.write(&mut out, 120);
        }
        Body::Mkdir(dir) => {
            put(&mut out, 16, &dir.uid.to_le_bytes());
            put(&mut out, 20, &dir.gid.to_le_bytes());
            put(&mut out, 24, &dir.mode.to_le_bytes());
            put(&mut out, 28, &dir.path.0);
        }
        Body::AddDaxdev { size, uuid, index } => {
            put(&mut out, 16, &size.to_le_bytes());
            put(&mut out, 24, uuid.as_bytes());
            put(&mut out, 40, &index.to_le_bytes());
        }
        Body::Delete | Body::Access | Body::Unknown => {}
    }
    let sum = crc(&out[..CRC_AT]);
    put(&mut out, CRC_AT, &sum.to_le_bytes());
    out
}

/// A MKDIR payload, the same in every version.
pub(super) fn parse_dir(bytes: &[u8]) -> Dir {
    Dir {
        uid: u32_at(bytes, 16),
        gid: u32_at(bytes, 20),
        mode: u32_at(bytes, 24),
        path: PathField(array_at(bytes, 28)),
    }
}
