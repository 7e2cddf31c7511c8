//! Checks that cargo and its tools make.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Outcome;
use crate::setup::{cargodeny, rustsrc};
use crate::{ebpf, paths, process};

const EBPF_MANIFEST: &str = "famfs-ebpf/Cargo.toml";

pub(super) fn format() -> Result<Outcome> {
    run(
        cargo().args(["fmt", "--all", "--check"]),
        "run `cargo fmt --all`",
    )
}

pub(super) fn format_ebpf() -> Result<Outcome> {
    if_ebpf(|| {
        let mut command = cargo();
        command.args(["fmt", "--manifest-path", EBPF_MANIFEST, "--check"]);
        run(
            &mut command,
            "run `cargo fmt --manifest-path famfs-ebpf/Cargo.toml`",
        )
    })
}

pub(super) fn clippy() -> Result<Outcome> {
    let mut command = cargo();
    // One crate's lints must not hide the next one's.
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--locked",
    ]);
    command.args(["--keep-going", "--", "-D", "warnings"]);
    run(&mut command, "mend the lints above")
}

pub(super) fn clippy_ebpf() -> Result<Outcome> {
    if_ebpf(|| {
        let mut command = ebpf::cargo("clippy")?;
        command.args(["--release", "--locked", "--", "-D", "warnings"]);
        run(&mut command, "mend the lints above")
    })
}

pub(super) fn documentation() -> Result<Outcome> {
    let mut command = cargo();
    command
        .args(["doc", "--workspace", "--no-deps", "--quiet", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run(&mut command, "mend the documentation above")
}

pub(super) fn doctests() -> Result<Outcome> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--doc", "--quiet", "--locked"]);
    run(&mut command, "mend the examples above")
}

/// Checks the crates that do not depend on Linux on x86 for another processor. Its standard library is
/// built from the sources that the BPF programs need anyway, because it cannot be fetched everywhere.
pub(super) fn portable() -> Result<Outcome> {
    let mut command = cargo();
    command
        .args([
            "check",
            "--quiet",
            "--locked",
            "-Z",
            "build-std=std,panic_abort",
        ])
        .args(["--target", "aarch64-unknown-linux-gnu"])
        .args(["-p", "famfs-media", "-p", "famfs-snapshot"])
        .arg("--target-dir")
        .arg(paths::target("portable"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", rustsrc::library()?);
    run(
        &mut command,
        "mend what is above, so that the crates build elsewhere",
    )
}

pub(super) fn deny() -> Result<Outcome> {
    cargo_deny("Cargo.toml", &["bans", "licenses", "sources"])
}

pub(super) fn deny_ebpf() -> Result<Outcome> {
    if_ebpf(|| cargo_deny(EBPF_MANIFEST, &["bans", "licenses", "sources"]))
}

/// The advisory database is a git repository on the network: without it, a skip.
pub(super) fn advisories() -> Result<Outcome> {
    let program = match cargodeny::program() {
        Ok(program) => program,
        Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
    };
    let mut fetch = Command::new("timeout");
    fetch
        .arg("60")
        .arg(program)
        .args(["fetch", "db"])
        .current_dir(paths::workspace());
    if let Err(error) = process::stdout(&mut fetch) {
        let text = format!("{error:#}");
        let last = text.lines().last().unwrap_or_default().trim();
        return Ok(Outcome::Skipped(format!(
            "the advisory database is out of reach: {last}"
        )));
    }
    cargo_deny("Cargo.toml", &["advisories"])
}

fn cargo_deny(manifest: &str, checks: &[&str]) -> Result<Outcome> {
    let program = match cargodeny::program() {
        Ok(program) => program,
        Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
    };
    let mut command = Command::new(program);
    command
        .args([
            "--log-level",
            "error",
            "--locked",
            "--manifest-path",
            manifest,
            "--config",
        ])
        // A relative path would be looked for beside the manifest.
        .arg(paths::workspace().join("deny.toml"))
        .args(["check", "--hide-inclusion-graph"])
        .args(checks);
    run(
        command.current_dir(paths::workspace()),
        "see deny.toml for what is allowed, and why",
    )
}

fn if_ebpf(check: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
    if !paths::workspace().join(EBPF_MANIFEST).is_file() {
        bail!("{EBPF_MANIFEST} is missing");
    }
    check()
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths::workspace());
    command
}

/// Runs a tool on the user's own terminal: its findings are the message.
fn run(command: &mut Command, remedy: &str) -> Result<Outcome> {
    let line = process::describe(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start {line}"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}; {remedy}");
    }
    Ok(Outcome::Passed(String::new()))
}
