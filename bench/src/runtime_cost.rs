//! `famfs-bench runtime-cost`: does the famfs command cost what it may?
//!
//! Every comparison is within one boot: same kernel, same memory, same log.

mod limits;
pub(crate) mod report;
mod rules;
mod split;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use self::limits::Limits;
use self::report::Report;
use self::rules::{Kernel, Measured};
use self::split::Split;
use crate::cli::RuntimeCost;
use crate::judged;
use crate::runtime::outcome::Outcome;
use crate::workload::clock::Unit;

pub(crate) fn main(args: &RuntimeCost) -> Result<ExitCode> {
    let limits = Limits::read(&args.limits)?;
    let folder = |folder: &Path| Ok(folder.to_owned());
    let kernels = judged::each(&args.results, folder, |folder| judge(folder, limits))?;
    judged::end(&Report::new(kernels), args.json)
}

fn judge(folder: &Path, limits: Limits) -> Result<Kernel> {
    let insn = Outcome::read(&folder.join("insn.json"))?;
    ensure!(
        insn.unit == Unit::Insn,
        "insn.json counts no instructions: measure in the deterministic lab"
    );
    let times = folder.join("time.json");
    let time = if times.exists() {
        let time = Outcome::read(&times)?;
        ensure!(
            time.unit != Unit::Insn,
            "time.json has no times: measure in an ordinary guest"
        );
        Some(time)
    } else {
        None
    };
    let split = Split::read(&folder.join("split.txt"))?;
    rules::judge(
        &Measured {
            insn: &insn,
            split: &split,
            time: time.as_ref(),
        },
        limits,
    )
}
