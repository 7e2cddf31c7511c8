//! One observation of the system: cumulative since the instrument attached.

use std::{collections::BTreeMap, time::SystemTime};

use super::Hist;

/// The size of a mapping that a fault established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// 4 KiB.
    Pte,
    /// 2 MiB.
    Pmd,
}

/// What the faulting instruction wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    Read,
    Write,
}

/// Why a 2 MiB try fell back to 4 KiB, in the order in which the kernel decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fallback {
    /// Virtual address and file offset differ modulo 2 MiB.
    Colour,
    /// A write to a private mapping: copied page by page.
    PrivateWrite,
    /// The 2 MiB region is not wholly inside the mapping.
    VmaBounds,
    /// The 2 MiB region reaches past the end of the file.
    Eof,
    /// The extent is shorter than 2 MiB or not aligned, or a 4 KiB entry is there already.
    Extent,
    Other,
}

/// A file as the kernel names it. `dev` is `st_dev` as major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    pub dev: (u32, u32),
    pub ino: u64,
}

/// All faults of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    pub key: FileKey,
    /// The absolute path through the mount; `None` while not resolved.
    pub path: Option<String>,
    /// Latencies of faults that mapped, by mapping size and access.
    pub faults: BTreeMap<(Order, Access), Hist>,
    pub fallback: BTreeMap<Fallback, u64>,
    /// Faults that ended in SIGBUS, OOM or HWPOISON, or that the module refused.
    pub errors: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountState {
    Ok,
    Disabled,
    /// Another famfs generation, or one whose state cannot be read.
    Unknown,
}

/// The memory error that disabled a mount, as the module reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceError {
    pub dev: String,
    /// Bytes from the start of the dax device.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// The kernel's `MF_*` bits.
    pub flags: u64,
    /// `CLOCK_REALTIME`, nanoseconds.
    pub time_ns: u64,
}

/// A mounted famfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub dev: (u32, u32),
    pub source: String,
    pub mountpoint: String,
    pub state: MountState,
    pub error: Option<DeviceError>,
}

/// Something rare that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub time: SystemTime,
    pub text: String,
}

/// One probe: attached how, and how often it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeHealth {
    pub name: String,
    /// The attach kind, such as `tp_btf`.
    pub kind: String,
    /// `None` if attached, else why not.
    pub problem: Option<String>,
    pub hits: u64,
}

/// Everything known at one instant, cumulative since attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub time: SystemTime,
    /// Since attach, in nanoseconds.
    pub elapsed_ns: u64,
    /// `uname -r`.
    pub kernel: String,
    pub mounts: Vec<Mount>,
    pub files: Vec<FileRow>,
    /// Faults that happened but are in no file's row.
    pub unattributed: u64,
    /// Records that the kernel could not hand over.
    pub lost: u64,
    pub probes: Vec<ProbeHealth>,
    /// Oldest first, bounded by the source.
    pub events: Vec<Event>,
}
