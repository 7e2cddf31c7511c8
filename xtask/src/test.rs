//! `cargo xtask test`: everything that can fail, closing with the totals.

mod guest;
mod host;
mod tally;

use std::process::ExitCode;

use anyhow::Result;

use self::tally::Tally;
use crate::{ebpf, kmod, setup, setup::kernels::Line};

/// Run all tests: on this machine, then in guests on both kernels.
///
/// Set `FAMFS_GOLDEN` to a folder of upstream-written images to compare with those too. The last
/// line is `N passed, N failed, N skipped`; exit status 1 if any failed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                      all of it
  cargo xtask test --only host          what needs no guest
  cargo xtask test --only lab poison    guest tests whose name contains `poison`")]
pub(crate) struct Args {
    /// Only the tests of one place
    #[arg(long, value_enum)]
    only: Option<Place>,
    /// Guest tests whose name contains one of these
    filters: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    Host,
    Lab,
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    setup::ensure()?;
    ebpf::build()?;
    for line in Line::ALL {
        kmod::build_tree(line, 0)?;
    }
    let mut tally = Tally::default();
    if args.only != Some(Place::Lab) {
        host::run(&mut tally)?;
    }
    if args.only != Some(Place::Host) {
        guest::run(&args.filters, &mut tally)?;
    }
    tally.print();
    Ok(if tally.failed == 0 && tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
