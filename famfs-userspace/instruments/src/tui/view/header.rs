//! The first line: which machine, when, what span of time the numbers cover, and the pages.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

use super::paint;
use crate::tui::{App, app::Span as Covers, command::Page};
use famfs_snapshot::text;

const TABS: [(Page, &str); 4] = [
    (Page::Files, "1 files"),
    (Page::Processes, "2 procs"),
    (Page::Events, "3 events"),
    (Page::Probes, "4 probes"),
];
const GAP: usize = 2;

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = app.options.theme;
    let width = usize::from(area.width);
    let mut line = left(app);
    let tabs = tabs_at(app, area.width);
    let room = tabs
        .map_or(width, usize::from)
        .saturating_sub(line.width() + GAP);
    let kernel = text::printable(&app.shown().kernel);
    if kernel.width() <= room {
        line.push_span(Span::raw(kernel));
    }
    if let Some(at) = tabs {
        let blanks = usize::from(at).saturating_sub(line.width());
        line.push_span(Span::raw(" ".repeat(blanks)));
        for (i, (page, name)) in TABS.into_iter().enumerate() {
            if i > 0 {
                line.push_span(Span::raw(" "));
            }
            let style = if page == app.page {
                theme.sorted()
            } else {
                theme.key()
            };
            line.push_span(Span::styled(name, style));
        }
    }
    frame.render_widget(line, area);
}

/// The page whose name is at this column.
pub(super) fn hit(app: &App, width: u16, x: u16) -> Option<Page> {
    let mut at = tabs_at(app, width)?;
    for (page, name) in TABS {
        let end = at + u16::try_from(name.len()).unwrap_or(0);
        if (at..end).contains(&x) {
            return Some(page);
        }
        at = end + 1;
    }
    None
}

/// Where the names of the pages begin, if there is room for them.
fn tabs_at(app: &App, width: u16) -> Option<u16> {
    let tabs: usize = TABS.iter().map(|(_, name)| name.len() + 1).sum();
    let tabs = u16::try_from(tabs - 1).ok()?;
    let left = u16::try_from(left(app).width()).ok()?;
    width.checked_sub(tabs).filter(|at| *at >= left)
}

fn left(app: &App) -> Line<'static> {
    let theme = app.options.theme;
    let shown = app.shown();
    let seconds = shown.elapsed_ns as f64 / 1e9;
    let span = match app.span() {
        Covers::Interval => format!("last {seconds:.1} s"),
        Covers::Recent => format!("recent {seconds:.1} s"),
        Covers::Total => format!("total of {seconds:.0} s"),
    };
    let mut line = Line::from(Span::styled("famfs-top", theme.key()));
    if app.page != Page::Files {
        line.push_span(Span::raw(format!(" {}", name(app.page))));
    }
    let clock = text::clock(shown.time);
    line.push_span(Span::raw(paint::head(
        &format!("  {clock} UTC  {span}  "),
        48,
    )));
    if app.frozen() {
        line.push_span(Span::styled("FROZEN", theme.notice()));
        line.push_span(Span::raw("  "));
    }
    line
}

fn name(page: Page) -> &'static str {
    match page {
        Page::Files => "files",
        Page::Processes => "processes",
        Page::Events => "events",
        Page::Probes => "probes",
        Page::File(_) => "file",
    }
}
