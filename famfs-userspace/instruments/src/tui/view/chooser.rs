//! Which columns the table has: over everything else, one line a field.

use ratatui::{Frame, layout::Rect, text::Line};

use super::{paint, window};
use crate::tui::App;
use famfs_snapshot::model::FIELDS;

const TITLE: &str = "columns: space chooses, u the usual ones, esc closes";

/// How many lines the list has.
pub(super) fn height() -> usize {
    FIELDS.len()
}

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    window::frame(frame, area, height(), TITLE);
    let inside = window::inside(area, height());
    let cursor = app.front();
    let fields = FIELDS.iter().enumerate().skip(cursor.top);
    for ((place, field), y) in fields.zip(inside.y..inside.bottom()) {
        let chosen = app.options.columns.has(place, area.width);
        let mark = if chosen { "[x]" } else { "[ ]" };
        let text = format!(
            "{mark} {:<10} {:<22} {}",
            field.title, field.key, field.help
        );
        let line = Line::raw(paint::left(&text, inside.width.into()));
        let line = if place == cursor.at {
            line.style(app.options.theme.selected())
        } else {
            line
        };
        frame.render_widget(
            line,
            Rect {
                y,
                height: 1,
                ..inside
            },
        );
    }
}
