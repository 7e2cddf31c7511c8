//! `cargo xtask test`: everything that can fail, closing with the totals.

mod again;
mod boot;
mod choice;
mod crash;
mod host;
mod hosts;
mod ledger;
mod look;
mod pool;
mod promises;
mod scope;
mod stage;
mod stream;
mod suites;
mod tally;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use anyhow::Result;

use self::choice::{Seed, parse_seed};
use self::ledger::Ledger;
use crate::lab::{host::BOOTED_AGAIN, image};
use crate::{ebpf, kmod, paths, process, setup, setup::kernels};

/// Run the tests: on this machine, in guests on both kernels, and in pairs of guests.
///
/// Without options each test runs once, on a kind of guest that follows from the commit, so that
/// every kind gets every test with some commit; the run says what it left out. With --all, or with
/// a filter, each test runs on every kind of guest that can run it.
///
/// Set `FAMFS_GOLDEN` to a folder of upstream-written images to compare with those too. What ran
/// is kept in target/test/ran, what was left out in target/test/left-out. The last line is
/// `N passed, N failed, N skipped`; exit status 1 if any failed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                      each test once
  cargo xtask test --all                each test on every kind of guest, as CI does
  cargo xtask test --seed 0x2a          the choice of another commit
  cargo xtask test --only host          what needs no guest
  cargo xtask test --only lab poison    guest tests whose name contains `poison`, on every kind
  cargo xtask test --only hosts         two guests that share one memory
  cargo xtask test --only hosts killed  those whose name or hosts contain `killed`
  cargo xtask test --only crash         500 crashes of a guest, each judged by another")]
pub(crate) struct Args {
    /// Run each test on every kind of guest that can run it
    #[arg(long)]
    all: bool,
    /// Only the tests of one place
    #[arg(long, value_enum)]
    only: Option<Place>,
    /// Crashes to try [default: 500 with --only crash, 24 with --all, else 12]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    points: Option<u32>,
    /// What the choice of guests, the fuzzer and the crashes follow from, but for the instants of
    /// the crashes, which the machine's speed decides too [default: from the commit]
    #[arg(long, value_name = "N", value_parser = parse_seed)]
    seed: Option<u64>,
    /// Guests and test programs at a time [default: one more than there are CPUs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
    /// Guest tests whose name, or whose guest's, contains one of these
    filters: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// This machine
    Host,
    /// Guests, one at a time
    Lab,
    /// Two guests that share one memory
    Hosts,
    /// A guest that is stopped at any instant, and another that looks at what it left
    Crash,
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let start = Instant::now();
    // What one run builds and keeps is the other's too.
    let _lock = process::lock(&paths::target("test/lock"), "test")?;
    setup::ensure()?;
    ebpf::build()?;
    let ledger = Ledger::new(io::stdout());
    let kernels = kernels::survey()?;
    for gap in &kernels.gaps {
        ledger.verdict(&gap.to_string());
    }
    if args.only != Some(Place::Host) {
        for kernel in &kernels.present {
            ledger.show(&kernel.to_string());
            kmod::build_tree(kernel.line, 0)?;
        }
        // Everything is built once, before guests run side by side.
        image::build_binaries()?;
    }
    let seed = args.seed.map_or_else(Seed::of_commit, Seed);
    let scope = scope::of(args, &kernels, seed)?;
    ledger.show(&format!("test: {}, seed {:#018x}", scope.name, seed.0));
    for skip in &scope.skipped {
        ledger.verdict(skip);
    }
    pool::run(scope.jobs, workers(args), &ledger);
    let kept = paths::target("test/ran");
    let written = ledger
        .keep(&kept)
        .and_then(|()| scope::keep(&scope.left_out));
    if let Err(error) = written {
        ledger.verdict(&format!("FAIL test: what ran cannot be kept: {error:#}"));
    }
    for line in scope::summary(&scope.left_out) {
        ledger.show(&line);
    }
    let failures = ledger.failures();
    if !failures.is_empty() {
        ledger.show("failed:");
        for line in failures {
            ledger.show(&format!("  {}", line.lines().next().unwrap_or_default()));
        }
    }
    let again = ledger.boots_again() + BOOTED_AGAIN.load(Ordering::Relaxed) as usize;
    ledger.show(&format!(
        "test: {again} guests lost to the emulator and booted again, {:.0} s, what ran is in {}",
        start.elapsed().as_secs_f64(),
        kept.strip_prefix(paths::workspace())
            .unwrap_or(&kept)
            .display()
    ));
    let tally = ledger.tally();
    ledger.show(&tally.to_string());
    Ok(if tally.failed == 0 && tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn workers(args: &Args) -> usize {
    // One more than there are CPUs, because a fifth of the time a job waits for something.
    let usual = || thread::available_parallelism().map_or(2, usize::from) + 1;
    args.jobs.map_or_else(usual, usize::from)
}
