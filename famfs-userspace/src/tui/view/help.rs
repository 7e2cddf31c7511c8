//! The help, over everything else: keys and columns, both from their tables.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph},
};

use super::theme;
use crate::{
    model::FIELDS,
    text,
    tui::{App, app::Options, event::BINDINGS},
};

const WIDTH: u16 = 74;
const NOTES: [&str; 2] = [
    "A bucket is an eighth of a power of two: P50, P99 and MAX are at most",
    "12.5 % above the true latency and never below it.",
];

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(height(&app.options))
        .unwrap_or(u16::MAX)
        .min(area.height);
    let [_, row, _] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(height),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [_, place, _] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(WIDTH.min(area.width)),
        Constraint::Fill(1),
    ])
    .areas(row);
    let block = Block::bordered().title("help: ? or esc closes, up and down scroll");
    let scroll = (u16::try_from(app.help_scroll).unwrap_or(u16::MAX), 0);
    frame.render_widget(Clear, place);
    frame.render_widget(
        Paragraph::new(lines(app)).block(block).scroll(scroll),
        place,
    );
}

/// How many lines the whole help has, its frame included.
pub(in crate::tui) fn height(options: &Options) -> usize {
    BINDINGS.len() + options.actions.len() + FIELDS.len() + NOTES.len() + 4
}

fn lines(app: &App) -> Vec<Line<'static>> {
    let entry = |key: String, help: String| {
        Line::from(vec![
            Span::styled(format!("{key:<11}"), theme::key(app)),
            Span::raw(help),
        ])
    };
    let keys = BINDINGS
        .iter()
        .map(|b| entry(b.shown.into(), b.help.into()));
    let actions = app.options.actions.iter().map(|a| {
        entry(
            a.key.to_string(),
            format!(
                "{}: {}",
                text::printable(&a.label),
                text::printable(&a.command)
            ),
        )
    });
    let columns = FIELDS.iter().map(|f| entry(f.title.into(), f.help.into()));
    keys.chain(actions)
        .chain([Line::default()])
        .chain(columns)
        .chain([Line::default()])
        .chain(NOTES.map(Line::raw))
        .collect()
}
