//! `cargo xtask bench read-cost`: what famfs-top takes for itself.

use anyhow::Result;

use super::{Held, judge, lines};
use crate::guest::{Guest, Mode, Request};
use crate::{kmod, setup};

/// Hold famfs-top's start, and its reading of ten thousand busy files, against their limits
///
/// Exit status: 0 every limit met, 1 one was missed, 2 usage or run error.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    held: Held,
}

pub(super) fn main(args: &Args) -> Result<u8> {
    setup::ensure()?;
    let guests = lines(args.held.kernel)
        .into_iter()
        .map(|line| {
            let module = kmod::build_tree(line, 0)?;
            Guest::boot(&Request {
                line,
                memory: None,
                mode: Mode::Deterministic,
                sparse: None,
                files: &[],
                module: &module.ko,
                share: format!("bench/reading-{line}"),
                timeout_s: 1800,
                plugin: None,
                tracers: false,
                environment: Vec::new(),
                command: &["famfs-bench", "reading", "--out", "/share/result.json"],
            })
        })
        .collect::<Result<Vec<_>>>()?;
    judge("read-cost", guests, args.held.json)
}
