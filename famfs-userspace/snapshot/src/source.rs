//! Where snapshots come from. Views and reports know only [`Source`].

use crate::model::Snapshot;

pub mod replay;
pub mod synthetic;

/// What is measured only where it is asked for, because it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Each process's faults on each file.
    Processes,
    /// The time that the programs in the kernel take.
    RunTime,
}

impl Extra {
    pub const ALL: [Self; 2] = [Self::Processes, Self::RunTime];

    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "counts per process",
            Self::RunTime => "run time of the probes",
        }
    }

    /// The option that measures it from the start.
    pub fn option(self) -> &'static str {
        match self {
            Self::Processes => "--processes",
            Self::RunTime => "--run-stats",
        }
    }

    /// What it costs, for who is about to switch it on. A text of a few words: it stands in a
    /// line of the screen.
    pub fn price(self) -> &'static str {
        match self {
            Self::Processes => "each fault some 200 instructions more",
            Self::RunTime => "each fault 150 to 260 instructions more, every BPF program too",
        }
    }
}

/// Something that can be asked, again and again, what has happened since it attached.
pub trait Source {
    /// Everything since attach. Cheap enough to be called several times a second, and it should
    /// be: a live source moves results out of the kernel's bounded table here.
    fn poll(&mut self) -> Result<Snapshot, Error>;

    /// Whether it measures this now; `None` where it cannot.
    fn extra(&self, _extra: Extra) -> Option<bool> {
        None
    }

    /// Whether what it measures was decided when it attached, so that `switch` can only fail.
    fn is_fixed(&self) -> bool {
        true
    }

    /// Measures this from now on, or no longer.
    fn switch(&mut self, extra: Extra, on: bool) -> Result<(), Error> {
        Err(Error::Failed {
            action: format!("turn {} {}", if on { "on" } else { "off" }, extra.name()),
            why: "this source has no such switch".into(),
        })
    }
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A missing privilege or kernel feature: the machine has to change, not this run.
    #[error("cannot watch DAX faults: {why}")]
    Unsupported { why: String },
    #[error(
        "this famfs-top was built without its BPF programs; \
         run `cargo xtask build-ebpf` and build it again"
    )]
    NoPrograms,
    #[error("cannot {action}: {why}")]
    Failed { action: String, why: String },
}

impl Error {
    /// Whether the machine, not this run, is what has to change.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }
}
