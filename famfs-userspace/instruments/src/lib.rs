//! The instruments: eBPF programs that count faults, and what shows their counts.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "famfs_cli::stream writes"
)]

pub mod doctor;
pub mod live;
mod probe;
pub mod serve;
pub mod tui;
