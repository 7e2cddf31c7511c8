//! The command lines of `famfs` and `famfs-top`.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "famfs_cli::stream writes"
)]

pub mod cli;
pub mod dump;
