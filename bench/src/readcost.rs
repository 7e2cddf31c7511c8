//! `famfs-bench read-cost`: what famfs-top itself uses, held against its limits.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::cli::ReadCost as Args;
use crate::judged;
use crate::reading::{Document, Rehearsal};

const SCHEMA: u32 = 2;

/// `bench/read-limits.toml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// Files that are busy at a time, at least.
    files: u64,
    /// Instructions for each of them in an interval.
    per_file: u64,
    /// Instructions from the start to the first numbers.
    start: u64,
    /// Percent of one core of the machine that this runs on.
    core_percent: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    kernels: Vec<Kernel>,
    native: Option<Native>,
    missed: usize,
    #[serde(skip)]
    limits: Limits,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Kernel {
    #[serde(flatten)]
    document: Document,
    missed: Vec<String>,
}

/// What was measured on this machine, without a kernel's help.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Native {
    files: u64,
    core_percent: f64,
    missed: Vec<String>,
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let limits = judged::limits(&args.limits, parse)?;
    let kernels = judged::each(&args.results, Document::read, |document| {
        Ok(judge(document.clone(), &limits))
    })?;
    let native = args.native.as_deref().map(Rehearsal::read).transpose()?;
    let native = native.map(|rehearsal| judge_native(&rehearsal, &limits));
    let all = kernels.iter().map(|kernel| &kernel.missed);
    let all = all.chain(native.iter().map(|native| &native.missed));
    let report = Report {
        schema: SCHEMA,
        missed: all.map(Vec::len).sum(),
        kernels,
        native,
        limits,
    };
    judged::end(&report, args.json)
}

impl judged::Report for Report {
    fn missed(&self) -> usize {
        self.missed
    }

    fn human(&self) -> String {
        human(self, &self.limits)
    }
}

fn parse(text: &str) -> Result<Limits> {
    let limits: Limits = toml::from_str(text)?;
    ensure!(
        limits.files > 0 && limits.per_file > 0 && limits.start > 0 && limits.core_percent > 0.0,
        "a limit of 0 is none"
    );
    Ok(limits)
}

fn judge(document: Document, limits: &Limits) -> Kernel {
    let mut missed = Vec::new();
    let rehearsal = &document.rehearsal;
    let mut hold = |met: bool, otherwise: String| {
        if !met {
            missed.push(otherwise);
        }
    };
    let (files, overflow) = (rehearsal.files, rehearsal.overflow);
    hold(
        files >= limits.files,
        format!("{files} files, not {}", limits.files),
    );
    hold(overflow == 0, format!("{overflow} counts found no room"));
    // With fewer there was no need of them, and their absence proves nothing.
    hold(rehearsal.early_drains > 0, "no drain came early".to_owned());
    let per_file = rehearsal.interval_ns.div_ceil(files.max(1));
    hold(
        per_file <= limits.per_file,
        format!(
            "{per_file} instructions a file, more than {}",
            limits.per_file
        ),
    );
    hold(
        document.start <= limits.start,
        format!(
            "{} instructions to start, more than {}",
            document.start, limits.start
        ),
    );
    Kernel { document, missed }
}

fn judge_native(rehearsal: &Rehearsal, limits: &Limits) -> Native {
    // An interval is a second.
    let core_percent = rehearsal.interval_ns as f64 / 1e7;
    let mut missed = Vec::new();
    if rehearsal.files < limits.files || core_percent > limits.core_percent {
        missed.push(format!(
            "{core_percent:.2} % of a core for {} files, more than {} % for {}",
            rehearsal.files, limits.core_percent, limits.files
        ));
    }
    Native {
        files: rehearsal.files,
        core_percent,
        missed,
    }
}

fn human(report: &Report, limits: &Limits) -> String {
    let mut text = String::new();
    for Kernel { document, missed } in &report.kernels {
        let rehearsal = &document.rehearsal;
        let steps = &rehearsal.steps_ns;
        let each = |insns: u64| insns / rehearsal.files.max(1);
        let _ = writeln!(text, "{}", document.kernel);
        let _ = writeln!(
            text,
            "start to first numbers   {:>12}  (limit {})",
            document.start, limits.start
        );
        let _ = writeln!(
            text,
            "a file and interval      {:>12}  (limit {})",
            rehearsal.interval_ns.div_ceil(rehearsal.files.max(1)),
            limits.per_file
        );
        for (name, insns) in [
            ("early drains", steps.early),
            ("drain and rows", steps.poll),
            ("the interval's table", steps.update),
            ("picture", steps.draw),
        ] {
            let _ = writeln!(text, "  {name:<22} {:>12}", each(insns));
        }
        let _ = writeln!(
            text,
            "{} files, {} entries an interval, {} drains came early, {} counts found no room",
            rehearsal.files,
            rehearsal.entries_per_interval,
            rehearsal.early_drains,
            rehearsal.overflow
        );
        for missed in missed {
            let _ = writeln!(text, "MISSED {missed}");
        }
        text.push('\n');
    }
    if let Some(native) = &report.native {
        let _ = writeln!(
            text,
            "on this machine, {} files: {:.2} % of a core  (limit {} %)",
            native.files, native.core_percent, limits.core_percent
        );
        for missed in &native.missed {
            let _ = writeln!(text, "MISSED {missed}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        files: 10_000,
        per_file: 9000,
        start: 1_000_000_000,
        core_percent: 2.0,
    };

    fn document(files: u64, overflow: u64, early: u64, interval: u64, start: u64) -> Document {
        serde_json::from_value(serde_json::json!({
            "schema": 2, "kernel": "6.12.95", "unit": "insn", "start": start,
            "rehearsal": { "files": files, "entries_per_interval": 12 * files, "intervals": 6,
                           "overflow": overflow, "early_drains": early, "interval_ns": interval,
                           "per_file_ns": 1.0,
                           "steps_ns": { "early": 1, "poll": 1, "update": 1, "draw": 1 } }
        }))
        .unwrap()
    }

    #[test]
    fn limits_are_met_and_each_is_missed_by_one() {
        let missed = |document| judge(document, &LIMITS).missed;
        let met = missed(document(10_000, 0, 1, 90_000_000, 1_000_000_000));
        assert_eq!(met, [] as [&str; 0]);
        let all = missed(document(9999, 1, 0, 90_000_000, 1_000_000_001));
        assert_eq!(
            all,
            [
                "9999 files, not 10000",
                "1 counts found no room",
                "no drain came early",
                "9001 instructions a file, more than 9000",
                "1000000001 instructions to start, more than 1000000000",
            ]
        );
    }

    #[test]
    fn a_second_of_processor_time_an_interval_is_a_whole_core() {
        let rehearsal = |ns, files| document(files, 0, 1, ns, 1).rehearsal;
        let native = judge_native(&rehearsal(20_000_000, 10_000), &LIMITS);
        assert_eq!((native.core_percent, native.missed.len()), (2.0, 0));
        for (ns, files) in [(20_000_001, 10_000), (20_000_000, 9_999)] {
            assert_eq!(judge_native(&rehearsal(ns, files), &LIMITS).missed.len(), 1);
        }
    }

    #[test]
    fn the_shipped_limits_are_those_promised() {
        let limits = parse(include_str!("../read-limits.toml")).unwrap();
        assert_eq!((limits.files, limits.start), (10_000, 1_000_000_000));
        assert!(limits.core_percent <= 2.0);
    }
}
