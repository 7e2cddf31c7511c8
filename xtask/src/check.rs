//! `cargo xtask check`: everything that can be said about the tree without running it.

mod cargo;
mod commits;
mod contracts;
mod crates;
mod map;
mod module;
mod rules;
mod style;
mod tree;
mod words;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::setup;

/// Options of `cargo xtask check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask check          format, clippy, licences, sources, the module's warnings, tree rules
  cargo xtask check --only clippy     the checks whose name contains this word
  cargo xtask check --bless           write docs/reference/contracts again from the code")]
pub(crate) struct Args {
    /// Run only the checks whose name contains this
    #[arg(long, value_name = "WORD", default_value = "")]
    only: String,

    /// Write the register of contracts again from the code, and check nothing else
    #[arg(long, conflicts_with = "only")]
    bless: bool,
}

/// What a check found, when it found no fault.
enum Outcome {
    Passed(String),
    /// It could not run here, and why.
    Skipped(String),
}

/// A check is told whether it was asked for by name: then it may fetch what it needs.
type Check = (&'static str, fn(bool) -> Result<Outcome>);

const CHECKS: &[Check] = &[
    ("tree", |_| tree::check()),
    ("commits", |_| commits::check()),
    ("map", |_| map::check()),
    ("arrows between crates", |_| crates::check()),
    ("contracts of the environment", |_| {
        contracts::environment(false)
    }),
    ("contracts of the module", |_| contracts::module(false)),
    ("contracts of the programs", |_| contracts::programs(false)),
    ("format", |_| cargo::format()),
    ("format of famfs-ebpf", |_| cargo::format_ebpf()),
    ("clippy", |_| cargo::clippy()),
    ("clippy of famfs-ebpf", |_| cargo::clippy_ebpf()),
    ("documentation", |_| cargo::documentation()),
    ("examples in the documentation", |_| cargo::doctests()),
    ("portable crates on aarch64", |_| cargo::portable()),
    ("dependencies", |_| cargo::deny()),
    ("dependencies of famfs-ebpf", |_| cargo::deny_ebpf()),
    ("advisories", |_| cargo::advisories()),
    ("module warnings on lts", |_| module::warnings_lts()),
    ("module warnings on current", |_| module::warnings_current()),
    ("module style", style::checkpatch),
    ("module sparse", style::sparse),
];

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.bless {
        contracts::environment(true)?;
        contracts::module(true)?;
        contracts::programs(true)?;
        return Ok(());
    }
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
        let outcome = check(!args.only.is_empty());
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
