//! The help, over everything else: keys and columns, both from their tables.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span, Text},
};

use super::{paint, window};
use crate::tui::{App, event::BINDINGS};
use famfs_snapshot::{model::FIELDS, text};

const TITLE: &str = "help: ? or esc closes, up and down scroll";
const KEYS: usize = 11;
/// The mouse has no place in the table of keys.
const MOUSE: [(&str, &str); 2] = [
    (
        "click",
        "a page, the head of a column, a line, a place in a recording",
    ),
    ("wheel", "three lines up or down"),
];
const NOTES: [&str; 2] = [
    "A bucket is an eighth of a power of two: P50, P99 and MAX are at most",
    "12.5 % above the true latency and never below it. Counts and sums are exact.",
];

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    window::frame(frame, area, height(app), TITLE);
    let inside = window::inside(area, height(app));
    let visible = lines(app, inside.width.into())
        .into_iter()
        .skip(app.front().top);
    let visible = visible.take(inside.height.into());
    frame.render_widget(visible.collect::<Text<'_>>(), inside);
}

/// How many lines the whole help has.
pub(in crate::tui) fn height(app: &App) -> usize {
    let keys = BINDINGS.len() + MOUSE.len() + app.options.actions.len();
    keys + FIELDS.len() + NOTES.len() + 2
}

fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let entry = |key: &str, help: &str| {
        let help = paint::head(help, width.saturating_sub(KEYS));
        Line::from(vec![
            Span::styled(paint::left(key, KEYS), app.options.theme.key()),
            Span::raw(help),
        ])
    };
    let keys = BINDINGS.iter().map(|b| entry(b.shown, b.help));
    let mouse = MOUSE.iter().map(|(what, help)| entry(what, help));
    let actions = app.options.actions.iter().map(|action| {
        let help = format!("{}: {}", action.label, action.command);
        entry(
            &text::printable(&action.key.to_string()),
            &text::printable(&help),
        )
    });
    let columns = FIELDS.iter().map(|f| entry(f.title, f.help));
    keys.chain(mouse)
        .chain(actions)
        .chain([Line::default()])
        .chain(columns)
        .chain([Line::default()])
        .chain(NOTES.map(Line::raw))
        .collect()
}
