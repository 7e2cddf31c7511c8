//! Where the file lies in memory, and whether each range is fit for 2 MiB mappings.

use ratatui::text::Line;

use super::paint;
use crate::tui::Theme;
use famfs_snapshot::model::{Extent, FileRow, Layout, PMD_BYTES, Value};

/// How many are shown.
const MOST: usize = 64;

pub(super) fn lines(theme: Theme, file: &FileRow, width: usize) -> Vec<Line<'static>> {
    let Some(layout) = &file.layout else {
        return Vec::new();
    };
    let what = if layout.chunk.is_some() {
        "STRIP"
    } else {
        "IN THE FILE"
    };
    let head = format!(
        "{what:>18}  {:>3} {:>18}  {:>8}  2 MiB",
        "DEV", "IN MEMORY", "LENGTH"
    );
    let mut lines = vec![Line::styled(paint::head(&head, width), theme.key())];
    let mut at = 0_u64;
    for (i, extent) in layout.extents.iter().take(MOST).enumerate() {
        lines.push(Line::raw(paint::head(&line(layout, extent, i, at), width)));
        at = at.saturating_add(extent.len);
    }
    if let Some(more @ 1..) = layout.extents.len().checked_sub(MOST) {
        lines.push(Line::raw(format!("and {more} more")));
    }
    lines
}

fn line(layout: &Layout, extent: &Extent, index: usize, at: u64) -> String {
    let (place, fits) = if layout.chunk.is_some() {
        (index.to_string(), extent.offset.is_multiple_of(PMD_BYTES))
    } else {
        let congruent = at % PMD_BYTES == extent.offset % PMD_BYTES;
        (format!("{at:#x}"), congruent && extent.len >= PMD_BYTES)
    };
    let fits = if fits { "yes" } else { "no" };
    format!(
        "{place:>18}  {:>3} {:>#18x}  {:>8}  {fits}",
        extent.device,
        extent.offset,
        Value::Bytes(extent.len).text()
    )
}
