//! The page of a file: why it maps as it does, its rates, latencies, and where it lies.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Text},
};

use super::paint;
use crate::tui::App;
use famfs_snapshot::model::FileKey;

mod extents;
mod head;
mod heat;
mod latency;
mod outcomes;
mod processes;
mod rates;

/// The width from which on there are two columns.
const WIDE: usize = 120;

pub(super) fn draw(app: &App, key: FileKey, frame: &mut Frame<'_>, area: Rect) {
    let lines = lines(app, key, area.width).into_iter();
    let visible = lines.skip(app.cursor().top).take(area.height.into());
    frame.render_widget(visible.collect::<Text<'_>>(), area);
}

/// The whole page, which may be longer than the screen.
pub(super) fn lines(app: &App, key: FileKey, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let (Some(row), Some(total)) = (app.row(key), app.total(key)) else {
        return vec![Line::raw(
            "this file is not watched any more (esc goes back)",
        )];
    };
    let moments = app.moments(key);
    let theme = app.options.theme;
    let mut lines = head::lines(app, &row, &total, width);
    let (left, right) = if width >= WIDE {
        (width / 2, width - width / 2)
    } else {
        (width, width)
    };
    let left = [
        rates::lines(theme, &moments, left.saturating_sub(3)),
        latency::lines(theme, row.file, left.saturating_sub(3)),
        outcomes::lines(theme, row.file, &total),
    ];
    let right_half = [
        heat::lines(theme, &moments, right),
        processes::lines(app, row.file),
        extents::lines(theme, row.file, right),
    ];
    if width >= WIDE {
        lines.extend(paint::beside(left.concat(), right_half.concat(), width / 2));
    } else {
        let [rates, latency, outcomes] = left;
        let [heat, processes, extents] = right_half;
        lines.extend([rates, latency, heat, outcomes, processes, extents].concat());
    }
    lines
}
