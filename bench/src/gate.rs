//! `famfs-bench gate`: did a fault become more expensive?

pub(crate) mod baseline;
pub(crate) mod report;
mod rules;
mod thresholds;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use self::baseline::Baseline;
use self::report::{Report, Verdict};
use self::rules::{Comparison, Refusal, Side, State};
use self::thresholds::Thresholds;
use crate::cli::Gate;
use crate::result::Outcome;
use crate::{fingerprint, output};

pub(crate) fn main(args: &Gate) -> Result<ExitCode> {
    let thresholds = Thresholds::read(&args.thresholds)?;
    let report = match judge(args, thresholds) {
        Ok(report) => report,
        Err(Stop::Refused(refusal)) => Report::refused(&refusal),
        Err(Stop::Error(error)) => return Err(error),
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&report.human())?;
    }
    Ok(ExitCode::from(report.verdict.exit()))
}

enum Stop {
    Refused(Refusal),
    Error(anyhow::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Error(error)
    }
}

fn judge(args: &Gate, thresholds: Thresholds) -> Result<Report, Stop> {
    all_different(args.new.iter().chain(&args.base))?;
    let new = side(&args.new, thresholds.boots)?;
    let base = if args.base.is_empty() {
        baseline::find(&args.baselines, &new)?
    } else {
        Some((
            side(&args.base, thresholds.boots)?,
            "base results".to_owned(),
        ))
    };
    let id = fingerprint::id(&new.fingerprint);
    let (rows, against) = match &base {
        Some((base, from)) => (rules::compare(base, &new, thresholds.growth)?, from.clone()),
        None if args.accept => (Vec::new(), "nothing".to_owned()),
        None => return Err(no_baseline(args, &new)?.into()),
    };
    let mut report = Report::new(id, against, rows, args.strict);
    if args.accept {
        let path = accept(args, &new)?;
        report.accept(path.display().to_string());
    }
    Ok(report)
}

/// A file is one boot's result: given twice, under whatever name, it would agree with itself.
fn all_different<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<(), Stop> {
    let mut seen: BTreeMap<(u64, u64), &PathBuf> = BTreeMap::new();
    let mut twice = Vec::new();
    for path in paths {
        let file = std::fs::metadata(path)
            .with_context(|| format!("cannot read the result {}", path.display()))?;
        if let Some(first) = seen.insert((file.dev(), file.ino()), path) {
            twice.push(if first == path {
                format!(
                    "{} is given twice; each boot has a result of its own",
                    path.display()
                )
            } else {
                format!(
                    "{} and {} are one file; each boot has a result of its own",
                    first.display(),
                    path.display()
                )
            });
        }
    }
    if twice.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Unmeasured(twice).into())
    }
}

fn side(paths: &[PathBuf], boots: usize) -> Result<Side, Stop> {
    let results = paths
        .iter()
        .map(|path| Outcome::read(path))
        .collect::<Result<Vec<_>>>()?;
    Ok(rules::side(&results, boots)?)
}

fn no_baseline(args: &Gate, new: &Side) -> Result<Refusal> {
    let mut reasons = vec![format!(
        "{} has no baseline of fingerprint {}, and no base results were given",
        args.baselines.display(),
        fingerprint::id(&new.fingerprint)
    )];
    reasons.extend(baseline::nearest(&args.baselines, new)?);
    Ok(Refusal::NotComparable(reasons))
}

fn accept(args: &Gate, new: &Side) -> Result<PathBuf, Stop> {
    rules::acceptable(new)?;
    let path = args.baselines.join(baseline::file_name(new));
    std::fs::create_dir_all(&args.baselines)
        .with_context(|| format!("cannot make {}", args.baselines.display()))?;
    std::fs::write(&path, output::to_json(&Baseline::of(new))?)
        .with_context(|| format!("cannot write the baseline {}", path.display()))?;
    Ok(path)
}

/// The worst of all rows; a strict gate lets none pass that is not equal.
fn verdict(rows: &[Comparison], strict: bool) -> Verdict {
    if rows.iter().any(|row| row.state.fails()) {
        Verdict::Regression
    } else if strict && rows.iter().any(|row| row.state != State::Equal) {
        Verdict::Changed
    } else {
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests;
