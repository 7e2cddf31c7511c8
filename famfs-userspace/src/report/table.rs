//! The plain table, for `--once`: every column, nothing cut off.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::{
    model::{FIELDS, MountState, Row, Snapshot, Sort, SortKey, rows},
    text,
};

/// The mounts and the files of `interval`, as lines.
pub fn render(interval: &Snapshot, sort: Sort, filter: &str) -> String {
    let mut out = format!(
        "famfs-top  {}  {}  interval {:.3} s\n\n",
        text::printable(&interval.kernel),
        text::utc(interval.time),
        interval.elapsed_ns as f64 / 1e9,
    );
    mounts(&mut out, interval);
    files(&mut out, &rows(interval, sort, filter));
    health(&mut out, interval);
    out
}

fn mounts(out: &mut String, interval: &Snapshot) {
    if interval.mounts.is_empty() {
        out.push_str("no famfs is mounted; mount one with: famfs mount DEV DIR\n");
    }
    for mount in &interval.mounts {
        line(
            out,
            format_args!("{:<8}  {}", text::state(mount.state), text::place(mount)),
        );
        match &mount.error {
            Some(error) => line(
                out,
                format_args!("          {}", text::error_parts(error).join(", ")),
            ),
            None if mount.state == MountState::Disabled => {
                line(
                    out,
                    format_args!("          memory error, time and place not known"),
                );
            }
            None => {}
        }
    }
    out.push('\n');
}

fn files(out: &mut String, rows: &[Row]) {
    let cells = |row: &Row| FIELDS.map(|f| text::printable(&(f.text)(row)));
    let table: Vec<_> = std::iter::once(FIELDS.map(|f| f.title.to_owned()))
        .chain(rows.iter().map(cells))
        .collect();
    let widths: [usize; FIELDS.len()] = std::array::from_fn(|i| {
        table
            .iter()
            .map(|cells| cells[i].width())
            .max()
            .unwrap_or(0)
    });
    for cells in &table {
        let mut text = String::new();
        for ((cell, field), width) in cells.iter().zip(&FIELDS).zip(widths) {
            let pad = " ".repeat(width - cell.width());
            match field.sort {
                SortKey::Path => text.extend([cell.as_str(), &pad]),
                SortKey::Number(_) => text.extend(["  ", &pad, cell.as_str()]),
            }
        }
        line(out, format_args!("{text}"));
    }
    if rows.is_empty() {
        out.push_str("no faults\n");
    }
}

/// What the counts above do not hold, which should be nothing.
fn health(out: &mut String, interval: &Snapshot) {
    let Snapshot {
        unattributed, lost, ..
    } = interval;
    line(
        out,
        format_args!("\nunattributed {unattributed}, lost {lost}"),
    );
    for probe in &interval.probes {
        if let Some(problem) = &probe.problem {
            let (name, problem) = (text::printable(&probe.name), text::printable(problem));
            line(out, format_args!("probe {name} is not attached: {problem}"));
        }
    }
}

fn line(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{args}");
}
