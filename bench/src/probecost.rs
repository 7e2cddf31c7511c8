//! `famfs-bench probe-cost`: what a fault costs more while it is watched, and by whom.

mod limits;
mod report;
mod rules;

use std::process::ExitCode;

use anyhow::Result;

use self::limits::Limits;
use self::report::Report;
use crate::cli::ProbeCost;
use crate::watched::Document;
use crate::{MISSED, output};

pub(crate) fn main(args: &ProbeCost) -> Result<ExitCode> {
    let limits = Limits::read(&args.limits)?;
    let kernels = args
        .results
        .iter()
        .map(|path| {
            rules::judge(&Document::read(path)?, &limits)
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
