//! `famfs-bench cost`: is a fault on famfs cheaper than on the file systems it stands beside?
//!
//! Every comparison is within one run: same kernel, same boot, same memory.

mod limits;
mod report;
mod rules;

use std::process::ExitCode;

use anyhow::{Result, ensure};

use self::limits::Limits;
use self::report::Report;
use crate::cli::Cost;
use crate::result::Outcome;
use crate::workload::clock::Unit;
use crate::{MISSED, output};

pub(crate) fn main(args: &Cost) -> Result<ExitCode> {
    let limits = Limits::read(&args.limits)?;
    let kernels = args
        .results
        .iter()
        .map(|path| {
            let outcome = Outcome::read(path)?;
            ensure!(
                outcome.unit == Unit::Insn,
                "{} counts no instructions: measure in the deterministic lab",
                path.display()
            );
            rules::judge(&outcome, &limits)
                .map_err(|error| error.context(format!("cannot judge {}", path.display())))
        })
        .collect::<Result<Vec<_>>>()?;
    let report = Report::new(kernels);
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&report.human())?;
    }
    Ok(if report.missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(MISSED)
    })
}
