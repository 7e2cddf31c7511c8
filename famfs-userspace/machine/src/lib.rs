//! What a Linux host is and has: its identity, its mounts, the famfs module and the kernel's calls.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "famfs_cli::stream writes"
)]

pub mod host;
pub mod kernel;
pub mod module;
pub mod mounts;
pub mod privilege;
