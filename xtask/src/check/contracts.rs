//! Holds `docs/reference/contracts` against the code that it is written from.

mod module;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Outcome;
use crate::paths;

const REMEDY: &str = "if the change is meant, run `cargo xtask check --bless` and commit the files";

/// What the programs promise: a test of each compares, or writes.
pub(super) fn programs(bless: bool) -> Result<Outcome> {
    let mut command = Command::new("cargo");
    command
        .args(["test", "--quiet", "--locked", "--lib", "--bins"])
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
    Ok(Outcome::Passed(String::new()))
}

/// What the kernel module promises, read from its sources.
pub(super) fn module(bless: bool) -> Result<Outcome> {
    let source = |name: &str| {
        let path = paths::workspace().join("famfs-kmod").join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let page = module::page(&source("sysfs.c")?, &source("trace.h")?, &source("main.c")?)?;
    let path = page_path();
    let present = fs::read_to_string(&path).unwrap_or_default();
    if present == page {
        return Ok(Outcome::Passed(String::new()));
    }
    if bless {
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(Outcome::Passed(format!("wrote {}", path.display())));
    }
    bail!(
        "{} is not as famfs-kmod/sysfs.c, trace.h and main.c are; {REMEDY}",
        path.display()
    )
}

fn page_path() -> PathBuf {
    paths::workspace().join("docs/reference/contracts/module.md")
}
