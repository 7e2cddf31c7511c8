//! Who faults on the file.

use ratatui::text::Line;

use super::paint;
use crate::tui::App;
use famfs_snapshot::{
    model::{FileRow, Value},
    source::Extra,
    text,
};

/// How many are shown; the busiest are first.
const MOST: usize = 16;

pub(super) fn lines(app: &App, file: &FileRow) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("PROCESSES", app.options.theme.key())];
    for process in file.processes.iter().take(MOST) {
        let comm = paint::left(&text::printable(&process.comm), 16);
        let faults = Value::Count(process.faults).fitted(10);
        lines.push(Line::raw(format!(
            "{:>7}  {comm}  {faults:>10} faults",
            process.pid
        )));
    }
    if let Some(more @ 1..) = file.processes.len().checked_sub(MOST) {
        lines.push(Line::raw(format!("and {more} more")));
    }
    if file.processes.is_empty() {
        lines.push(Line::raw(match app.extra(Extra::Processes) {
            Some(false) if app.options.is_fixed => {
                "not counted: page 2 says how to count them, and what that costs"
            }
            Some(false) => "not counted: e counts them, page 2 says what that costs",
            Some(true) => "nobody in this time",
            None => "not counted",
        }));
    }
    lines.push(Line::default());
    lines
}
