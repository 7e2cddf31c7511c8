//! `cargo xtask bench probe-cost`: what watching adds to a fault, by famfs-top and by others.

use anyhow::Result;

use super::{Held, judge};
use crate::guest::{Guest, Mode, Request};
use crate::kmod;
use crate::lab::image::TRACERS;
use crate::setup::{guesttools, kernels};

/// bpftrace compiles its script by LLVM, one emulated instruction after the other.
const TIMEOUT_S: u32 = 3600;

/// Hold what famfs-top adds to a fault against its limits and against bpftrace
///
/// In one boot per kernel the same faults are measured without any instrument, with empty
/// programs on the same hooks, with famfs-top, and with bpftrace doing the same. The first run
/// makes a chroot with bpftrace (it takes a minute or two, and half a gigabyte under target/).
///
/// Exit status: 0 every rule met, 1 one was missed, 2 usage or run error.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    held: Held,
}

pub(super) fn main(args: &Args) -> Result<u8> {
    let lines = kernels::to_run_on(args.held.kernel)?;
    guesttools::tracers()?;
    let guests = lines
        .into_iter()
        .map(|line| {
            let module = kmod::build_tree(line, 0)?;
            Guest::boot(&Request {
                line,
                memory: None,
                mode: Mode::Deterministic,
                sparse: None,
                module: &module.ko,
                share: format!("bench/probes-{line}"),
                files: &[],
                timeout_s: TIMEOUT_S,
                plugin: None,
                tracers: true,
                environment: Vec::new(),
                command: &[
                    "famfs-bench",
                    "watched",
                    "--tracers",
                    TRACERS,
                    "--out",
                    "/share/result.json",
                ],
            })
        })
        .collect::<Result<Vec<_>>>()?;
    judge("probe-cost", guests, args.held.json)
}
