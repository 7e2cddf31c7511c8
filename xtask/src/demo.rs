//! `cargo xtask demo`: famfs-top on the user's own terminal, watching a guest at work; or, where
//! the output is no terminal, what it shows on each kernel before and after a poisoned page.

use std::{
    io::{self, IsTerminal, Write},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::setup::kernels::Line;

/// Watch famfs at work in a guest: a fresh clone to famfs-top in one command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask demo                 famfs-top on this terminal; p poisons a page, q quits
  cargo xtask demo --kernel 7.3    on the newer kernel
  cargo xtask demo | cat           both kernels, as text")]
pub(crate) struct Args {
    /// Kernel line [default: 6.12 on a terminal, both otherwise]
    #[arg(long, value_enum)]
    kernel: Option<Line>,
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

fn run(args: &Args) -> Result<u8> {
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        return lab(args.kernel.unwrap_or(Line::V6_12), "screen");
    }
    for line in Line::ALL
        .into_iter()
        .filter(|line| args.kernel.is_none_or(|only| only == *line))
    {
        writeln!(io::stdout(), "==== kernel {line} ====").context("cannot write")?;
        let code = lab(line, "print")?;
        if code != 0 {
            return Ok(code);
        }
        writeln!(io::stdout()).context("cannot write")?;
    }
    Ok(0)
}

fn lab(line: Line, mode: &str) -> Result<u8> {
    let own = std::env::current_exe().context("cannot find xtask's own binary")?;
    let status = Command::new(own)
        .args(["lab", "--kernel", line.name(), "--", "famfs-demo", mode])
        .status()
        .context("cannot run the lab")?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

#[expect(clippy::print_stderr, reason = "where errors go")]
fn complain(line: &str) {
    eprintln!("demo: {line}");
}
