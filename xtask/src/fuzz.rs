//! `cargo xtask fuzz`: the long run of `lab-fuzz`, in a guest of each kind.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;
use nix::sys::signal::Signal;

use crate::{
    lab::MemoryKind,
    process,
    setup::kernels::{self, Asked, Line},
};

/// Throw random calls, mounts and races at famfs.ko in a guest, and check what must hold.
///
/// A finding, a leak, a hang, or a kernel that warns makes the exit status non-zero. The seed is
/// printed; with `--seed` each thread does the same operations again.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz                                     the lts kernel with pmem, the current one with fsdev
  cargo xtask fuzz --kernel 7.3 --memory pmem --ops 1000000
  cargo xtask fuzz --for 3600 --ops 100000000          an hour on each
  cargo xtask fuzz --kernel 6.12 --seed 0x2a -- --phase chaos --json")]
pub(crate) struct Args {
    /// lts, current, debug, or a version [default: lts and current]
    #[arg(long)]
    kernel: Option<Asked>,
    /// How the DAX memory is presented [default: pmem on lts, fsdev on current]
    #[arg(long, value_enum)]
    memory: Option<MemoryKind>,
    /// Operations on each kernel
    #[arg(long, default_value_t = 200_000)]
    ops: u64,
    /// Seed, decimal or hexadecimal after 0x [default: a new one for each kernel]
    #[arg(long)]
    seed: Option<String>,
    /// Stop after this many seconds on each kernel, whatever is left to do
    #[arg(long = "for", value_name = "SECONDS")]
    duration: Option<u64>,
    /// More for lab-fuzz itself: see `cargo xtask lab -- lab-fuzz --help`
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs the subcommand; the first guest that fails decides the exit status.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let mut failed = false;
    for line in kernels::to_run_on(args.kernel)? {
        let status = process::tied(&mut guest(args, line)?, Signal::SIGTERM)
            .stdin(Stdio::null())
            .status()
            .context("cannot run the lab")?;
        if !status.success() && !failed {
            failed = true;
            let status = status.code().and_then(|code| u8::try_from(code).ok());
            code = status.map_or(ExitCode::FAILURE, ExitCode::from);
        }
    }
    Ok(code)
}

/// `cargo xtask lab` with the fuzzer.
fn guest(args: &Args, line: Line) -> Result<Command> {
    let mut lab = Command::new(std::env::current_exe().context("cannot find xtask's own binary")?);
    lab.args(["lab", "--kernel", line.name()]);
    if let Some(memory) = args.memory.and_then(|memory| memory.to_possible_value()) {
        lab.args(["--memory", memory.get_name()]);
    }
    // An emulated CXL guest has one device.
    if args.memory != Some(MemoryKind::Cxl) {
        lab.args(["--devices", "2"]);
    }
    lab.args(["--", "lab-fuzz", "--ops", &args.ops.to_string()]);
    if let Some(seed) = &args.seed {
        lab.args(["--seed", seed]);
    }
    if let Some(seconds) = args.duration {
        lab.args(["--for", &seconds.to_string()]);
    }
    lab.args(&args.more);
    Ok(lab)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_reaches_the_guest() {
        let args = Args {
            kernel: None,
            memory: Some(MemoryKind::Pmem),
            ops: 7,
            seed: Some("0x2a".to_owned()),
            duration: Some(9),
            more: vec!["--json".to_owned()],
        };
        let line = process::describe(&guest(&args, Line::Current).unwrap());
        assert!(
            line.ends_with(
                " lab --kernel current --memory pmem --devices 2 -- lab-fuzz --ops 7 --seed 0x2a --for 9 --json"
            ),
            "{line}"
        );
    }
}
