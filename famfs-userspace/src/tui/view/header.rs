//! The first line: which machine, when, and what span of time the numbers cover.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::theme;
use crate::{text, tui::App};

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let shown = app.shown();
    let span = if app.since_start {
        format!("total of {:.0} s", shown.elapsed_ns as f64 / 1e9)
    } else {
        format!("last {:.1} s", shown.elapsed_ns as f64 / 1e9)
    };
    let mut line = Line::from(vec![
        Span::styled("famfs-top", theme::key(app)),
        Span::raw(format!("  {} UTC  {span}  ", text::clock(shown.time))),
    ]);
    if app.frozen {
        line.push_span(Span::styled("FROZEN", theme::notice(app)));
        line.push_span(Span::raw("  "));
    }
    line.push_span(Span::raw(text::printable(&shown.kernel)));
    frame.render_widget(line, area);
}
