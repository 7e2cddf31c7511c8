//! `lab-fuzz` throws random and mutated calls, mounts and races at the module, inside the lab
//! guest; `cargo xtask fuzz` boots one for it.
//!
//! It prints `PASS` or `FAIL` for each phase and for what is left at the end. The seed decides
//! every operation of every thread; how the threads meet is up to the machine.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a test program reports on its streams, and fails by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it uses nothing of ours, not even famfs_cli::env; what it reads is in the register"
)]

mod abi;
mod arena;
mod leak;
mod message;
mod oracle;
mod phase;
mod prng;
mod program;
mod run;
mod sigbus;
mod sys;
mod target;
mod totals;
mod watchdog;
mod window;

use std::{io::Write, process::ExitCode};

use clap::Parser;

/// Writes a line at once: what hangs a moment later must not hide it.
pub(crate) fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

fn main() -> ExitCode {
    let args = program::Args::parse();
    match program::run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("FAIL fuzz::set_up: {error:#}"));
            eprintln!("lab-fuzz: {error:#}");
            ExitCode::FAILURE
        }
    }
}
