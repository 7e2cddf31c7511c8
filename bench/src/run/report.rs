//! A result for a person.

use std::fmt::Write as _;

use crate::result::Outcome;
use famfs_cli::size;

/// One line per row, then what was skipped and what was odd.
pub(super) fn table(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} file, {} rounds, times in {}{}, {} of them the clock's own\n\n",
        size::exact(outcome.geometry.file_bytes),
        outcome.geometry.reps,
        outcome.unit.name(),
        tick(outcome),
        outcome.clock_overhead
    );
    let _ = writeln!(
        text,
        "{:<26} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11}",
        "", "faults", "p50", "p90", "p99", "max", "mean", "unmap/fault"
    );
    for row in outcome.scenarios() {
        let _ = writeln!(
            text,
            "{:<26} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9.0} {:>11}",
            row.id,
            row.times.count,
            row.times.p50,
            row.times.p90,
            row.times.p99,
            row.times.max,
            row.times.mean,
            row.unmap
        );
    }
    for target in &outcome.targets {
        for reason in &target.skipped {
            let _ = writeln!(text, "skipped {}: {reason}", target.name);
        }
    }
    for row in outcome.scenarios() {
        for odd in &row.unexpected {
            let _ = writeln!(text, "unexpected in {}: {odd}", row.id);
        }
    }
    text
}

fn tick(outcome: &Outcome) -> String {
    if outcome.deterministic {
        String::new()
    } else {
        format!(" of {:.3} ns", outcome.tick_ns)
    }
}
