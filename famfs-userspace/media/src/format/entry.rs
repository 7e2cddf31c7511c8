//! One log entry: something that happened to the name space.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use uuid::Uuid;
use zerocopy::{
    FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned, transmute_ref,
};

use super::crc::crc;
use super::extent::Map;
use super::raw::{ENTRY_CRC, RawDaxdev, RawDir, RawEntry, RawFile, padded};

/// Bytes of an entry.
pub const SIZE: usize = 544;
/// Bytes of a path field.
pub const PATH_FIELD: usize = 80;
/// The only value of a file's flags that is ever written: every host may read and write.
pub const FLAGS_ALL_HOSTS_RW: u32 = 2;

/// The type code of an entry that makes a file.
pub const TYPE_FILE: u32 = 0;
/// The type code of an entry that makes a folder.
pub const TYPE_MKDIR: u32 = 1;
/// The type code that is reserved for deleting a name.
pub const TYPE_DELETE: u32 = 2;
/// The type code of an entry that adds a device.
pub const TYPE_ADD_DAXDEV: u32 = 3;

/// An entry as it was read, sound or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry's number; that of its slot in a sound log.
    pub seqnum: u64,
    /// The type code, known or not.
    pub type_code: u32,
    /// The checksum as stored.
    pub crc: u64,
    /// The checksum as computed over the bytes that were read.
    pub crc_calc: u64,
    /// What happened.
    pub body: Body,
}

/// What an entry says, by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A file was made.
    File(File),
    /// A folder was made.
    Mkdir(Dir),
    /// Reserved: it has no payload, and no tool writes it.
    Delete,
    /// A device was added. The path is not logged, because each host may have another.
    AddDaxdev {
        /// The device's size, in bytes.
        size: u64,
        /// The device's identity.
        uuid: Uuid,
        /// The number by which extents name the device.
        index: u32,
    },
    /// A type of version 46 that was never used.
    Access,
    /// A type without a meaning here.
    Unknown,
}

/// A file as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The size in bytes.
    pub size: u64,
    /// Flags; [`FLAGS_ALL_HOSTS_RW`] in every entry that a tool has written.
    pub flags: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits; older versions logged `S_IFREG` too.
    pub mode: u32,
    /// The name.
    pub path: PathField,
    /// Where the file's bytes lie.
    pub map: Map,
}

/// A folder as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
    /// The name.
    pub path: PathField,
}

/// A path as the field holds it: any bytes at all, relative to the mount's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathField(pub [u8; PATH_FIELD]);

impl PathField {
    /// Returns the field of a path, or `None` if the path contains a NUL or does not fit with one
    /// behind it.
    pub fn new(path: &[u8]) -> Option<Self> {
        if path.len() > super::PATH_MAX || path.contains(&0) {
            return None;
        }
        Some(Self(padded(path)))
    }

    /// Returns the bytes up to the first NUL or the end of the field.
    pub fn bytes(&self) -> &[u8] {
        CStr::from_bytes_until_nul(&self.0).map_or(&self.0, CStr::to_bytes)
    }

    /// Returns the bytes up to the first NUL as a path.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.bytes()))
    }

    /// Returns whether the field contains a NUL, as every sound one does.
    pub fn is_terminated(&self) -> bool {
        self.0.contains(&0)
    }

    /// Returns the path for people to read: bytes that are not UTF-8 become U+FFFD.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

impl Entry {
    /// Returns the entry that is written as number `seqnum`.
    pub fn new(seqnum: u64, body: &Body) -> Self {
        Self::parse(&Self::bytes_of(seqnum, body))
    }

    /// Returns the bytes of the entry that is written as number `seqnum`.
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

    /// Parses an entry. Every array of bytes is one; [`Entry::crc_ok`] and the number say whether it
    /// is sound.
    pub fn parse(bytes: &[u8; SIZE]) -> Self {
        Self::parse_summed(bytes, crc(&bytes[..ENTRY_CRC]))
    }

