//! Holds `docs/reference/contracts` against the code that it is written from.

mod environment;
mod module;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Outcome, tree};
use crate::paths;

const REMEDY: &str = "if the change is meant, run `cargo xtask check --bless` and commit the files";

/// The tests that compare, or write: one of each program.
const REGISTERS: [&str; 3] = [
    "cli::famfs::contract::the_register_is_as_the_code_is",
    "cli::top::contract::the_register_is_as_the_code_is",
    "contract::the_register_is_as_the_code_is",
];

/// What the programs promise: a test of each compares, or writes.
pub(super) fn programs(bless: bool) -> Result<Outcome> {
    let mut command = Command::new("cargo");
    command
        .args(["test", "--locked", "--lib", "--bins"])
        .args(["-p", "famfs-userspace", "-p", "famfs-bench"])
        .args(["--", "contract::"])
        .current_dir(paths::workspace())
        .env("FAMFS_BLESS", if bless { "1" } else { "0" });
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "{}{}{REMEDY}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let left_out = not_run(&String::from_utf8_lossy(&output.stdout));
    if !left_out.is_empty() {
        bail!(
            "nothing was compared, because no such test ran: {}; put its new name into \
             xtask/src/check/contracts.rs",
            left_out.join(", ")
        );
    }
    Ok(Outcome::Passed(String::new()))
}

/// The tests of [`REGISTERS`] that did not run: a filter that matches nothing is no failure of
/// cargo's.
fn not_run(said: &str) -> Vec<&'static str> {
    let ran = |name: &&str| {
        said.lines()
            .any(|line| line == format!("test {name} ... ok"))
    };
    REGISTERS.into_iter().filter(|name| !ran(name)).collect()
}

/// What the environment may hold: every variable in the tree is in the table, and those that no
/// program of ours reads have a page of the register.
pub(super) fn environment(bless: bool) -> Result<Outcome> {
    let mut wrong = Vec::new();
    for file in tree::files()? {
        let bytes = fs::read(paths::workspace().join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        wrong.extend(environment::unregistered(
            &file,
            &String::from_utf8_lossy(&bytes),
        ));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    keep(
        "environment.md",
        &environment::page(),
        "famfs_cli::env is",
        bless,
    )
}

/// What the kernel module promises, read from its sources.
pub(super) fn module(bless: bool) -> Result<Outcome> {
    let source = |name: &str| {
        let path = paths::workspace().join("famfs-kmod").join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let page = module::page(&source("sysfs.c")?, &source("trace.h")?, &source("main.c")?)?;
    let sources = "famfs-kmod/sysfs.c, trace.h and main.c are";
    keep("module.md", &page, sources, bless)
}

/// Compares a page of the register, or writes it.
fn keep(name: &str, page: &str, sources: &str, bless: bool) -> Result<Outcome> {
    let path = paths::workspace()
        .join("docs/reference/contracts")
        .join(name);
    let present = fs::read_to_string(&path).unwrap_or_default();
    if present == page {
        return Ok(Outcome::Passed(String::new()));
    }
    if bless {
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(Outcome::Passed(format!("wrote {}", path.display())));
    }
    bail!("{} is not as {sources}; {REMEDY}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_that_was_not_compared_is_named() {
        let all = REGISTERS.map(|name| format!("test {name} ... ok"));
        assert!(not_run(&all.join("\n")).is_empty());
        // The one of famfs-bench is no part of the others.
        assert_eq!(not_run(&all[..2].join("\n")), [REGISTERS[2]]);
        assert_eq!(not_run("running 0 tests\n"), REGISTERS);
    }
}
