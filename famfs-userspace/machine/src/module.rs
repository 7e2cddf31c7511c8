//! The kernel module: loading it, saying why it does not load, and who keeps it from unloading.

mod bpf;
pub mod explain;
pub mod file;
pub mod host;
pub mod kmsg;
pub mod load;
pub mod modinfo;
pub mod pins;
mod processes;
pub mod status;
pub mod unload;

/// The module's name, which the kernel writes with underscores where a file has dashes.
pub const NAME: &str = "famfs";

/// Why a command about the module failed, and what to try: one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub message: String,
    pub hints: Vec<String>,
    /// Whether a privilege or a kernel feature is missing, not something wrong.
    pub missing_feature: bool,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            missing_feature: false,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn missing(mut self) -> Self {
        self.missing_feature = true;
        self
    }
}
