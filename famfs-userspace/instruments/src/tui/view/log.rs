//! The page of events: the newest first, and all of the chosen one below.

use ratatui::{Frame, layout::Rect, text::Line};

use super::{below, paint};
use crate::tui::App;
use famfs_snapshot::{
    model::{Event, EventKind, nameless},
    text,
};

/// Lines for the whole of the chosen event, where there is room.
const DETAIL: u16 = 4;

/// Where the list is in the page.
pub(super) fn list(area: Rect) -> Rect {
    let list = below(area, 1);
    let detail = if area.height >= 3 * DETAIL { DETAIL } else { 0 };
    Rect {
        height: list.height - detail,
        ..list
    }
}

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = app.options.theme;
    let width = usize::from(area.width);
    let list = list(area);
    let head = paint::left("TIME      ABOUT         PROCESS           EVENT", width);
    frame.render_widget(Line::styled(head, theme.head()), area);
    let events = app.events();
    let cursor = app.cursor();
    let newest_first = events.iter().rev().enumerate();
    for ((place, event), y) in newest_first.skip(cursor.top).zip(list.y..list.bottom()) {
        let text = paint::left(&line(event), width);
        let style = match event.kind {
            _ if place == cursor.at => theme.selected(),
            EventKind::MemoryError => theme.alert(),
            EventKind::FaultFailed | EventKind::Instrument => theme.notice(),
            EventKind::Mount | EventKind::Action => ratatui::style::Style::new(),
        };
        frame.render_widget(
            Line::styled(text, style),
            Rect {
                y,
                height: 1,
                ..area
            },
        );
    }
    if events.is_empty() {
        frame.render_widget(Line::raw("nothing rare has happened"), list);
    }
    if let Some(event) = events.iter().rev().nth(cursor.at) {
        let lines = detail(app, event, width);
        for (line, y) in lines.into_iter().zip(list.bottom()..area.bottom()) {
            frame.render_widget(
                Line::raw(line),
                Rect {
                    y,
                    height: 1,
                    ..area
                },
            );
        }
    }
}

fn about(kind: EventKind) -> &'static str {
    match kind {
        EventKind::MemoryError => "memory error",
        EventKind::FaultFailed => "fault failed",
        EventKind::Mount => "mount",
        EventKind::Instrument => "famfs-top",
        EventKind::Action => "action",
    }
}

fn line(event: &Event) -> String {
    let process = event.process.as_ref();
    let process = process.map_or_else(String::new, |(pid, comm)| format!("{comm} {pid}"));
    format!(
        "{}  {:<12}  {}  {}",
        text::clock(event.time),
        about(event.kind),
        paint::left(&text::printable(&process), 16),
        text::printable(&event.text)
    )
}

/// The whole event; the path of its file, which enter opens.
fn detail(app: &App, event: &Event, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.extend(paint::wrap(&text::printable(&event.text), width));
    lines.truncate(usize::from(DETAIL) - 1);
    if let Some(key) = event.file {
        let path = app.row(key).map(|row| row.path().into_owned());
        let path = path.unwrap_or_else(|| nameless(key));
        let room = width.saturating_sub(12);
        lines.push(format!(
            "file (enter) {}",
            paint::tail(&text::printable(&path), room)
        ));
    }
    lines
}
