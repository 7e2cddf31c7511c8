//! Where a recording is, as a line and a bar that can be clicked.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::paint;
use crate::tui::{App, Transport};

/// What the text before the bar takes.
const TEXT: u16 = 36;

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let Some(transport) = &app.transport else {
        return;
    };
    let theme = app.options.theme;
    let style = if transport.paused {
        theme.notice()
    } else {
        theme.key()
    };
    let text = paint::left(&text(transport), TEXT.min(area.width).into());
    let width = usize::from(bar(area).map_or(0, |bar| bar.width));
    let filled = paint::bar(part(transport), width);
    let rest = width.saturating_sub(filled.chars().count());
    let line = Line::from(vec![
        Span::styled(text, style),
        Span::styled(filled, theme.bar()),
        Span::raw("─".repeat(rest)),
    ]);
    frame.render_widget(line, area);
}

/// How many thousandths of the recording this column stands for.
pub(super) fn hit(app: &App, area: Rect, x: u16) -> Option<u32> {
    app.transport.as_ref()?;
    let bar = bar(area)?;
    let at = x.checked_sub(bar.x).filter(|at| *at < bar.width)?;
    Some(u32::from(at) * 1000 / u32::from(bar.width.saturating_sub(1).max(1)))
}

fn bar(area: Rect) -> Option<Rect> {
    let width = area.width.checked_sub(TEXT).filter(|width| *width > 0)?;
    Some(Rect {
        x: area.x + TEXT,
        width,
        ..area
    })
}

fn part(transport: &Transport) -> f64 {
    let length = transport.length.as_secs_f64();
    if length > 0.0 {
        transport.position.as_secs_f64() / length
    } else {
        1.0
    }
}

fn text(transport: &Transport) -> String {
    let how = if transport.paused { "PAUSED" } else { "replay" };
    format!(
        "{how} {} of {} x{}",
        clock(transport.position),
        clock(transport.length),
        transport.speed
    )
}

/// Hours as far as they go: `0:01:02`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
