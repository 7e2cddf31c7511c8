//! Which file it is, and in one sentence why it does not map 2 MiB at a time.

use ratatui::text::{Line, Span};

use super::paint;
use crate::tui::App;
use famfs_snapshot::{
    model::{Alignment, Cause, FileRow, MountState, Row, Value, verdict},
    text,
};

pub(super) fn lines(app: &App, row: &Row<'_>, total: &FileRow, width: usize) -> Vec<Line<'static>> {
    let theme = app.options.theme;
    let path = paint::tail(&text::printable(&row.path()), width);
    let mut lines = vec![Line::styled(path, theme.key()), Line::raw(place(row))];
    let mounts = &app.shown().mounts;
    let mount = mounts.iter().find(|mount| mount.dev == row.key().dev);
    let words = match mount.map(|mount| mount.state) {
        Some(MountState::Disabled) => {
            Some("DISABLED by a memory error: no fault on it will map any more")
        }
        Some(MountState::Stale) => {
            Some("STALE: its memory belongs to another file system now; unmount it")
        }
        Some(MountState::Ok | MountState::Unknown) | None => None,
    };
    lines.extend(words.map(|words| Line::styled(words, theme.alert())));
    let verdict = verdict(row.file, total);
    let style = match verdict.cause {
        Cause::Well => theme.good(),
        Cause::Quiet => ratatui::style::Style::new(),
        _ => theme.notice(),
    };
    lines.extend(labelled("2 MiB", &verdict.why, style, width));
    if let Some(todo) = verdict.todo {
        lines.extend(labelled("to do", todo, ratatui::style::Style::new(), width));
    }
    lines.push(Line::default());
    lines
}

/// Device, inode, size, and how it lies in memory.
fn place(row: &Row<'_>) -> String {
    let key = row.key();
    let (major, minor) = key.dev;
    let name = format!("{major}:{minor} inode {}", key.ino);
    let Some(layout) = &row.file.layout else {
        return name + "  where it lies is not known";
    };
    let count = layout.extents.len();
    let what = match layout.chunk {
        Some(chunk) => format!("{count} strips of {} chunks", Value::Bytes(chunk).text()),
        None if count == 1 => "1 extent".into(),
        None => format!("{count} extents"),
    };
    let size = Value::Bytes(layout.size).text();
    let alignment = Alignment::of(layout).map_or("-", Alignment::name);
    format!("{name}  {size}  {what}  alignment: {alignment}")
}

fn labelled(
    label: &str,
    text: &str,
    style: ratatui::style::Style,
    width: usize,
) -> Vec<Line<'static>> {
    const LABEL: usize = 7;
    let wrapped = paint::wrap(text, width.saturating_sub(LABEL));
    let lines = wrapped.into_iter().enumerate().map(|(i, text)| {
        let label = if i == 0 { label } else { "" };
        Line::from(vec![
            Span::raw(paint::left(label, LABEL)),
            Span::styled(text, style),
        ])
    });
    lines.collect()
}
