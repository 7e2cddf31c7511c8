//! `famfs-top rehearse`: what reading many files costs, without a kernel. For measurements.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde_json::json;

use super::output::print;
use crate::{
    model::{Sort, delta, rows},
    source::{
        Source as _,
        live::rehearsed::{BUCKETS, CLASSES, CPUS, Rehearsed},
    },
};

/// Fill the kernel's table as if many files were busy, read it, and say what that took.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  famfs-top rehearse --files 10000

Times are in nanoseconds, which in the deterministic lab are instructions.")]
pub(super) struct Args {
    /// Busy files.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    files: u64,

    /// Intervals to read; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    intervals: u32,
}

/// Nanoseconds of one interval's reading, step by step.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    early: u64,
    poll: u64,
    delta: u64,
    rows: u64,
}

impl Steps {
    fn sum(&self) -> u64 {
        self.early + self.poll + self.delta + self.rows
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut source = Rehearsed::new(args.files)?;
    source.fill()?;
    let mut before = source.poll()?;
    let mut all = Vec::new();
    for _ in 0..args.intervals {
        let early = source.filled().2;
        source.fill()?;
        let early = source.filled().2 - early;
        let now = source.poll()?;
        let begun = Instant::now();
        let interval = delta(&before, &now);
        let differed = begun.elapsed();
        let begun = Instant::now();
        black_box(rows(&interval, Sort::default(), ""));
        all.push(Steps {
            early,
            poll: source.poll_ns(),
            delta: nanoseconds(differed),
            rows: nanoseconds(begun.elapsed()),
        });
        before = now;
    }
    all.sort_by_key(Steps::sum);
    let median = all[all.len() / 2];
    let (overflow, early, _) = source.filled();
    let entries = args.files * (BUCKETS.len() * CLASSES.len()) as u64 * u64::from(CPUS);
    let document = json!({
        "schema": 1,
        "files": args.files,
        "entries_per_interval": entries,
        "intervals": args.intervals + 1,
        "overflow": overflow,
        "early_drains": early,
        "interval_ns": median.sum(),
        "per_file_ns": median.sum() as f64 / args.files as f64,
        "steps_ns": { "early": median.early, "poll": median.poll, "delta": median.delta,
                      "rows": median.rows },
    });
    print(&format!("{document:#}\n"))?;
    Ok(0)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
