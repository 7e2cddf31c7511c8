//! `cargo xtask bench runtime`: what the famfs command costs, in instructions and in time.
//!
//! The instructions of both kernels are counted side by side; times are taken one kernel after
//! the other, with nothing beside.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{famfs_bench, hot, plugin};
use crate::guest::{Guest, Mode, Request, Sparse};
use crate::setup::kernels::{self, Asked, Line};
use crate::{kmod, lab, paths};

/// The size of the DAX memory in GiB: a log of 8 MiB names 15,420 files, and each takes 2 MiB.
const DEVICE: u64 = 32;
const TIMEOUT_S: u32 = 3600;
const INSNS: &str = "insn.json";
const TIMES: &str = "time.json";
const SPLIT: &str = "split.txt";
pub(super) const SYMBOLS: &str = "symbols.gz";
/// What is measured: famfs as it is released.
pub(super) const PROGRAM: &str = "famfs";

/// Hold the famfs command against bench/runtime-limits.toml: creat, logplay, cp, mkfs, fsck
///
/// Each kernel boots twice, with 32 GiB of pmem in a sparse file: once deterministic, where a
/// plugin also tells user space's instructions from the kernel's, and once with a clock. The
/// instructions are judged, and cp's time in pairs with memcpy's; the other times are shown.
///
/// Exit status: 0 every limit met, 1 one was missed, 2 usage or run error.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench runtime                          both kernels; a quarter of an hour
  cargo xtask bench runtime --kernel 7.3 --json
  cargo xtask bench runtime --no-times               instructions alone, for a CI
  cargo xtask bench runtime --kernel 6.12 --top 10   and the functions that cost most
  cargo xtask bench runtime --again --top 30         the same of the last measurement")]
pub(super) struct Args {
    /// Measure on this kernel only
    #[arg(long)]
    kernel: Option<Asked>,
    /// Also show the functions of each command that cost most
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Count instructions only: half the time, and the host may be busy
    #[arg(long)]
    no_times: bool,
    /// Measure nothing: judge and show what was measured last
    #[arg(long, conflicts_with = "no_times")]
    again: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "top")]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<u8> {
    let lines = kernels::to_run_on(args.kernel)?;
    if !args.again {
        measure(&lines, !args.no_times)?;
    }
    if let Some(top) = args.top {
        for &line in &lines {
            let results = results(line);
            let split = results.join(SPLIT);
            let text = fs::read_to_string(&split)
                .with_context(|| format!("cannot read {}", split.display()))?;
            print!("{}", hot::table(line, &results, INSNS, &text, top)?);
        }
    }
    let mut judge = vec![OsString::from("runtime-cost")];
    for line in lines {
        judge.extend(["--results".into(), results(line).into()]);
    }
    famfs_bench(judge, args.json)
}

/// Where a kernel's results are kept.
fn results(line: Line) -> PathBuf {
    paths::target(format!("bench/runtime-{line}"))
}

fn measure(lines: &[Line], times: bool) -> Result<()> {
    let plugin = plugin::build("split")?;
    let famfs = lab::image::build_released(PROGRAM)?;
    let guests = lines
        .iter()
        .map(|&line| {
            Ok((
                line,
                boot(line, Mode::Deterministic, &famfs, Some(&plugin))?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    // All are waited for before the first failure ends this process and with it its guests.
    let done: Vec<_> = guests
        .into_iter()
        .map(|(line, guest)| (line, guest.finish(INSNS)))
        .collect();
    for (line, share) in done {
        let (share, results) = (share?, results(line));
        fs::create_dir_all(&results)
            .with_context(|| format!("cannot create {}", results.display()))?;
        copy(&share.join(INSNS), &results.join(INSNS))?;
        copy(&share.join(SYMBOLS), &results.join(SYMBOLS))?;
        copy(&split(line), &results.join(SPLIT))?;
        copy(&famfs, &results.join(PROGRAM))?;
    }
    for &line in lines {
        // Times of an earlier measurement are not this one's.
        let _ = fs::remove_file(results(line).join(TIMES));
    }
    for &line in lines.iter().filter(|_| times) {
        let share = boot(line, Mode::Clock, &famfs, None)?.finish(TIMES)?;
        copy(&share.join(TIMES), &results(line).join(TIMES))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
        .map(drop)
}

/// What the plugin writes to.
fn split(line: Line) -> PathBuf {
    paths::target(format!("bench/split-{line}.txt"))
}

fn boot(line: Line, mode: Mode, famfs: &Path, plugin: Option<&Path>) -> Result<Guest> {
    let module = kmod::build_tree(line, 0)?;
    let name = match mode {
        Mode::Deterministic => "insn",
        Mode::Clock => "time",
    };
    // Off the share, which may be the host's, before anything is timed.
    let path = format!("mv /share/{PROGRAM} /root && export PATH=/root:$PATH");
    let run = match mode {
        // Deterministic, a second pair would be the first again.
        Mode::Deterministic => format!(
            "{path} && famfs-bench runtime --pairs 1 --out /share/{INSNS} && \
             grep -i ' [tw] ' /proc/kallsyms | gzip >/share/{SYMBOLS}"
        ),
        Mode::Clock => format!("{path} && famfs-bench runtime --out /share/{TIMES}"),
    };
    Guest::boot(&Request {
        line,
        memory: Some("pmem"),
        mode,
        sparse: Some(Sparse {
            size: DEVICE,
            file: paths::target(format!("bench/runtime-{line}-{name}.pmem")),
        }),
        module: &module.ko,
        share: format!("bench/runtime-{line}-{name}"),
        files: &[famfs],
        timeout_s: TIMEOUT_S,
        plugin: plugin.map(|plugin| format!("{},out={}", plugin.display(), split(line).display())),
        tracers: false,
        environment: Vec::new(),
        command: &["sh", "-c", &run],
    })
}
