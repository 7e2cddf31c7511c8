//! The page of processes: who faults, how often, and on which file most.

use ratatui::{Frame, layout::Rect, text::Line};

use super::paint;
use crate::tui::App;
use famfs_snapshot::{
    model::{ProcessFaults, Value},
    source::Extra,
    text,
};

/// Lines above the list.
pub(super) const HEAD: u16 = 2;

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = app.options.theme;
    let width = usize::from(area.width);
    let people = app.by_process();
    let cursor = app.cursor();
    let head = "    PID  COMMAND           FAULT/s      FAULTS  FILES  MOSTLY ON";
    let mut lines = vec![
        Line::raw(paint::head(&note(app, people.len()), width)),
        Line::styled(paint::left(head, width), theme.head()),
    ];
    let visible = usize::from(area.height.saturating_sub(HEAD));
    let rows = people.iter().enumerate().skip(cursor.top).take(visible);
    lines.extend(rows.map(|(place, person)| {
        let line = Line::raw(paint::left(&line(app, person, width), width));
        if place == cursor.at {
            line.style(theme.selected())
        } else {
            line
        }
    }));
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

/// Whether processes are counted, and what that costs.
fn note(app: &App, count: usize) -> String {
    let price = Extra::Processes.price();
    let option = Extra::Processes.option();
    match app.extra(Extra::Processes) {
        Some(true) if app.options.is_fixed => {
            format!("{count} processes; counting costs {price}")
        }
        Some(false) if app.options.is_fixed => {
            format!("not counted: quit and start with {option}; it costs {price}")
        }
        Some(true) => format!("{count} processes; counting costs {price} (e: off)"),
        Some(false) => format!("not counted; counting costs {price} (e: on)"),
        None if count > 0 => format!("{count} processes"),
        None => "this source does not tell processes apart".into(),
    }
}

fn line(app: &App, person: &ProcessFaults<'_>, width: usize) -> String {
    const BEFORE: usize = 56;
    let row = app.row(person.main);
    let path = row.map_or_else(String::new, |row| row.path().into_owned());
    let seconds = (app.shown().elapsed_ns as f64 / 1e9).max(1e-9);
    let rate = Value::Rate(person.faults as f64 / seconds).text();
    let comm = paint::left(&text::printable(person.comm), 16);
    let faults = Value::Count(person.faults).fitted(10);
    format!(
        "{:>7}  {comm}  {rate:>7}  {faults:>10}  {:>5}  {}",
        person.pid,
        person.files,
        paint::tail(&text::printable(&path), width.saturating_sub(BEFORE))
    )
}
