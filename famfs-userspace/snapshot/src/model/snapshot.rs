//! One observation of the system. All counts are since the instrument attached.

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
    /// It loaded.
    Read,
    /// It stored.
    Write,
}

/// Why a try to map 2 MiB fell back to 4 KiB, in the order in which the kernel decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fallback {
    /// Virtual address and file offset differ modulo 2 MiB.
    Colour,
    /// A write to a private mapping, which is copied page by page.
    PrivateWrite,
    /// The 2 MiB region is not completely inside the mapping.
    VmaBounds,
    /// The 2 MiB region reaches past the end of the file.
    Eof,
    /// The extent is shorter than 2 MiB or not aligned to it, or a 4 KiB entry is there already.
    Extent,
    /// The reason is not known.
    Other,
}

/// A file as the kernel names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// The device number, `st_dev`, as major and minor.
    pub dev: (u32, u32),
    /// The inode number.
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
    /// The process got SIGBUS.
    Sigbus,
    /// There was no memory for a page table.
    Oom,
    /// The memory is poisoned.
    HwPoison,
    /// The famfs module refused it before the DAX layer was asked.
    Refused,
}

/// The calls of read(2) or write(2) on one file: copies that need no mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Io {
    /// How long the calls took.
    pub latency: Hist,
    /// Calls whose time is not known.
    pub untimed: u64,
    /// Bytes that were copied.
    pub bytes: u64,
    /// Calls that ended in an error.
    pub errors: u64,
}

/// One process's faults on one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id, in the host's first namespace.
    pub pid: u32,
    /// The name of its main program, as the kernel shortens it.
    pub comm: String,
    /// Faults that ended, whatever their outcome.
    pub faults: u64,
}

/// A range of a DAX device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The device's index in the mount.
    pub device: u32,
    /// Where it starts, in bytes from the start of the device.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// Where a file's bytes lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The file's size in bytes.
    pub size: u64,
    /// The length of a chunk in bytes, if `extents` are the strips of an interleaved file.
    pub chunk: Option<u64>,
    /// The extents in the order of the file, or the strips.
    pub extents: Vec<Extent>,
}

/// All faults on one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Which file it is.
    pub key: FileKey,
    /// The absolute path through the mount; `None` while it is not resolved. It is shared, since
    /// thousands of files have the same path in every snapshot.
    pub path: Option<Arc<str>>,
    /// Latencies of faults that mapped, by mapping size and access.
    pub faults: Kinds<Hist>,
    /// Faults that mapped, but whose latency is not known.
    pub untimed: BTreeMap<(Order, Access), u64>,
    /// Tries to map 2 MiB that fell back, by reason.
    pub fallback: BTreeMap<Fallback, u64>,
    /// Faults that failed, by how.
    pub errors: BTreeMap<Failure, u64>,
    /// Faults that ended in none of these ways, such as those that the kernel tries again.
    pub retried: u64,
    /// Reads and writes by system call.
    pub io: BTreeMap<Access, Io>,
    /// Which processes faulted, the busiest first; empty unless that was asked for.
    pub processes: Vec<Process>,
    /// Where the bytes lie; `None` if it could not be found out.
    pub layout: Option<Arc<Layout>>,
}

impl FileRow {
    /// Returns the row of a file of which nothing is known yet.
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

    /// Returns how many faults failed.
    pub fn failed(&self) -> u64 {
        self.errors.values().copied().fold(0, u64::saturating_add)
    }

    /// Returns how many ends of faults this row accounts for.
    pub fn accounted(&self) -> u64 {
        let timed = self.faults.values().map(Hist::count);
        let counts = self.untimed.values().chain(self.fallback.values());
        timed
            .chain(counts.copied())
            .chain([self.failed(), self.retried])
            .fold(0, u64::saturating_add)
    }
}

/// The state of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountState {
    /// It works.
    Ok,
    /// A memory error has disabled it.
    Disabled,
    /// The device has another file system than the one that was mounted, or none.
    Stale,
    /// It belongs to another generation of famfs, or its state cannot be read.
    Unknown,
}

/// The memory error that disabled a mount, as the module reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceError {
    /// The device's name.
    pub dev: String,
    /// Where the failed memory starts, in bytes from the start of the DAX device.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The kernel's `MF_*` bits.
    pub flags: u64,
    /// When it happened, by `CLOCK_REALTIME` in nanoseconds.
    pub time_ns: u64,
}

/// What the famfs module itself has counted since the mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModuleFaults {
    /// Faults that mapped 4 KiB.
    pub pte: u64,
    /// Faults that mapped 2 MiB.
    pub pmd: u64,
    /// Tries of 1 GiB, which file-system DAX never maps.
    pub pud_try: u64,
    /// Tries of 2 MiB that fell back.
    pub fallback: u64,
    /// Faults that the module refused.
    pub refused: u64,
}

/// A mounted file system that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The device number, as major and minor.
    pub dev: (u32, u32),
    /// The file system's type, such as `famfs`.
    pub kind: String,
    /// The device it was mounted from.
    pub source: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its state.
    pub state: MountState,
    /// The memory error that disabled it.
    pub error: Option<DeviceError>,
    /// The module's own counts; `None` if the file system does not count.
    pub totals: Option<ModuleFaults>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// Memory failed, or its device went away.
    MemoryError,
    /// A fault ended in SIGBUS, OOM or HWPOISON, or was refused.
    FaultFailed,
    /// A file system was mounted, unmounted or disabled.
    Mount,
    /// The instrument itself: probes that the kernel skipped, a full table, or a line of its
    /// programs' log.
    Instrument,
    /// A command of the user.
    Action,
}

/// Something rare that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub time: SystemTime,
    /// What it is about.
    pub kind: EventKind,
    /// The file it is about, if any.
    pub file: Option<FileKey>,
    /// The process in whose context it happened, by pid and name.
    pub process: Option<(u32, String)>,
    /// All of it in words.
    pub text: String,
}

impl Event {
    /// Returns an event about no file and no process.
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

/// One probe: how it is attached, and how often it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeHealth {
    /// The name of what it is attached to.
    pub name: String,
    /// How it is attached, such as `tp_btf`.
    pub kind: String,
    /// Why it is not attached; `None` if it is.
    pub problem: Option<String>,
    /// What is wrong although it is attached: no hits where there should be some.
    pub warning: Option<String>,
    /// How often it ran.
    pub hits: u64,
    /// How often the kernel skipped it.
    pub misses: u64,
    /// The time spent in it in nanoseconds; `None` unless the kernel's run-time statistics are on.
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

/// Everything that is known at one instant. Counts are since the instrument attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken.
    pub time: SystemTime,
    /// The time since the instrument attached, in nanoseconds.
    pub elapsed_ns: u64,
    /// The kernel's release, as in `uname -r`.
    pub kernel: String,
    /// The file systems that are watched.
    pub mounts: Vec<Mount>,
    /// The files with faults, one row each.
    pub files: Vec<FileRow>,
    /// Faults that happened but are in no row; computed, not estimated.
    pub unattributed: u64,
    /// Records of rare events that the kernel could not hand over.
    pub lost: u64,
    /// The state of each probe.
    pub probes: Vec<ProbeHealth>,
    /// What happened, oldest first. The source bounds how many there are.
    pub events: Vec<Event>,
    /// What the instrument itself costs.
    pub cost: Cost,
}
