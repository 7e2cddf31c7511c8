//! What became of the faults, in this time and since the start.

use ratatui::text::Line;

use crate::tui::Theme;
use famfs_snapshot::model::{Failure, Fallback, FileRow, Order, Value, reason};

pub(super) fn lines(theme: Theme, now: &FileRow, total: &FileRow) -> Vec<Line<'static>> {
    let head = format!(
        "{:<26}{:>10}  {:>12}",
        "OUTCOMES", "this time", "since start"
    );
    let mut lines = vec![Line::styled(head, theme.key())];
    let mut add = |what: &str, now: u64, total: u64, always: bool| {
        if always || total > 0 {
            let (now, total) = (Value::Count(now).fitted(10), Value::Count(total).fitted(12));
            lines.push(Line::raw(format!("{what:<26}{now:>10}  {total:>12}")));
        }
    };
    for (name, order) in [
        ("mapped 2 MiB (PMD)", Order::Pmd),
        ("mapped 4 KiB (PTE)", Order::Pte),
    ] {
        add(name, now.mapped(order), total.mapped(order), true);
    }
    add(
        "  of these not timed",
        now.not_timed(),
        total.not_timed(),
        false,
    );
    for (why, count) in &total.fallback {
        let name = format!("fell back: {}", words(*why));
        add(
            &name,
            now.fallback.get(why).copied().unwrap_or(0),
            *count,
            false,
        );
    }
    for (kind, count) in &total.errors {
        let name = format!("failed: {}", failure(*kind));
        add(
            &name,
            now.errors.get(kind).copied().unwrap_or(0),
            *count,
            false,
        );
    }
    add("retried", now.retried, total.retried, false);
    lines.push(Line::default());
    lines
}

fn words(why: Fallback) -> String {
    reason(why).replace('_', " ")
}

fn failure(kind: Failure) -> &'static str {
    match kind {
        Failure::Sigbus => "SIGBUS",
        Failure::Oom => "out of memory",
        Failure::HwPoison => "failed memory",
        Failure::Refused => "refused",
    }
}