    /// Parses an entry whose checksum is known to be right.
    pub(super) fn parse_sound(bytes: &[u8; SIZE]) -> Self {
        let raw: &RawEntry = transmute_ref!(bytes);
        Self::parse_summed(bytes, raw.crc.get())
    }

    fn parse_summed(bytes: &[u8; SIZE], crc_calc: u64) -> Self {
        let raw: &RawEntry = transmute_ref!(bytes);
        let type_code = raw.type_code.get();
        let body = match type_code {
            TYPE_FILE => {
                let file: &RawFile = transmute_ref!(&raw.payload);
                Body::File(File {
                    size: file.size.get(),
                    flags: file.flags.get(),
                    uid: file.uid.get(),
                    gid: file.gid.get(),
                    mode: file.mode.get(),
                    path: PathField(file.path),
                    map: Map::parse(&file.map),
                })
            }
            TYPE_MKDIR => Body::Mkdir(parse_dir(&raw.payload)),
            TYPE_DELETE => Body::Delete,
            TYPE_ADD_DAXDEV => {
                let device: RawDaxdev = beginning(&raw.payload);
                Body::AddDaxdev {
                    size: device.size.get(),
                    uuid: Uuid::from_bytes(device.uuid),
                    index: device.index.get(),
                }
            }
            _ => Body::Unknown,
        };
        Self {
            seqnum: raw.seqnum.get(),
            type_code,
            crc: raw.crc.get(),
            crc_calc,
            body,
        }
    }

    /// Returns the bytes of this entry with a new checksum.
    pub fn to_bytes(&self) -> [u8; SIZE] {
        write(self.seqnum, self.type_code, &self.body)
    }

    /// Returns whether the checksum is that of the content.
    pub fn crc_ok(&self) -> bool {
        self.crc == self.crc_calc
    }
}

/// Returns the bytes of an entry with a new checksum; what it does not use is zero.
fn write(seqnum: u64, type_code: u32, body: &Body) -> [u8; SIZE] {
    let mut raw = RawEntry::new_zeroed();
    raw.seqnum = seqnum.into();
    raw.type_code = type_code.into();
    match body {
        Body::File(file) => {
            let file = RawFile {
                size: file.size.into(),
                flags: file.flags.into(),
                uid: file.uid.into(),
                gid: file.gid.into(),
                mode: file.mode.into(),
                path: file.path.0,
                map: file.map.to_raw(),
            };
            raw.payload = zerocopy::transmute!(file);
        }
        Body::Mkdir(dir) => begin(
            &mut raw.payload,
            &RawDir {
                uid: dir.uid.into(),
                gid: dir.gid.into(),
                mode: dir.mode.into(),
                path: dir.path.0,
            },
        ),
        Body::AddDaxdev { size, uuid, index } => begin(
            &mut raw.payload,
            &RawDaxdev {
                size: (*size).into(),
                uuid: uuid.into_bytes(),
                index: (*index).into(),
            },
        ),
        Body::Delete | Body::Access | Body::Unknown => {}
    }
    raw.crc = crc(&raw.as_bytes()[..ENTRY_CRC]).into();
    zerocopy::transmute!(raw)
}

/// Parses the payload of a MKDIR entry, which is the same in every version.
pub(super) fn parse_dir(payload: &[u8]) -> Dir {
    let dir: RawDir = beginning(payload);
    Dir {
        uid: dir.uid.get(),
        gid: dir.gid.get(),
        mode: dir.mode.get(),
        path: PathField(dir.path),
    }
}

/// Returns the structure that a payload begins with. All payloads are longer than the structures that
/// are read in this way; a shorter one would read as zero.
fn beginning<T: FromBytes + KnownLayout + Immutable + Unaligned>(payload: &[u8]) -> T {
    T::read_from_prefix(payload).map_or_else(|_too_short| T::new_zeroed(), |(raw, _)| raw)
}

/// Stores a structure at the beginning of a payload, which is longer.
fn begin<T: IntoBytes + Immutable>(payload: &mut [u8], raw: &T) {
    let bytes = raw.as_bytes();
    payload[..bytes.len()].copy_from_slice(bytes);
}
