//! The table of files: as many columns of the field table as the width has room for.

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Rect},
    text::{Line, Text},
    widgets::{Cell, Row, Table},
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::theme;
use crate::{
    model::{self, FIELDS, Field},
    text,
    tui::App,
};

const GAP: u16 = 1;

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let fields = app.options.columns.at(area.width);
    let taken: u16 = fields
        .iter()
        .map(|f| if f.width == 0 { 0 } else { f.width + GAP })
        .sum();
    let path_width = area.width.saturating_sub(taken);
    let widths = fields
        .iter()
        .map(|f| Constraint::Length(width(f, path_width)));
    let rows = app.rows().skip(app.scroll).take(usize::from(area.height));
    let rows = rows.map(|row| Row::new(fields.iter().map(|f| cell(f, &row, path_width))));
    let table = Table::new(rows, widths)
        .column_spacing(GAP)
        .header(header(app, &fields));
    frame.render_widget(table, area);
    if app.rows().len() == 0 && area.height > 1 {
        let below = Rect {
            y: area.y + 1,
            height: 1,
            ..area
        };
        frame.render_widget(Line::raw(nothing(app)), below);
    }
}

fn width(field: &Field, path_width: u16) -> u16 {
    if field.width == 0 {
        path_width
    } else {
        field.width
    }
}

fn header<'a>(app: &App, fields: &[&Field]) -> Row<'a> {
    let sorted = FIELDS[app.options.sort.field].key;
    let cells = fields.iter().map(|field| {
        let style = if field.key == sorted {
            theme::sorted(app)
        } else {
            theme::head(app)
        };
        Cell::from(Text::from(field.title).alignment(alignment(field))).style(style)
    });
    Row::new(cells.collect::<Vec<_>>()).style(theme::head(app))
}

fn cell<'a>(field: &Field, row: &model::Row<'_>, path_width: u16) -> Cell<'a> {
    let value = text::printable(&(field.value)(row).fitted(usize::from(field.width)));
    let value = if field.width == 0 {
        tail(&value, usize::from(path_width))
    } else {
        value
    };
    Cell::from(Text::from(value).alignment(alignment(field)))
}

fn alignment(field: &Field) -> Alignment {
    if field.is_number() {
        Alignment::Right
    } else {
        Alignment::Left
    }
}

/// The end of a path tells files apart better than its beginning.
fn tail(path: &str, width: usize) -> String {
    const CUT: &str = "..";
    if path.width() <= width {
        return path.into();
    }
    let mut left = width.saturating_sub(CUT.len());
    let kept = path.char_indices().rev().take_while(|(_, c)| {
        let fits = c.width().unwrap_or(0) <= left;
        left = left.saturating_sub(c.width().unwrap_or(0));
        fits
    });
    let start = kept.last().map_or(path.len(), |(i, _)| i);
    format!("{CUT}{}", &path[start..])
}

fn nothing(app: &App) -> &'static str {
    if app.options.filter.is_empty() {
        "no faults yet"
    } else {
        "no path contains the filter"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_end() {
        assert_eq!(tail("/mnt/famfs/a", 12), "/mnt/famfs/a");
        assert_eq!(tail("/mnt/famfs/a", 8), "..amfs/a");
        assert_eq!(tail("/mnt/数据", 6), "..数据");
        assert_eq!(tail("/mnt/数据", 5), "..据");
        assert_eq!(tail("/mnt", 0), "..");
    }
}
