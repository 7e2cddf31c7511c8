//! Where snapshots come from. Views and reports know only [`Source`].

use crate::model::Snapshot;

pub mod live;
pub mod replay;
pub mod synthetic;

/// Something that can be asked, again and again, what has happened since it attached.
pub trait Source {
    /// Everything since attach. Cheap enough to be called several times a second, and it should
    /// be: a live source moves results out of the kernel's bounded table here.
    fn poll(&mut self) -> Result<Snapshot, Error>;
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
