//! `cargo xtask demo`: famfs-top on the user's own terminal, watching a guest at work; or, where
//! the output is no terminal, what it shows on each kernel before and after a poisoned page.

use std::{
    io::{self, IsTerminal, Write},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{
    process,
    setup::kernels::{self, Asked, Line},
};

/// Watch famfs at work in a guest: a fresh clone to famfs-top in one command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask demo                 famfs-top on this terminal; p poisons a page, q quits
  cargo xtask demo --kernel 7.3    on the newer kernel
  cargo xtask demo | cat           both kernels, as text")]
pub(crate) struct Args {
    /// lts, current, or a version [default: lts on a terminal, both otherwise]
    #[arg(long)]
    kernel: Option<Asked>,
}

pub(crate) fn main(args: &Args) -> ExitCode {
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output went away: that ends the demo, and is no failure.
fn say(line: &str) -> Result<bool> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        said => said
            .map(|()| true)
            .context("cannot write to standard output"),
    }
}

fn run(args: &Args) -> Result<u8> {
    let lines = kernels::to_run_on(args.kernel)?;
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        let first = lines.first().context("there is no kernel")?;
        return lab(*first, "screen");
    }
    for line in lines {
        if !say(&format!("==== kernel {} ====", line.series()))? {
            return Ok(0);
        }
        let code = lab(line, "print")?;
        if code != 0 {
            return Ok(code);
        }
        if !say("")? {
            return Ok(0);
        }
    }
    Ok(0)
}

fn lab(line: Line, mode: &str) -> Result<u8> {
    let own = std::env::current_exe().context("cannot find xtask's own binary")?;
    let mut command = Command::new(own);
    command.args(["lab", "--kernel", line.name(), "--", "famfs-demo", mode]);
    let status = process::tied(&mut command, Signal::SIGTERM)
        .status()
        .context("cannot run the lab")?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "demo: {line}");
}
