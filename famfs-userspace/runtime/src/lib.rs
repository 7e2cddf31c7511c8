//! The famfs runtime: devices, and what the commands do to a mounted file system.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "famfs_cli::stream writes"
)]

pub mod device;
pub mod ops;
pub mod player;
