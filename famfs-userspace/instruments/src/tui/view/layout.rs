//! Which columns of the table have room, and how wide each is.

use crate::tui::App;
use famfs_snapshot::model::{FIELDS, position};

/// The gap between two columns.
pub(super) const GAP: u16 = 1;
/// What a column that takes the rest has at least.
const LEAST: u16 = 8;
/// The width that it counts as when spare width is divided.
const USUAL: u16 = 40;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its place in the field table.
    pub(super) field: usize,
    /// The distance from the left.
    pub(super) x: u16,
    pub(super) width: u16,
}

/// The columns of a table of this width. The one that orders the table is always among them: where
/// there is no room for all, those between the path and it make way.
pub(super) fn columns(app: &App, width: u16) -> Vec<Column> {
    let chosen = app.options.columns.at(width);
    let mut fields: Vec<usize> = chosen.iter().filter_map(|f| position(f.key)).collect();
    let sorted = app.options.sort.field;
    while end_of(&fields, sorted) > width {
        let moved = |field: &usize| *field != sorted && FIELDS[*field].width > 0;
        match fields.iter().position(moved) {
            Some(place) if fields[..place].iter().all(|field| *field != sorted) => {
                fields.remove(place);
            }
            _ => break,
        }
    }
    while fields.len() > 1 && needed(&fields) > width {
        fields.pop();
    }
    lay(&fields, width, app.options.proportional)
}

/// Where the column of this field ends at the least; 0 if there is none.
fn end_of(fields: &[usize], sorted: usize) -> u16 {
    let place = fields.iter().position(|field| *field == sorted);
    place.map_or(0, |place| needed(&fields[..=place]))
}

fn needed(fields: &[usize]) -> u16 {
    let widths = fields.iter().map(|field| least(*field) + GAP);
    widths.fold(0, u16::saturating_add).saturating_sub(GAP)
}

fn least(field: usize) -> u16 {
    match FIELDS[field].width {
        0 => LEAST,
        width => width,
    }
}

fn lay(fields: &[usize], width: u16, proportional: bool) -> Vec<Column> {
    let spare = width.saturating_sub(needed(fields));
    let weight = |field: usize| u32::from(FIELDS[field].width.max(1));
    let usual = |field: usize| match FIELDS[field].width {
        0 => u32::from(USUAL),
        _ => weight(field),
    };
    let all: u32 = fields.iter().map(|field| usual(*field)).sum();
    let mut x = 0;
    let columns = fields.iter().map(|&field| {
        let extra = if proportional {
            u32::from(spare) * usual(field) / all.max(1)
        } else if FIELDS[field].width == 0 {
            spare.into()
        } else {
            0
        };
        let width = least(field) + u16::try_from(extra).unwrap_or(0);
        let column = Column { field, x, width };
        x += width + GAP;
        column
    });
    let mut columns: Vec<Column> = columns.collect();
    // One that takes the rest may have to do with less than it should have.
    for column in &mut columns {
        column.width = column.width.min(width.saturating_sub(column.x));
    }
    columns
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tui::{Glyphs, Theme, app::Options};
    use famfs_snapshot::{
        model::{Columns, Sort},
        source::{
            Source as _,
            synthetic::{Scene, Synthetic},
        },
    };

    fn app(columns: &str, sort: &str, proportional: bool) -> App {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        let options = Options {
            interval: Duration::from_secs(1),
            sort: Sort {
                field: position(sort).unwrap(),
                reverse: false,
            },
            filter: String::new(),
            columns: Columns::parse(columns).unwrap(),
            proportional,
            actions: Vec::new(),
            theme: Theme::Mono,
            all_dax: false,
            is_fixed: false,
            glyphs: Glyphs::Unicode,
        };
        App::new(source.poll().unwrap(), options, &crate::tui::view::Pages)
    }

    #[test]
    fn columns_never_overlap_nor_leave_the_table() {
        for proportional in [false, true] {
            for sort in ["path", "p99", "inode"] {
                let app = app("all", sort, proportional);
                for width in 0..600 {
                    let columns = columns(&app, width);
                    for pair in columns.windows(2) {
                        assert!(pair[0].x + pair[0].width < pair[1].x);
                    }
                    let last = columns.last().unwrap();
                    assert!(last.x.min(width) + last.width <= width);
                    let sorted = columns.iter().any(|c| FIELDS[c.field].key == sort);
                    assert!(sorted || width < 20, "{sort} is not to be seen at {width}");
                }
            }
        }
    }

    #[test]
    fn spare_width_goes_to_the_path_or_to_all() {
        let widths = |proportional| -> Vec<u16> {
            let app = app("path,p50", "p50", proportional);
            columns(&app, 80).iter().map(|c| c.width).collect()
        };
        assert_eq!(widths(false), [73, 6]);
        assert_eq!(widths(true), [64, 14]);
    }
}
