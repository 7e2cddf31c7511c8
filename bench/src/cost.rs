//! `famfs-bench cost`: is a fault on famfs cheaper than on the file systems it stands beside?
//!
//! Every comparison is within one run: same kernel, same boot, same memory.

mod limits;
pub(crate) mod report;
mod rules;

use std::process::ExitCode;

use anyhow::{Result, ensure};

use self::limits::Limits;
use self::report::Report;
use crate::cli::Cost;
use crate::judged;
use crate::result::Outcome;
use crate::workload::clock::Unit;

pub(crate) fn main(args: &Cost) -> Result<ExitCode> {
    let limits = Limits::read(&args.limits)?;
    let kernels = judged::each(&args.results, Outcome::read, |outcome| {
        ensure!(
            outcome.unit == Unit::Insn,
            "it counts no instructions: measure in the deterministic lab"
        );
        rules::judge(outcome, &limits)
    })?;
    judged::end(&Report::new(kernels), args.json)
}
