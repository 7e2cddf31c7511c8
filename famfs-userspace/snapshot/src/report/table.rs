//! The plain table, for `--once`: no column left out for lack of width, nothing cut off.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::{
    model::{Columns, Field, Row, Snapshot, Sort, rows},
    text,
};

/// The mounts and the files of `interval`, as lines.
pub fn render(interval: &Snapshot, sort: Sort, filter: &str, columns: &Columns) -> String {
    let mut out = format!(
        "famfs-top  {}  {}  interval {:.3} s\n\n",
        text::printable(&interval.kernel),
        text::utc(interval.time),
        interval.elapsed_ns as f64 / 1e9,
    );
    mounts(&mut out, interval);
    let rows = rows(interval, sort, filter);
    files(&mut out, &rows, &columns.printed());
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
        let trouble = text::trouble(mount);
        if !trouble.is_empty() {
            line(out, format_args!("          {}", trouble.join(", ")));
        }
    }
    out.push('\n');
}

fn files(out: &mut String, rows: &[Row<'_>], fields: &[&Field]) {
    let title = |field: &&Field| field.title.to_owned();
    let cells = |row: &Row<'_>| -> Vec<String> {
        let values = fields.iter().map(|f| (f.value)(row).text());
        values.map(|text| text::printable(&text)).collect()
    };
    let table: Vec<Vec<String>> = std::iter::once(fields.iter().map(title).collect())
        .chain(rows.iter().map(cells))
        .collect();
    let width = |column: usize| table.iter().map(|cells| cells[column].width()).max();
    let widths: Vec<usize> = (0..fields.len()).map(|c| width(c).unwrap_or(0)).collect();
    for cells in &table {
        let mut text = String::new();
        for (column, (cell, field)) in cells.iter().zip(fields).enumerate() {
            let pad = " ".repeat(widths[column] - cell.width());
            let gap = if column == 0 { "" } else { "  " };
            if field.is_number() {
                text.extend([gap, &pad, cell]);
            } else {
                text.extend([gap, cell, &pad]);
            }
        }
        line(out, format_args!("{}", text.trim_end()));
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
