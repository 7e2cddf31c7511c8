//! `cargo xtask check`: everything that can be said about the tree without running it.

mod cargo;
mod module;
mod rules;
mod tree;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::setup;

/// Options of `cargo xtask check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask check          format, clippy, licences, sources, the module's warnings, tree rules
  cargo xtask check --only clippy     the checks whose name contains this word")]
pub(crate) struct Args {
    /// Run only the checks whose name contains this
    #[arg(long, value_name = "WORD", default_value = "")]
    only: String,
}

/// What a check found, when it found no fault.
enum Outcome {
    Passed(String),
    /// It could not run here, and why.
    Skipped(String),
}

type Check = (&'static str, fn() -> Result<Outcome>);

const CHECKS: &[Check] = &[
    ("tree", tree::check),
    ("format", cargo::format),
    ("format of famfs-ebpf", cargo::format_ebpf),
    ("clippy", cargo::clippy),
    ("clippy of famfs-ebpf", cargo::clippy_ebpf),
    ("dependencies", cargo::deny),
    ("dependencies of famfs-ebpf", cargo::deny_ebpf),
    ("advisories", cargo::advisories),
    ("module warnings on 6.12", module::warnings_6_12),
    ("module warnings on 7.3", module::warnings_7_3),
    ("module style", module::style),
];

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    let chosen: Vec<&Check> = CHECKS
        .iter()
        .filter(|(name, _)| name.contains(&args.only))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        bail!(
            "no check is named like '{}'; there are: {}",
            args.only,
            names.join(", ")
        );
    }
    setup::ensure()?;
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), Vec::new());
    for (name, check) in chosen {
        let start = Instant::now();
        let outcome = check();
        let elapsed = start.elapsed().as_secs_f64();
        match outcome {
            Ok(Outcome::Passed(detail)) => {
                passed += 1;
                let detail = if detail.is_empty() {
                    detail
                } else {
                    format!(": {detail}")
                };
                eprintln!("ok      {name}{detail} ({elapsed:.1} s)");
            }
            Ok(Outcome::Skipped(reason)) => {
                eprintln!("skipped {name}: {reason}");
                skipped.push(*name);
            }
            Err(error) => {
                eprintln!("FAILED  {name}: {error:#}");
                failed.push(*name);
            }
        }
    }
    let mut closing = format!(
        "check: {passed} passed, {} failed, {} skipped",
        failed.len(),
        skipped.len()
    );
    if !skipped.is_empty() {
        closing = format!("{closing} ({})", skipped.join(", "));
    }
    if failed.is_empty() {
        eprintln!("{closing}");
        Ok(())
    } else {
        bail!("{closing}; failed: {}", failed.join(", "))
    }
}
