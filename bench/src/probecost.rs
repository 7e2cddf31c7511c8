//! `famfs-bench probe-cost`: what a fault costs more while it is watched, and by whom.

mod limits;
pub(crate) mod report;
mod rules;

use std::process::ExitCode;

use anyhow::Result;

use self::limits::Limits;
use self::report::Report;
use crate::cli::ProbeCost;
use crate::judged;
use crate::watched::Document;

pub(crate) fn main(args: &ProbeCost) -> Result<ExitCode> {
    let limits = Limits::read(&args.limits)?;
    let kernels = judged::each(&args.results, Document::read, |document| {
        rules::judge(document, &limits)
    })?;
    judged::end(&Report::new(kernels), args.json)
}
