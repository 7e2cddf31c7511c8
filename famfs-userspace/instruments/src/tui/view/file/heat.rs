//! Latencies over time: columns are intervals, lines are powers of two, shades are counts.

use ratatui::text::{Line, Span};

use super::paint;
use crate::tui::Theme;
use famfs_snapshot::model::{HOTTEST, Moment, Value, heat, level};

const LABEL: usize = 8;
/// The shades by level; they say the same as the colour.
const SHADES: [&str; 5] = [" ", "·", "░", "▒", "█"];

pub(super) fn lines(theme: Theme, moments: &[Moment], width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(LABEL);
    let mut lines = vec![Line::styled(
        "LATENCY OVER TIME, the newest at the right",
        theme.key(),
    )];
    let Some(heat) = heat(moments, room) else {
        lines.push(Line::raw("no latency yet"));
        lines.push(Line::default());
        return lines;
    };
    for (place, row) in heat.rows.iter().enumerate().rev() {
        let octave = heat.lowest as usize + place;
        let from = Value::Nanos(1 << octave).text();
        let mut line = Line::raw(paint::left(&format!("{from:>6}"), LABEL));
        line.push_span(Span::raw(" ".repeat(room.saturating_sub(row.len()))));
        for count in row {
            let level = level(*count, heat.most);
            let shade = SHADES[usize::from(level.min(HOTTEST))];
            line.push_span(Span::styled(shade, theme.heat(level)));
        }
        lines.push(line);
    }
    lines.push(legend(theme, heat.most));
    lines.push(Line::default());
    lines
}

/// The least count of each shade.
fn legend(theme: Theme, most: u64) -> Line<'static> {
    let mut line = Line::raw(" ".repeat(LABEL));
    for (shade, at) in SHADES.iter().zip(0_u8..).skip(1) {
        let from = match at {
            1 => 1.0,
            HOTTEST => (most as f64).powf(0.75),
            at => (most as f64).powf(f64::from(at - 1) * 0.25),
        };
        line.push_span(Span::styled(*shade, theme.heat(at)));
        line.push_span(Span::raw(format!(
            " {}+  ",
            Value::Rate(from.ceil()).text()
        )));
    }
    line
}
