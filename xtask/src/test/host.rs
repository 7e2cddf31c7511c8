//! Tests that need nothing but a Rust toolchain.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{show, tally::Tally};
use crate::paths;

/// Runs `cargo test`; skips that the tests print are counted, so their output is shown.
pub(crate) fn run(tally: &mut Tally) -> Result<()> {
    let mut child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(paths::workspace())
        .args([
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--",
            "--show-output",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo test")?;
    let before = *tally;
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line.context("cannot read cargo test's output")?;
        tally.read(&line);
        show(&line);
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    // A crate that does not compile prints no result line.
    if !status.success() && tally.failed == before.failed {
        tally.failed += 1;
        show(&format!("FAIL cargo test: {status}"));
    }
    Ok(())
}
