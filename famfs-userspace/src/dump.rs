//! What a device holds, field by field: wrong fields as they are, judged but not hidden.

use famfs_cli::name;
use serde::Serialize;
use serde::ser::Serializer;
use uuid::Uuid;

use famfs_media::format::extent::Extent46;
use famfs_media::format::{
    Body, Entry, Extent, File, LogHeader, Map, PathField, Super, Superblock, Superblock46, log,
    superblock,
};
use famfs_media::volume::{Slot, Volume};

/// A volume in the shape of `famfs dump --json`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Dump<'v> {
    superblock: SuperView,
    log_header: HeaderView,
    #[serde(serialize_with = "entries")]
    #[cfg_attr(test, schemars(with = "Vec<EntryView>"))]
    entries: &'v Volume,
}

impl<'v> Dump<'v> {
    pub fn new(volume: &'v Volume) -> Self {
        Self {
            superblock: match &volume.superblock {
                Super::Current(sb) => SuperView::Current(Box::new(CurrentView::new(sb))),
                Super::V46(sb) => SuperView::V46(Box::new(View46::new(sb))),
            },
            log_header: HeaderView::new(&volume.header),
            entries: volume,
        }
    }
}

/// One at a time: a log can hold millions.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn entries<S: Serializer>(volume: &&Volume, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(volume.slots().map(|slot| EntryView::new(&slot)))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum SuperView {
    Current(Box<CurrentView>),
    V46(Box<View46>),
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CurrentView {
    magic: String,
    version: u64,
    log_offset: u64,
    log_len: u64,
    alloc_unit: u64,
    omf_major: u32,
    omf_minor: u32,
    fs_uuid: Uuid,
    dev_uuid: Uuid,
    system_uuid: Uuid,
    crc: u64,
    crc_calc: u64,
    sb_flags: u32,
    dev_size: u64,
    dd_uuid: Uuid,
    #[serde(flatten)]
    dev_name: name::DevName,
    magic_ok: bool,
    crc_ok: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct View46 {
    magic: String,
    version: u64,
    log_offset: u64,
    log_len: u64,
    fs_uuid: Uuid,
    system_uuid: Uuid,
    crc: u64,
    crc_calc: u64,
    num_daxdevs: u32,
    sb_flags: u32,
    dev_size: u64,
    dd_uuid: Uuid,
    #[serde(flatten)]
    dev_name: name::DevName,
    magic_ok: bool,
    crc_ok: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HeaderView {
    magic: String,
    len: u64,
    last_index: u64,
    crc: u64,
    crc_ok: bool,
    magic_ok: bool,
    next_seqnum: u64,
    next_index: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EntryView {
    index: u64,
    seqnum: u64,
    r#type: u32,
    crc_ok: bool,
    seq_ok: bool,
    kind: &'static str,
    #[serde(flatten)]
    body: BodyView,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum BodyView {
    File {
        size: u64,
        flags: u32,
        #[serde(flatten)]
        owner: OwnerView,
        #[serde(flatten)]
        map: MapView,
    },
    Mkdir(OwnerView),
    AddDaxdev {
        dd_size: u64,
        dd_uuid: Uuid,
        dd_index: u32,
    },
    Nothing {},
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OwnerView {
    uid: u32,
    gid: u32,
    mode: String,
    #[serde(flatten)]
    path: name::Path,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum MapView {
    Simple {
        ext_type: u32,
        nextents: u32,
        extents: Vec<Extent>,
    },
    Interleaved {
        ext_type: u32,
        niext: u32,
        nstrips: u64,
        chunk_size: u64,
        strips: Vec<Extent>,
    },
    V46 {
        nextents: u32,
        extents: Vec<Extent46>,
    },
}

impl CurrentView {
    fn new(sb: &Superblock) -> Self {
        Self {
            magic: hex(sb.magic),
            version: sb.version,
            log_offset: sb.log_offset,
            log_len: sb.log_len,
            alloc_unit: sb.alloc_unit,
            omf_major: sb.omf_major,
            omf_minor: sb.omf_minor,
            fs_uuid: sb.fs_uuid,
            dev_uuid: sb.dev_uuid,
            system_uuid: sb.system_uuid,
            crc: sb.crc,
            crc_calc: sb.crc_calc,
            sb_flags: sb.sb_flags,
            dev_size: sb.dev_size,
            dd_uuid: sb.dd_uuid,
            dev_name: text(&sb.dev_name).into(),
            magic_ok: sb.magic == superblock::MAGIC,
            crc_ok: sb.crc == sb.crc_calc,
        }
    }
}

impl View46 {
    fn new(sb: &Superblock46) -> Self {
        Self {
            magic: hex(sb.magic),
            version: sb.version,
            log_offset: sb.log_offset,
            log_len: sb.log_len,
            fs_uuid: sb.fs_uuid,
            system_uuid: sb.system_uuid,
            crc: sb.crc,
            crc_calc: sb.crc_calc,
            num_daxdevs: sb.num_daxdevs,
            sb_flags: sb.sb_flags,
            dev_size: sb.dev_size,
            dd_uuid: sb.dd_uuid,
            dev_name: text(&sb.dev_name).into(),
            magic_ok: sb.magic == superblock::MAGIC,
            crc_ok: sb.crc == sb.crc_calc,
        }
    }
}

impl HeaderView {
    fn new(header: &LogHeader) -> Self {
        Self {
            magic: hex(header.magic),
            len: header.len,
            last_index: header.last_index,
            crc: header.crc,
            crc_ok: header.crc == header.crc_calc,
            magic_ok: header.magic == log::MAGIC,
            next_seqnum: header.next_seqnum,
            next_index: header.next_index,
        }
    }
}

impl EntryView {
    fn new(slot: &Slot) -> Self {
        let Entry {
            seqnum,
            type_code,
            ref body,
            ..
        } = slot.entry;
        Self {
            index: slot.index,
            seqnum,
            r#type: type_code,
            crc_ok: slot.entry.crc_ok(),
            seq_ok: slot.seq_ok(),
            kind: kind_name(body),
            body: BodyView::new(body),
        }
    }
}

impl BodyView {
    fn new(body: &Body) -> Self {
        match body {
            Body::File(File {
                size,
                flags,
                uid,
                gid,
                mode,
                path,
                map,
            }) => Self::File {
                size: *size,
                flags: *flags,
                owner: OwnerView::new(*uid, *gid, *mode, path),
                map: MapView::new(map.clone()),
            },
            Body::Mkdir(dir) => Self::Mkdir(OwnerView::new(dir.uid, dir.gid, dir.mode, &dir.path)),
            Body::AddDaxdev { size, uuid, index } => Self::AddDaxdev {
                dd_size: *size,
                dd_uuid: *uuid,
                dd_index: *index,
            },
            Body::Delete | Body::Access | Body::Unknown => Self::Nothing {},
        }
    }
}

impl OwnerView {
    fn new(uid: u32, gid: u32, mode: u32, path: &PathField) -> Self {
        Self {
            uid,
            gid,
            mode: format!("0o{mode:o}"),
            path: path.bytes().into(),
        }
    }
}

impl MapView {
    fn new(map: Map) -> Self {
        match map {
            Map::Simple { count, extents } => Self::Simple {
                ext_type: 0,
                nextents: count,
                extents,
            },
            Map::Interleaved {
                ext_type,
                niext,
                nstrips,
                chunk_size,
                strips,
            } => Self::Interleaved {
                ext_type,
                niext,
                nstrips,
                chunk_size,
                strips,
            },
            Map::V46 { count, extents } => Self::V46 {
                nextents: count,
                extents,
            },
        }
    }
}

/// What an entry's type is called.
pub fn kind_name(body: &Body) -> &'static str {
    match body {
        Body::File(_) => "FILE",
        Body::Mkdir(_) => "MKDIR",
        Body::Delete => "DELETE",
        Body::Access => "ACCESS",
        Body::AddDaxdev { .. } => "ADD_DAXDEV",
        Body::Unknown => "UNKNOWN",
    }
}

fn hex(value: u64) -> String {
    format!("{value:#x}")
}

/// A text field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}
