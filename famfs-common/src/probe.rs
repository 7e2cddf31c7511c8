//! The table of hooks: what each program attaches to and what it feeds.

/// A hook; the value is its place in every per-hook counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Hook {
    PteExit,
    PmdExit,
    PteEnter,
    PmdEnter,
    CopyEnter,
    CopyExit,
    HolderNotify,
    KillProcs,
    MemoryFailure,
    Refused,
    ModuleNotify,
    MountDisabled,
}

/// How many hooks there are.
pub const HOOKS: usize = 12;

/// How a program attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attach {
    /// Tracepoint of the kernel proper, arguments typed by BTF.
    TpBtf,
    /// Entry of a function of the kernel proper.
    FEntry,
    /// Return of a function of the kernel proper.
    FExit,
    /// Tracepoint, possibly of a module, arguments as plain words.
    RawTp,
    /// Breakpoint at the entry of a function.
    KProbe,
}

impl Attach {
    pub const fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::FEntry => "fentry",
            Self::FExit => "fexit",
            Self::RawTp => "raw_tp",
            Self::KProbe => "kprobe",
        }
    }
}

/// One way to attach to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub attach: Attach,
    /// The program in the object.
    pub program: &'static str,
}

/// One hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    pub hook: Hook,
    /// The tracepoint or function.
    pub target: &'static str,
    /// The best way first; the next one where the kernel has no place for it.
    pub ways: &'static [Way],
    /// Whether nothing can be measured without it; the others may be missing.
    pub required: bool,
    /// Is the target part of the famfs module?
    pub of_module: bool,
    pub feeds: &'static str,
}

impl Info {
    /// What the probe is called: by its target, which the two ends of a read or write share.
    pub const fn name(&self) -> &'static str {
        match self.hook {
            Hook::CopyEnter => "dax_iomap_rw_start",
            _ => self.target,
        }
    }
}

/// Appended to the name of a program that also counts by process.
pub const BY_PROCESS: &str = "_process";

const fn way(attach: Attach, program: &'static str) -> Way {
    Way { attach, program }
}

const fn required(
    hook: Hook,
    target: &'static str,
    ways: &'static [Way],
    feeds: &'static str,
) -> Info {
    Info {
        required: true,
        ..optional(hook, target, ways, feeds)
    }
}

const fn optional(
    hook: Hook,
    target: &'static str,
    ways: &'static [Way],
    feeds: &'static str,
) -> Info {
    Info {
        hook,
        target,
        ways,
        required: false,
        of_module: false,
        feeds,
    }
}

const fn of_module(
    hook: Hook,
    target: &'static str,
    ways: &'static [Way],
    feeds: &'static str,
) -> Info {
    Info {
        of_module: true,
        ..optional(hook, target, ways, feeds)
    }
}

/// All hooks in the order in which they attach: ends before starts, so that every fault whose end
/// comes after the last attachment is counted, and none has a start without an end.
pub const TABLE: [Info; HOOKS] = [
    required(
        Hook::PteExit,
        "dax_pte_fault_done",
        &[way(Attach::TpBtf, "pte_exit")],
        "latency and outcome of a 4 KiB fault",
    ),
    required(
        Hook::PmdExit,
        "dax_pmd_fault_done",
        &[way(Attach::TpBtf, "pmd_exit")],
        "latency, outcome and fallback reason of a 2 MiB fault",
    ),
    required(
        Hook::PteEnter,
        "dax_pte_fault",
        &[way(Attach::TpBtf, "pte_enter")],
        "start of a 4 KiB fault",
    ),
    required(
        Hook::PmdEnter,
        "dax_pmd_fault",
        &[way(Attach::TpBtf, "pmd_enter")],
        "start of a 2 MiB fault",
    ),
    optional(
        Hook::CopyEnter,
        "dax_iomap_rw",
        &[way(Attach::FEntry, "copy_enter")],
        "start of a read or write",
    ),
    optional(
        Hook::CopyExit,
        "dax_iomap_rw",
        &[way(Attach::FExit, "copy_exit")],
        "latency, bytes and errors of reads and writes",
    ),
    optional(
        Hook::HolderNotify,
        "dax_holder_notify_failure",
        &[
            way(Attach::FExit, "holder_notify"),
            way(Attach::KProbe, "holder_notify_begun"),
        ],
        "memory errors told to the holder of a dax device",
    ),
    optional(
        Hook::KillProcs,
        "mf_dax_kill_procs",
        &[
            way(Attach::FEntry, "kill_procs"),
            way(Attach::KProbe, "kill_procs_copied"),
        ],
        "the file, and the place in it, that a memory error hit",
    ),
    optional(
        Hook::MemoryFailure,
        "memory_failure_event",
        &[
            way(Attach::TpBtf, "memory_failure"),
            way(Attach::RawTp, "memory_failure_plain"),
        ],
        "memory errors as the kernel handled them",
    ),
    of_module(
        Hook::Refused,
        "famfs_fault_refused",
        &[way(Attach::RawTp, "fault_refused")],
        "faults that the famfs module refused before the DAX layer",
    ),
    of_module(
        Hook::ModuleNotify,
        "famfs_notify_failure",
        &[way(Attach::RawTp, "module_notify")],
        "memory errors by their place on the device of a mount",
    ),
    of_module(
        Hook::MountDisabled,
        "famfs_mount_disabled",
        &[way(Attach::RawTp, "mount_disabled")],
        "mounts that a memory error disabled",
    ),
];
