//! Where snapshots come from. Views and reports know only [`Source`].

use std::io;

use crate::model::Snapshot;

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
    #[error("cannot {action}: permission denied; run as root, or with CAP_BPF and CAP_PERFMON")]
    Privilege { action: String, source: io::Error },
    #[error("this kernel has no {feature}: {why}")]
    Kernel { feature: String, why: String },
    #[error(
        "this famfs-top was built without its BPF programs; \
         run `cargo xtask build-ebpf` and build it again"
    )]
    NoPrograms,
    #[error("cannot {action}: {why}")]
    Failed { action: String, why: String },
}

impl Error {
    /// Whether the machine, not this run, is what has to change: a missing privilege or a
    /// missing kernel feature.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Privilege { .. } | Self::Kernel { .. })
    }
}
