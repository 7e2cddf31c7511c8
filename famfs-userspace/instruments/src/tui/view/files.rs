//! The table of files. Only what is visible is written.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::{
    layout::{Column, GAP, columns},
    paint,
};
use crate::tui::App;
use famfs_snapshot::{
    model::{FIELDS, Row},
    text,
};

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let columns = columns(app, area.width);
    let cursor = app.cursor();
    let visible = usize::from(area.height.saturating_sub(1));
    let rows = app.rows().enumerate().skip(cursor.top).take(visible);
    let mut lines = vec![head(app, &columns)];
    lines.extend(rows.map(|(place, row)| {
        let line = line(&row, &columns);
        if place == cursor.at {
            line.style(app.options.theme.selected())
        } else {
            line
        }
    }));
    if app.rows().len() == 0 {
        lines.push(Line::raw(nothing(app)));
    }
    for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
        frame.render_widget(
            line,
            Rect {
                y,
                height: 1,
                ..area
            },
        );
    }
}

/// The field whose head is at this column of the screen.
pub(super) fn hit(app: &App, area: Rect, x: u16) -> Option<usize> {
    let x = x.checked_sub(area.x)?;
    let mut columns = columns(app, area.width).into_iter();
    let at = columns.find(|c| (c.x..c.x + c.width).contains(&x))?;
    Some(at.field)
}

fn head(app: &App, columns: &[Column]) -> Line<'static> {
    let theme = app.options.theme;
    let mut line = Line::default().style(theme.head());
    for (i, column) in columns.iter().enumerate() {
        let field = &FIELDS[column.field];
        let sorted = column.field == app.options.sort.field;
        let style = if sorted { theme.sorted() } else { theme.head() };
        if i > 0 {
            line.push_span(Span::styled(" ".repeat(GAP.into()), theme.head()));
        }
        let text = aligned(field.title, field.is_number(), column.width);
        line.push_span(Span::styled(text, style));
    }
    line
}

fn line(row: &Row<'_>, columns: &[Column]) -> Line<'static> {
    let cells: Vec<String> = columns.iter().map(|column| cell(row, column)).collect();
    Line::raw(cells.join(&" ".repeat(GAP.into())))
}

fn cell(row: &Row<'_>, column: &Column) -> String {
    #[cfg(test)]
    tests::WRITTEN.with(|written| written.set(written.get() + 1));
    let field = &FIELDS[column.field];
    let value = (field.value)(row).fitted(column.width.into());
    let value = text::printable(&value);
    if field.width == 0 {
        paint::left(
            &paint::tail(&value, column.width.into()),
            column.width.into(),
        )
    } else {
        aligned(&value, field.is_number(), column.width)
    }
}

fn aligned(text: &str, right: bool, width: u16) -> String {
    if right {
        paint::right(text, width.into())
    } else {
        paint::left(text, width.into())
    }
}

fn nothing(app: &App) -> &'static str {
    if app.shown().files.is_empty() {
        "no faults yet"
    } else {
        "no path contains the filter (esc drops it)"
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::tui::{Message, app::Options, command::Command, view};
    use famfs_snapshot::{
        model::{FileKey, FileRow},
        source::{
            Source as _,
            synthetic::{Scene, Synthetic},
        },
    };

    thread_local! {
        pub(super) static WRITTEN: Cell<usize> = const { Cell::new(0) };
    }

    /// Fifty thousand files that all fault.
    fn huge() -> App {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        let first = source.poll().unwrap();
        let mut second = source.poll().unwrap();
        let file = second.files[0].clone();
        second.files = (0..50_000)
            .map(|ino| FileRow {
                key: FileKey { dev: (0, 42), ino },
                path: Some(format!("/mnt/famfs/{ino:05}").into()),
                ..file.clone()
            })
            .collect();
        let mut app = App::new(first, Options::default(), &view::Pages);
        app.update(Message::Observed(second));
        app
    }

    #[test]
    fn of_fifty_thousand_rows_only_the_visible_cells_are_written() {
        let mut app = huge();
        assert_eq!(app.rows().len(), 50_000);
        app.update(Message::Resized(80, 24));
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let mut written = |app: &App| {
            WRITTEN.set(0);
            terminal.draw(|frame| view::draw(app, frame)).unwrap();
            WRITTEN.get()
        };
        // Header, two mounts, the table's head and two lines of status are no rows; a width of 80
        // has eight columns.
        assert_eq!(written(&app), (24 - 6) * 8);
        for command in [
            Command::Move(isize::MAX),
            Command::Turn(-1),
            Command::SortNext,
            Command::Reverse,
        ] {
            WRITTEN.set(0);
            app.update(Message::Command(command));
            assert_eq!(WRITTEN.get(), 0, "{command:?} writes cells");
            assert_eq!(written(&app), (24 - 6) * 8);
        }
    }
}
