//! Make a file system, or remove one.

use std::io;
use std::path::Path;

use famfs_cli::name;
use serde::Serialize;
use uuid::Uuid;

use super::{Error, failed};
use crate::device::{Access, Device};
use famfs_media::format::superblock::{self, DEV_NAME_SIZE, Superblock};
use famfs_media::format::{LOG_OFFSET, Layout, UNIT_2M};
use famfs_media::memory::Memory;
use famfs_media::writer;

/// Devices below this size upstream refuses to format.
pub const UPSTREAM_MIN: u64 = 4 << 30;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Overwrite what is there.
    pub force: bool,
    pub log_len: u64,
    pub alloc_unit: u64,
}

/// What was made.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Made {
    pub schema: u32,
    #[serde(flatten)]
    pub device: name::Device,
    pub device_size: u64,
    pub log_len: u64,
    pub log_entries: u64,
    pub alloc_unit: u64,
    pub free_bytes: u64,
    pub fs_uuid: Uuid,
    pub dev_uuid: Uuid,
    pub system_uuid: Uuid,
}

/// Makes a file system on a device or in an image.
pub fn mkfs(path: &Path, options: &Options, host: Uuid) -> Result<Made, Error> {
    let Options {
        force,
        log_len,
        alloc_unit,
    } = *options;
    let mut device = Device::open(path, Access::Format { log_len })?;
    let data_start = LOG_OFFSET + log_len;
    let needed = data_start + alloc_unit;
    if device.size < needed {
        return Err(Error::TooSmall {
            path: path.to_owned(),
            size: device.size,
            needed,
        });
    }
    if !force && let Some(what) = occupant(&mut *device.memory).map_err(failed("read", path))? {
        return Err(Error::Occupied {
            path: path.to_owned(),
            what,
        });
    }
    let sb = new_superblock(path, device.size, options, host);
    writer::format(&mut *device.memory, &sb).map_err(failed("write", path))?;
    Ok(Made {
        schema: 1,
        device: path.into(),
        device_size: device.size,
        log_len,
        log_entries: Layout::Current.capacity(log_len),
        alloc_unit,
        free_bytes: (device.size / alloc_unit - data_start.div_ceil(alloc_unit)) * alloc_unit,
        fs_uuid: sb.fs_uuid,
        dev_uuid: sb.dev_uuid,
        system_uuid: host,
    })
}

/// Removes a file system by its magic alone; log and files stay where they are.
pub fn kill(path: &Path) -> Result<(), Error> {
    // Only the superblock is written; the log is mapped as short as it can be.
    let access = Access::Format {
        log_len: famfs_media::format::LOG_LEN_MIN,
    };
    let mut device = Device::open(path, access)?;
    let magic = device.memory.load_array(0).map_err(failed("read", path))?;
    if u64::from_le_bytes(magic) != superblock::MAGIC {
        return Err(Error::NothingToKill {
            path: path.to_owned(),
        });
    }
    device
        .memory
        .persist_publish(0, 0)
        .map_err(failed("write", path))
}

fn new_superblock(path: &Path, dev_size: u64, options: &Options, host: Uuid) -> Superblock {
    let name = path.as_os_str().as_encoded_bytes();
    let mut dev_name = [0; DEV_NAME_SIZE];
    // The last byte stays NUL, whatever the length.
    let len = name.len().min(DEV_NAME_SIZE - 1);
    dev_name[..len].copy_from_slice(&name[..len]);
    Superblock {
        fs_uuid: Uuid::new_v4(),
        dev_uuid: Uuid::new_v4(),
        system_uuid: host,
        dev_name,
        ..Superblock::new(dev_size, options.log_len, options.alloc_unit)
    }
}

/// A mark at a fixed place that says whose the device is.
struct Mark {
    at: u64,
    bytes: &'static [u8],
    what: &'static str,
}

const MARKS: [Mark; 13] = [
    Mark {
        at: 0,
        bytes: &[0xff, 0x82, 0xb2, 0x87, 0, 0, 0, 0],
        what: "a famfs superblock",
    },
    Mark {
        at: 0x438,
        bytes: &[0x53, 0xef],
        what: "an ext2, ext3 or ext4 file system",
    },
    Mark {
        at: 0,
        bytes: b"XFSB",
        what: "an XFS file system",
    },
    Mark {
        at: 0x1_0040,
        bytes: b"_BHRfS_M",
        what: "a btrfs file system",
    },
    Mark {
        at: 0x400,
        bytes: &[0x10, 0x20, 0xf5, 0xf2],
        what: "an f2fs file system",
    },
    Mark {
        at: 0x200,
        bytes: b"EFI PART",
        what: "a GPT partition table",
    },
    // Its label may stand in any of the first four sectors.
    Mark {
        at: 0,
        bytes: b"LABELONE",
        what: "an LVM volume",
    },
    Mark {
        at: 0x200,
        bytes: b"LABELONE",
        what: "an LVM volume",
    },
    Mark {
        at: 0x400,
        bytes: b"LABELONE",
        what: "an LVM volume",
    },
    Mark {
        at: 0x600,
        bytes: b"LABELONE",
        what: "an LVM volume",
    },
    Mark {
        at: 0,
        bytes: b"LUKS\xba\xbe",
        what: "a LUKS volume",
    },
    Mark {
        at: 0xff6,
        bytes: b"SWAPSPACE2",
        what: "swap space",
    },
    Mark {
        at: 0x1fe,
        bytes: &[0x55, 0xaa],
        what: "a boot sector or partition table",
    },
];

/// What is on the device already, if it is something known.
fn occupant(memory: &mut dyn Memory) -> io::Result<Option<&'static str>> {
    memory.invalidate(0, UNIT_2M)?;
    for mark in &MARKS {
        let mut found = vec![0; mark.bytes.len()];
        memory.load(mark.at, &mut found)?;
        if found == mark.bytes {
            return Ok(Some(mark.what));
        }
    }
    Ok(None)
}
