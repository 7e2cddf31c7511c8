//! `famfs-top rehearse`: what reading many files costs, without a kernel. For measurements.

use anyhow::Context as _;
use ratatui::{Terminal, backend::TestBackend};
use serde::Serialize;

use super::output::print;
use famfs_instruments::{
    live::rehearsed::{BUCKETS, CLASSES, CPUS, Rehearsed, cpu_ns},
    tui::{App, Message, app::Options, view},
};
use famfs_snapshot::source::Source as _;

/// The screen that is drawn: wide enough for every column.
const SCREEN: (u16, u16) = (160, 50);

/// Fill the kernel's table as if many files were busy, read it, show it, and say what that took.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  famfs-top rehearse --files 10000

Times are nanoseconds of processor time, which in the deterministic lab are instructions. An
interval is one second, so interval_ns is the part of a core in thousand-millionths.")]
pub(super) struct Args {
    /// Busy files.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    files: u64,

    /// Intervals to read; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    intervals: u32,
}

/// Nanoseconds of one interval's reading, step by step.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Steps {
    early: u64,
    poll: u64,
    update: u64,
    draw: u64,
}

/// What the rehearsal came to.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Document {
    schema: u32,
    files: u64,
    entries_per_interval: u64,
    intervals: u32,
    overflow: u64,
    early_drains: u64,
    interval_ns: u64,
    per_file_ns: f64,
    steps_ns: Steps,
}

impl Steps {
    fn sum(&self) -> u64 {
        self.early + self.poll + self.update + self.draw
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut source = Rehearsed::new(args.files)?;
    source.fill()?;
    let mut app = App::new(source.poll()?, Options::default(), &view::Pages);
    app.update(Message::Resized(SCREEN.0, SCREEN.1));
    let mut terminal =
        Terminal::new(TestBackend::new(SCREEN.0, SCREEN.1)).context("cannot make a screen")?;
    let mut all = Vec::new();
    for _ in 0..args.intervals {
        let early = source.filled().2;
        source.fill()?;
        let early = source.filled().2 - early;
        let now = source.poll()?;
        let polled = cpu_ns();
        app.update(Message::Observed(now));
        let updated = cpu_ns();
        terminal
            .draw(|frame| view::draw(&app, frame))
            .context("cannot draw")?;
        all.push(Steps {
            early,
            poll: source.poll_ns(),
            update: updated - polled,
            draw: cpu_ns() - updated,
        });
    }
    all.sort_by_key(Steps::sum);
    let median = all[all.len() / 2];
    let (overflow, early, _) = source.filled();
    let entries = args.files * (BUCKETS.len() * CLASSES.len()) as u64 * u64::from(CPUS);
    let document = Document {
        schema: 2,
        files: args.files,
        entries_per_interval: entries,
        intervals: args.intervals + 1,
        overflow,
        early_drains: early,
        interval_ns: median.sum(),
        per_file_ns: median.sum() as f64 / args.files as f64,
        steps_ns: median,
    };
    let text = serde_json::to_string_pretty(&document).context("cannot write the result")?;
    print(&format!("{text}\n"))?;
    Ok(0)
}
