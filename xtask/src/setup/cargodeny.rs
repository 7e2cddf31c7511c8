//! cargo-deny, for `cargo xtask check` alone: the one on PATH, else one compiled once.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::apt::remove_dir;
use super::context::{Context, say};
use crate::paths;
use crate::process::Log;

const VERSION: &str = "0.20.2";

fn compiled() -> PathBuf {
    paths::setup("cargo-deny/bin/cargo-deny")
}

/// The program; compiled now when it is nowhere.
pub(crate) fn program() -> Result<PathBuf> {
    if let Some(found) = paths::find_program("cargo-deny") {
        return Ok(found);
    }
    super::run(&[PART], &super::context::Args::default()).context("no cargo-deny")?;
    Ok(compiled())
}

const PART: super::Part = super::Part {
    name: "cargo-deny",
    key: || Ok(key()),
    present,
    make,
    upgrades: false,
};

fn key() -> String {
    format!("cargo-deny {VERSION}\n")
}

fn present() -> bool {
    compiled().is_file()
}

fn make(_context: &Context<'_>, log: &Log) -> Result<()> {
    say(&format!(
        "compiling cargo-deny {VERSION}; some minutes, once"
    ));
    let build = paths::setup("cargo-deny.build");
    log.run(
        Command::new("cargo")
            .args([
                "install",
                "cargo-deny",
                "--version",
                VERSION,
                "--locked",
                "--force",
                "--root",
            ])
            .arg(paths::setup("cargo-deny"))
            .arg("--target-dir")
            .arg(&build)
            // It runs for seconds; what counts is how long it compiles.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .current_dir(paths::workspace()),
    )?;
    remove_dir(&build)
}
