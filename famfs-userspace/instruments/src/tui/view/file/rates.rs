//! How often what happens, over the last intervals.

use ratatui::text::{Line, Span};

use super::paint;
use crate::tui::Theme;
use famfs_snapshot::model::{Access, FileRow, Moment, Order, Value};

const LABEL: usize = 9;
const NUMBERS: usize = 24;

type Count = fn(&FileRow) -> u64;

/// What there may be a line of; the first two always are.
const LINES: [(&str, Count); 7] = [
    ("PMD/s", |f| f.mapped(Order::Pmd)),
    ("PTE/s", |f| f.mapped(Order::Pte)),
    ("fallback", FileRow::fell_back),
    ("errors", FileRow::failed),
    ("read MB", |f| {
        f.io.get(&Access::Read).map_or(0, |io| io.bytes)
    }),
    ("write MB", |f| {
        f.io.get(&Access::Write).map_or(0, |io| io.bytes)
    }),
    ("retried", |f| f.retried),
];

pub(super) fn lines(theme: Theme, moments: &[Moment], width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(LABEL + NUMBERS);
    let moments = &moments[moments.len().saturating_sub(room.max(1))..];
    let mut lines = vec![Line::styled("RATES, the newest at the right", theme.key())];
    for (i, (label, count)) in LINES.iter().enumerate() {
        let per_s = |m: &Moment| count(&m.file) as f64 / (m.elapsed_ns as f64 / 1e9).max(1e-9);
        let values: Vec<f64> = moments.iter().map(per_s).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        if i < 2 || most > 0.0 {
            let now = values.last().copied().unwrap_or(0.0);
            let text = |per_s| {
                if label.ends_with("MB") {
                    Value::Bandwidth(per_s).text()
                } else {
                    Value::Rate(per_s).text()
                }
            };
            lines.push(Line::from(vec![
                Span::raw(paint::left(label, LABEL)),
                Span::styled(paint::spark(&values, room), theme.bar()),
                Span::raw(format!(" {:>7}, most {:>7}", text(now), text(most))),
            ]));
        }
    }
    lines.push(Line::default());
    lines
}
