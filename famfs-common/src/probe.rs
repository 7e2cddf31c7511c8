//! The table of hooks: what each program attaches to and what it feeds.

/// A hook; the value is its place in every per-hook counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Hook {
    PteEnter,
    PteExit,
    PmdEnter,
    PmdExit,
    HolderNotify,
    MemoryFailure,
    Refused,
}

/// How many hooks there are.
pub const HOOKS: usize = 7;

/// How a program attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// Tracepoint of the kernel proper, arguments typed by BTF.
    TpBtf,
    /// Return of a function of the kernel proper.
    FExit,
    /// Tracepoint, possibly of a module, arguments as plain words.
    RawTp,
}

impl Attach {
    pub const fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::FExit => "fexit",
            Self::RawTp => "raw_tp",
        }
    }
}

/// One hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    pub hook: Hook,
    /// The program in the object.
    pub program: &'static str,
    pub attach: Attach,
    /// The tracepoint or function.
    pub target: &'static str,
    /// Without it there is nothing to measure; the others may be missing.
    pub required: bool,
    pub feeds: &'static str,
}

/// All hooks in order.
pub const TABLE: [Info; HOOKS] = [
    Info {
        hook: Hook::PteEnter,
        program: "pte_enter",
        attach: Attach::TpBtf,
        target: "dax_pte_fault",
        required: true,
        feeds: "start of a 4 KiB fault",
    },
    Info {
        hook: Hook::PteExit,
        program: "pte_exit",
        attach: Attach::TpBtf,
        target: "dax_pte_fault_done",
        required: true,
        feeds: "latency and outcome of a 4 KiB fault",
    },
    Info {
        hook: Hook::PmdEnter,
        program: "pmd_enter",
        attach: Attach::TpBtf,
        target: "dax_pmd_fault",
        required: true,
        feeds: "start of a 2 MiB fault",
    },
    Info {
        hook: Hook::PmdExit,
        program: "pmd_exit",
        attach: Attach::TpBtf,
        target: "dax_pmd_fault_done",
        required: true,
        feeds: "latency, outcome and fallback reason of a 2 MiB fault",
    },
    Info {
        hook: Hook::HolderNotify,
        program: "holder_notify",
        attach: Attach::FExit,
        target: "dax_holder_notify_failure",
        required: false,
        feeds: "memory errors told to the holder of a dax device",
    },
    Info {
        hook: Hook::MemoryFailure,
        program: "memory_failure",
        attach: Attach::TpBtf,
        target: "memory_failure_event",
        required: false,
        feeds: "memory errors as the kernel handled them",
    },
    Info {
        hook: Hook::Refused,
        program: "fault_refused",
        attach: Attach::RawTp,
        target: "famfs_fault_refused",
        required: false,
        feeds: "faults that the famfs module refused before the DAX layer",
    },
];
