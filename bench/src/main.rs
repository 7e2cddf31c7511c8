//! famfs-bench: touches, poisons, measures and compares the faults of DAX files.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "famfs_cli::stream writes"
)]

mod cli;
#[cfg(test)]
mod contract;
mod cost;
mod fingerprint;
mod gate;
mod guard;
mod judged;
mod measure;
mod memcpy;
mod output;
mod poison;
mod probecost;
mod readcost;
mod reading;
mod result;
mod run;
mod runtime;
mod runtime_cost;
mod settle;
mod stats;
mod sys;
mod target;
mod touch;
mod watched;
mod workload;

use std::process::ExitCode;

/// What a command that could not do its work exits with; clap uses the same for usage errors.
const RUN_ERROR: u8 = 2;
/// A limit that was not met.
const MISSED: u8 = 1;

fn main() -> ExitCode {
    let cli = match famfs_cli::args::parse::<cli::Cli>(output::NAME, RUN_ERROR) {
        Ok(cli) => cli,
        // Help that could not be written is a run error here.
        Err(0) => return ExitCode::SUCCESS,
        Err(_) => return ExitCode::from(RUN_ERROR),
    };
    let done = match &cli.command {
        cli::Command::Touch(args) => touch::main(args),
        cli::Command::Poison(args) => poison::main(args),
        cli::Command::Run(args) => run::main(args),
        cli::Command::Gate(args) => gate::main(args),
        cli::Command::Cost(args) => cost::main(args),
        cli::Command::Memcpy(args) => memcpy::main(args),
        cli::Command::Runtime(args) => runtime::main(args),
        cli::Command::RuntimeCost(args) => runtime_cost::main(args),
        cli::Command::Watched(args) => watched::main(args),
        cli::Command::ProbeCost(args) => probecost::main(args),
        cli::Command::Reading(args) => reading::main(args),
        cli::Command::ReadCost(args) => readcost::main(args),
        cli::Command::Stamp => reading::stamp(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::from(RUN_ERROR)
        }
    }
}
