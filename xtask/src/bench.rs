//! `cargo xtask bench`: what a fault costs beside other file systems, what the famfs command
//! costs, and where it goes.
//!
//! famfs-bench measures in the guest and judges on this machine; what is here builds the module,
//! boots deterministic guests, and reads what the profiler saw.

mod hot;
mod plugin;
mod probecost;
mod profile;
mod readcost;
mod runtime;
mod symbols;
mod table;

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::Subcommand;

use crate::guest::{Guest, Mode, Request};
use crate::setup::kernels::{self, Asked};
use crate::{kmod, paths};

const RUN_ERROR: u8 = 2;
const RESULT: &str = "result.json";
/// The number of touches that the gate takes, which is enough for an exact p50.
const PTE_TOUCHES: &str = "4096";

/// Measure the instructions of faults, beside other file systems', and of the famfs command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench fault-cost                       both kernels, against bench/limits.toml
  cargo xtask bench fault-cost --kernel 7.3 --json
  cargo xtask bench probe-cost                       what watching adds, and by whom
  cargo xtask bench read-cost                        what famfs-top itself uses
  cargo xtask bench profile                          functions of a fault, every row
  cargo xtask bench profile --kernel 6.12 --row pmd/write/steady --top 20
  cargo xtask bench runtime                          both kernels, against bench/runtime-limits.toml
  cargo xtask bench runtime --kernel 6.12 --top 10   and where the instructions go")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Bench,
}

#[derive(Clone, Debug, Subcommand)]
enum Bench {
    FaultCost(FaultCost),
    ProbeCost(probecost::Args),
    ReadCost(readcost::Args),
    Profile(profile::Args),
    Runtime(runtime::Args),
}

/// Hold famfs's faults against the cheaper of ext4-dax and xfs-dax of the same boot
///
/// Exit status: 0 every limit met, 1 one was missed, 2 usage or run error.
#[derive(Clone, Debug, clap::Args)]
struct FaultCost {
    #[command(flatten)]
    held: Held,
}

/// How results are held against limits.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Held {
    /// Measure on this kernel only
    #[arg(long)]
    kernel: Option<Asked>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> ExitCode {
    let done = match &args.command {
        Bench::FaultCost(args) => fault_cost(args),
        Bench::ProbeCost(args) => probecost::main(args),
        Bench::ReadCost(args) => readcost::main(args),
        Bench::Profile(args) => profile::main(args).map(|()| 0),
        Bench::Runtime(args) => runtime::main(args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(RUN_ERROR)
        }
    }
}

fn fault_cost(args: &FaultCost) -> Result<u8> {
    // One guest per kernel, side by side: their instructions are counted, not timed.
    let guests = kernels::to_run_on(args.held.kernel)?
        .into_iter()
        .map(|line| {
            let module = kmod::build_tree(line, 0)?;
            Guest::boot(&Request {
                line,
                // The one memory that all four targets can be made on.
                memory: Some("pmem"),
                mode: Mode::Deterministic,
                sparse: None,
                module: &module.ko,
                share: format!("bench/cost-{line}"),
                files: &[],
                timeout_s: 900,
                plugin: None,
                tracers: false,
                environment: Vec::new(),
                command: &[
                    "famfs-bench",
                    "run",
                    "--pte-touches",
                    PTE_TOUCHES,
                    "--out",
                    "/share/result.json",
                ],
            })
        })
        .collect::<Result<Vec<_>>>()?;
    judge("cost", guests, args.held.json)
}

/// Waits for the guests, and lets famfs-bench judge their results by its command `by`.
fn judge(by: &str, guests: Vec<Guest>, json: bool) -> Result<u8> {
    let mut args = vec![OsString::from(by)];
    args.extend(results(guests)?);
    famfs_bench(args, json)
}

/// Waits for the guests, and names their results as famfs-bench wants them.
fn results(guests: Vec<Guest>) -> Result<Vec<OsString>> {
    // All are waited for before the first failure ends this process and with it its guests.
    let results: Vec<Result<_>> = guests
        .into_iter()
        .map(|guest| Ok(guest.finish(RESULT)?.join(RESULT)))
        .collect();
    let mut args = Vec::new();
    for result in results {
        args.extend(["--result".into(), result?.into()]);
    }
    Ok(args)
}

/// Lets famfs-bench judge on this machine; what it says is the command's own output.
fn famfs_bench(args: Vec<OsString>, json: bool) -> Result<u8> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(paths::workspace())
        .args(["run", "--quiet", "--locked", "--package", "famfs-bench"])
        .arg("--")
        .args(args)
        .stdin(Stdio::null());
    if json {
        command.arg("--json");
    }
    let status = command.status().context("cannot run cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.with_context(|| format!("famfs-bench was ended: {status}"))
}
