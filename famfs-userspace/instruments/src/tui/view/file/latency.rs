//! Latencies by power of two, for each mapping size and access, and for calls.

use ratatui::text::{Line, Span};

use super::paint;
use crate::tui::Theme;
use famfs_snapshot::model::{Access, FileRow, Hist, Order, Value, octaves};

const LABEL: usize = 8;
/// What a class has at least: a bar and a count.
const LEAST: usize = 16;
const COUNT: usize = 7;

pub(super) fn lines(theme: Theme, file: &FileRow, width: usize) -> Vec<Line<'static>> {
    let classes = classes(file);
    let mut lines = vec![Line::styled(
        "LATENCY, each line a power of two",
        theme.key(),
    )];
    if classes.is_empty() {
        lines.push(Line::raw("no latency in this time"));
    }
    let together = (width.saturating_sub(LABEL) / LEAST).max(1);
    for some in classes.chunks(together) {
        lines.extend(histogram(theme, some, width));
    }
    lines.push(Line::default());
    lines
}

fn classes(file: &FileRow) -> Vec<(&'static str, &Hist)> {
    let faults = file.faults.iter().map(|(class, hist)| {
        let name = match class {
            (Order::Pmd, Access::Read) => "PMD read",
            (Order::Pmd, Access::Write) => "PMD write",
            (Order::Pte, Access::Read) => "PTE read",
            (Order::Pte, Access::Write) => "PTE write",
        };
        (name, hist)
    });
    let calls = file.io.iter().map(|(access, io)| {
        let name = match access {
            Access::Read => "read(2)",
            Access::Write => "write(2)",
        };
        (name, &io.latency)
    });
    let all = faults.chain(calls);
    all.filter(|(_, hist)| !hist.buckets.is_empty()).collect()
}

fn histogram(theme: Theme, classes: &[(&str, &Hist)], width: usize) -> Vec<Line<'static>> {
    let each = width.saturating_sub(LABEL) / classes.len().max(1);
    let octaves: Vec<_> = classes.iter().map(|(_, hist)| octaves(hist)).collect();
    let lowest = octaves.iter().filter_map(|o| o.keys().next()).min();
    let highest = octaves.iter().filter_map(|o| o.keys().next_back()).max();
    let (Some(&lowest), Some(&highest)) = (lowest, highest) else {
        return Vec::new();
    };
    let mut lines = vec![named(classes, each)];
    for octave in lowest..=highest {
        let from = Value::Nanos(1 << octave).text();
        let mut line = Line::raw(paint::left(&format!("{from:>6}"), LABEL));
        for class in &octaves {
            let most = class.values().copied().max().unwrap_or(0).max(1);
            let count = class.get(&octave).copied().unwrap_or(0);
            let room = each.saturating_sub(COUNT + 2);
            let bar = paint::bar(count as f64 / most as f64, room);
            line.push_span(Span::styled(paint::left(&bar, room), theme.bar()));
            let text = if count > 0 {
                Value::Count(count).fitted(COUNT)
            } else {
                String::new()
            };
            line.push_span(Span::raw(format!("{text:>COUNT$}  ")));
        }
        lines.push(line);
    }
    lines.extend(numbers(classes, each));
    lines
}

fn named(classes: &[(&str, &Hist)], each: usize) -> Line<'static> {
    let mut line = Line::raw(paint::left("from", LABEL));
    for (name, _) in classes {
        line.push_span(Span::raw(paint::left(name, each)));
    }
    line
}

type Number = fn(&Hist) -> Value<'static>;

/// Mean and percentiles below the bars.
fn numbers(classes: &[(&str, &Hist)], each: usize) -> Vec<Line<'static>> {
    const NUMBERS: [(&str, Number); 5] = [
        ("count", |h| Value::Count(h.count())),
        ("mean", |h| {
            Value::Nanos(h.sum_ns.checked_div(h.count()).unwrap_or(0))
        }),
        ("P50", |h| Value::Nanos(h.quantile_ns(0.5))),
        ("P99", |h| Value::Nanos(h.quantile_ns(0.99))),
        ("MAX", |h| Value::Nanos(h.max_ns())),
    ];
    let line = |(name, number): &(&str, Number)| {
        let mut line = Line::raw(paint::left(&format!("{name:>6}"), LABEL));
        for (_, hist) in classes {
            let text = number(hist).fitted(each.saturating_sub(2));
            let text = paint::right(&text, each.saturating_sub(2));
            line.push_span(Span::raw(text + "  "));
        }
        line
    };
    NUMBERS.iter().map(line).collect()
}
