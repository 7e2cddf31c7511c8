//! A framed window in the middle of the screen.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Margin, Rect},
    widgets::{Block, Clear},
};

const WIDTH: u16 = 96;

/// The window for so many lines; not more than the screen has.
fn outside(area: Rect, lines: usize) -> Rect {
    let height = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2);
    let [_, row, _] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(height.min(area.height)),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [_, window, _] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(WIDTH.min(area.width)),
        Constraint::Fill(1),
    ])
    .areas(row);
    window
}

/// What is within its frame.
pub(super) fn inside(area: Rect, lines: usize) -> Rect {
    outside(area, lines).inner(Margin::new(1, 1))
}

/// Clears the place and draws the frame.
pub(super) fn frame(frame: &mut Frame<'_>, area: Rect, lines: usize, title: &str) {
    let window = outside(area, lines);
    frame.render_widget(Clear, window);
    frame.render_widget(Block::bordered().title(title.to_owned()), window);
}
