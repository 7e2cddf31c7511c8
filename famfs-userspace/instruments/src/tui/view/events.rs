//! The newest events below the table, one a line.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span, Text},
};

use crate::tui::App;
use famfs_snapshot::text;

/// How many lines the events need.
pub(super) fn height(app: &App) -> u16 {
    u16::try_from(app.events().len()).unwrap_or(u16::MAX)
}

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let events = app.events();
    let from = events.len().saturating_sub(usize::from(area.height));
    let lines = events[from..].iter().map(|event| {
        Line::from(vec![
            Span::styled(text::clock(event.time), app.options.theme.notice()),
            Span::raw(format!("  {}", text::printable(&event.text))),
        ])
    });
    frame.render_widget(lines.collect::<Text<'_>>(), area);
}
