//! Where snapshots come from. Views and reports know nothing but [`Source`].

use crate::model::Snapshot;

pub mod replay;
pub mod synthetic;

/// What is measured only if it is asked for, because it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Each process's faults on each file.
    Processes,
    /// The time that the programs in the kernel take.
    RunTime,
}

impl Extra {
    /// Everything that can be asked for.
    pub const ALL: [Self; 2] = [Self::Processes, Self::RunTime];

    /// Returns the name that is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "counts per process",
            Self::RunTime => "run time of the probes",
        }
    }

    /// Returns the option that measures it from the start.
    pub fn option(self) -> &'static str {
        match self {
            Self::Processes => "--processes",
            Self::RunTime => "--run-stats",
        }
    }

    /// Returns what it costs, for a user who is about to switch it on. The text is short, because
    /// it stands in one line of the screen.
    pub fn price(self) -> &'static str {
        match self {
            Self::Processes => "each fault some 200 instructions more",
            Self::RunTime => "each fault 150 to 260 instructions more, every BPF program too",
        }
    }
}

/// Something that can be asked again and again what has happened since it attached.
///
/// # Errors
///
/// Each function fails with [`Error::Unsupported`] if the machine has to change first, and with
/// [`Error::Failed`] otherwise.
pub trait Source {
    /// Returns everything since attach. A call is cheap enough for several a second, and it should
    /// be made often: a live source moves results out of the kernel's bounded table here.
    fn poll(&mut self) -> Result<Snapshot, Error>;

    /// Returns whether this is measured now; `None` if it cannot be.
    fn extra(&self, _extra: Extra) -> Option<bool> {
        None
    }

    /// Returns whether what is measured was decided at attach, so that `switch` can only fail.
    fn is_fixed(&self) -> bool {
        true
    }

    /// Starts or stops measuring this.
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
    /// A privilege or a feature of the kernel is missing: the machine has to change, not this run.
    #[error("cannot watch DAX faults: {why}")]
    Unsupported {
        /// What is missing.
        why: String,
    },
    /// The BPF programs were not built in.
    #[error(
        "this famfs-top was built without its BPF programs; \
         run `cargo xtask build-ebpf` and build it again"
    )]
    NoPrograms,
    /// Something failed.
    #[error("cannot {action}: {why}")]
    Failed {
        /// What was tried, as the rest of "cannot …".
        action: String,
        /// Why it failed.
        why: String,
    },
}

impl Error {
    /// Returns whether the machine has to change, not this run.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }
}
