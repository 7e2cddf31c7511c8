//! One observation of the system: cumulative since the instrument attached.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use super::{Hist, Kinds};

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

impl FileKey {
    /// Stands for all files that the kernel's table had no room to keep apart: no file system
    /// has this device number. Its row has counts, but neither latencies nor a path.
    pub const OTHER: Self = Self {
        dev: (0, 0),
        ino: 0,
    };
}

/// How a fault failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    Sigbus,
    Oom,
    HwPoison,
    /// The module refused it before the DAX layer was asked.
    Refused,
}

/// `read(2)` or `write(2)` of one file: copies that need no mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Io {
    pub latency: Hist,
    /// Calls whose latency is not known.
    pub untimed: u64,
    /// Bytes that were copied.
    pub bytes: u64,
    /// Calls that ended in an error.
    pub errors: u64,
}

/// One process's faults on one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub comm: String,
    /// Faults that ended, whatever their outcome.
    pub faults: u64,
}

/// A range of a dax device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The device's index in the mount.
    pub device: u32,
    /// Bytes from the start of the device.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// Where a file's bytes lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The file's size in bytes.
    pub size: u64,
    /// Bytes of a chunk where `extents` are the strips of an interleaved file.
    pub chunk: Option<u64>,
    pub extents: Vec<Extent>,
}

/// All faults of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    pub key: FileKey,
    /// The absolute path through the mount; `None` while not resolved. Shared, since thousands of
    /// files have the same one in every snapshot.
    pub path: Option<Arc<str>>,
    /// Latencies of faults that mapped, by mapping size and access.
    pub faults: Kinds<Hist>,
    /// Faults that mapped, but whose latency is not known.
    pub untimed: BTreeMap<(Order, Access), u64>,
    pub fallback: BTreeMap<Fallback, u64>,
    pub errors: BTreeMap<Failure, u64>,
    /// Faults that ended in no way of the above, such as those to be retried.
    pub retried: u64,
    pub io: BTreeMap<Access, Io>,
    /// Who faulted, the busiest first; empty unless that was asked for.
    pub processes: Vec<Process>,
    /// `None` where it could not be found out.
    pub layout: Option<Arc<Layout>>,
}

impl FileRow {
    /// A file of which nothing is known yet.
    pub fn new(key: FileKey) -> Self {
        Self {
            key,
            path: None,
            faults: Kinds::default(),
            untimed: BTreeMap::new(),
            fallback: BTreeMap::new(),
            errors: BTreeMap::new(),
            retried: 0,
            io: BTreeMap::new(),
            processes: Vec::new(),
            layout: None,
        }
    }

    /// Faults that failed.
    pub fn failed(&self) -> u64 {
        self.errors.values().copied().fold(0, u64::saturating_add)
    }

    /// Ends of faults that this row accounts for.
    pub fn accounted(&self) -> u64 {
        let timed = self.faults.values().map(Hist::count);
        let counts = self.untimed.values().chain(self.fallback.values());
        timed
            .chain(counts.copied())
            .chain([self.failed(), self.retried])
            .fold(0, u64::saturating_add)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountState {
    Ok,
    Disabled,
    /// The device holds another file system than the one that was mounted, or none.
    Stale,
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

/// What the famfs module itself has counted since the mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModuleFaults {
    pub pte: u64,
    pub pmd: u64,
    /// Tries of 1 GiB, which file-system DAX never maps.
    pub pud_try: u64,
    pub fallback: u64,
    pub refused: u64,
}

/// A mounted file system that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub dev: (u32, u32),
    /// Its type, such as `famfs`.
    pub kind: String,
    pub source: String,
    pub mountpoint: String,
    pub state: MountState,
    pub error: Option<DeviceError>,
    /// `None` where the file system does not count.
    pub totals: Option<ModuleFaults>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// Memory failed or departed.
    MemoryError,
    /// A fault ended in SIGBUS, OOM or HWPOISON, or was refused.
    FaultFailed,
    /// A file system was mounted, unmounted or disabled.
    Mount,
    /// The instrument itself: skipped probes, a full table, a line of its programs' log.
    Instrument,
    /// A command of the user's.
    Action,
}

/// Something rare that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub time: SystemTime,
    pub kind: EventKind,
    /// The file it is about.
    pub file: Option<FileKey>,
    /// In whose context it happened, by pid and name.
    pub process: Option<(u32, String)>,
    /// All of it in words.
    pub text: String,
}

impl Event {
    /// An event about no file and no process.
    pub fn new(time: SystemTime, kind: EventKind, text: String) -> Self {
        Self {
            time,
            kind,
            file: None,
            process: None,
            text,
        }
    }
}

/// One probe: attached how, and how often it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeHealth {
    pub name: String,
    /// The attach kind, such as `tp_btf`.
    pub kind: String,
    /// `None` if attached, else why not.
    pub problem: Option<String>,
    /// What is wrong although it is attached: no hits while there should be some.
    pub warning: Option<String>,
    pub hits: u64,
    /// Runs that the kernel skipped.
    pub misses: u64,
    /// Nanoseconds spent in it; `None` unless the kernel's run-time statistics are on.
    pub run_ns: Option<u64>,
}

/// What the instrument itself costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// CPU time of this process since it started, in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory of this process, in bytes.
    pub rss_bytes: u64,
    /// Kernel memory of the maps, in bytes.
    pub map_bytes: u64,
    /// How long the last poll took, in nanoseconds.
    pub poll_ns: u64,
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
    /// Faults that happened but are in no row.
    pub unattributed: u64,
    /// Records that the kernel could not hand over.
    pub lost: u64,
    pub probes: Vec<ProbeHealth>,
    /// Oldest first, bounded by the source.
    pub events: Vec<Event>,
    pub cost: Cost,
}
