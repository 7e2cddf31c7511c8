//! `cargo xtask test`: everything that can fail, closing with the totals.

mod crash;
mod guest;
mod host;
mod hosts;
mod look;
mod stage;
mod stream;
mod tally;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;

use self::tally::Tally;
use crate::{ebpf, kmod, setup, setup::kernels};

/// Run all tests: on this machine, then in guests on both kernels.
///
/// Set `FAMFS_GOLDEN` to a folder of upstream-written images to compare with those too. The last
/// line is `N passed, N failed, N skipped`; exit status 1 if any failed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                      all of it
  cargo xtask test --only host          what needs no guest
  cargo xtask test --only lab poison    guest tests whose name contains `poison`
  cargo xtask test --only hosts         two guests that share one memory
  cargo xtask test --only hosts killed  those whose name or hosts contain `killed`
  cargo xtask test --only crash         500 crashes of a guest, each judged by another")]
pub(crate) struct Args {
    /// Only the tests of one place
    #[arg(long, value_enum)]
    only: Option<Place>,
    /// Crashes to try [default: 500 with --only crash, else 24]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    points: Option<u32>,
    /// What the crashes follow from, but for the instants, which the machine's speed decides too
    #[arg(long, value_name = "N", default_value_t = crash::SEED)]
    seed: u64,
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
    setup::ensure()?;
    ebpf::build()?;
    let mut tally = Tally::default();
    let kernels = kernels::survey()?;
    for kernel in &kernels.present {
        show(&kernel.to_string());
        kmod::build_tree(kernel.line, 0)?;
    }
    for gap in &kernels.gaps {
        report(&mut tally, &gap.to_string());
    }
    let wanted = |place| args.only.is_none_or(|only| only == place);
    if wanted(Place::Host) {
        host::run(&mut tally)?;
    }
    if wanted(Place::Lab) {
        guest::run(&args.filters, &kernels, &mut tally)?;
    }
    if wanted(Place::Hosts) {
        hosts::run(&args.filters, &mut tally)?;
    }
    if wanted(Place::Crash) && (args.filters.is_empty() || args.only == Some(Place::Crash)) {
        let usual = if args.only == Some(Place::Crash) {
            crash::MANY
        } else {
            crash::FEW
        };
        crash::run(
            args.points.unwrap_or(usual),
            args.seed,
            &args.filters,
            &mut tally,
        )?;
    }
    tally.print();
    Ok(if tally.failed == 0 && tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Counts a line and shows it.
fn report(tally: &mut Tally, line: &str) {
    tally.read(line);
    show(line);
}

/// A reader that goes away does not stop the tests: the exit status still says how they went.
fn show(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
