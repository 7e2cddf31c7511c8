//! What the machine said; nothing here judges.

use super::Config;
use famfs_snapshot::model::{Mount, ProbeHealth};

/// Everything that decides whether this machine can be watched.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `uname -r`.
    pub release: String,
    pub config: Config,
    pub types: Types,
    pub privileges: Privileges,
    pub module: Module,
    /// The famfs that are mounted.
    pub mounts: Vec<Mount>,
    pub watch: Watch,
}

/// The kernel's type information.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Types {
    /// All fields that the programs read were found, so many.
    Complete(usize),
    /// It can be read, and cannot be used: why.
    Unusable(String),
    /// It cannot be read: why.
    #[default]
    Missing,
    Unreadable(String),
}

/// What this process may do, and what the kernel allows at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// The effective capabilities, a bit each; `None` where the kernel does not say.
    pub effective: Option<u64>,
    /// Inside a user namespace, whose capabilities are worth nothing to bpf(2).
    pub in_user_namespace: bool,
    /// A seccomp filter watches this process's calls.
    pub filtered: bool,
    /// `kernel.unprivileged_bpf_disabled`
    pub unprivileged_bpf_disabled: Option<i64>,
    /// `kernel.perf_event_paranoid`
    pub perf_event_paranoid: Option<i64>,
    /// `integrity` or `confidentiality`.
    pub lockdown: Option<String>,
    /// Security modules that were started.
    pub lsms: Vec<String>,
}

/// famfs.ko.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Module {
    /// Loaded, of this version.
    Loaded(String),
    /// Not loaded, but this file would be.
    Installed(String),
    #[default]
    Absent,
}

/// Whether the programs went into the kernel.
#[derive(Clone, Debug, Default)]
pub enum Watch {
    /// It was clear before that they would not.
    #[default]
    NotTried,
    /// They did not: why.
    Failed(String),
    /// They did, and these are the probes after the test.
    Attached {
        probes: Vec<ProbeHealth>,
        test: SelfTest,
    },
}

/// One fault that this process made on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfTest {
    /// There was no file to make it on: why.
    NoFile(String),
    /// It could not be made, or not be looked for: on which file, and why.
    Failed { file: String, why: String },
    /// It was made.
    Made {
        file: String,
        /// Faults that the file's row gained.
        counted: u64,
        /// Faults in no row that were gained.
        unattributed: u64,
    },
}
