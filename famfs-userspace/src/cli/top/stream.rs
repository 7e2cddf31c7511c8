//! `--once`, `--json`, `--csv`, `--ndjson` without CMD: intervals, printed as they end.

use std::{num::NonZeroU64, time::Duration};

use anyhow::Context as _;

use super::{output::Printer, pace::Pace, signal::Signals};
use famfs_snapshot::{model::delta, source::Source};

/// Prints `count` intervals, or all until a signal. The one that a signal cuts short is printed
/// too: what happened in it is not lost.
pub(super) fn run(
    source: &mut dyn Source,
    interval: Duration,
    count: Option<NonZeroU64>,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let signals = Signals::listen().context("cannot catch signals")?;
    let mut before = source.poll()?;
    let mut pace = Pace::new(interval);
    let mut done = 0;
    if !printer.begin()? {
        return Ok(());
    }
    while count.is_none_or(|count| done < count.get()) {
        let whole = pace.interval(source, &signals)?;
        let now = source.poll()?;
        if !printer.interval(&delta(&before, &now))? || !whole {
            return Ok(());
        }
        before = now;
        done += 1;
    }
    Ok(())
}
