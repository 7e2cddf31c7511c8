//! The mounts and their state; for one in trouble also what the trouble is.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span, Text},
};
use unicode_width::UnicodeWidthStr as _;

use crate::tui::App;
use famfs_snapshot::{model::Mount, text};

const INDENT: usize = 2;

/// How many lines the mounts need at this width.
pub(super) fn height(app: &App, width: u16) -> u16 {
    u16::try_from(lines(app, width).len()).unwrap_or(u16::MAX)
}

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = lines(app, area.width);
    let room = usize::from(area.height);
    if lines.len() > room && room > 1 {
        lines.truncate(room - 1);
        lines.push(Line::raw(
            "  more mounts than fit here: make the window taller",
        ));
    }
    frame.render_widget(Text::from(lines), area);
}

fn lines(app: &App, width: u16) -> Vec<Line<'static>> {
    let mounts = app.mounts();
    if mounts.is_empty() {
        let [what, next] = if app.options.all_dax {
            [
                "no file system is mounted on DAX memory",
                "mount one with: famfs mount DEV DIR, or mount -o dax=always DEV DIR",
            ]
        } else {
            ["no famfs is mounted", "mount one with: famfs mount DEV DIR"]
        };
        return vec![
            Line::styled(what, app.options.theme.notice()),
            Line::raw(next),
        ];
    }
    mounts
        .into_iter()
        .flat_map(|mount| mount_lines(app, mount, usize::from(width)))
        .collect()
}

fn mount_lines(app: &App, mount: &Mount, width: usize) -> Vec<Line<'static>> {
    let style = app.options.theme.state(mount.state);
    let state = Span::styled(text::state(mount.state), style);
    let gap = " ".repeat(10_usize.saturating_sub(state.width()));
    let mut line = Line::from(vec![state, Span::raw(gap + &text::place(mount))]);
    if mount.kind != "famfs" {
        line.push_span(Span::raw(format!("  {}", text::printable(&mount.kind))));
    }
    // What the module counted is worth the rest of a line, and no line of its own.
    if let Some(totals) = totals(mount).filter(|t| line.width() + t.width() <= width) {
        line.push_span(Span::raw(totals));
    }
    let mut lines = vec![line];
    lines.extend(
        wrap(&text::trouble(mount), width)
            .into_iter()
            .map(Line::raw),
    );
    lines
}

/// What the module itself counted meanwhile: a check of the numbers below.
fn totals(mount: &Mount) -> Option<String> {
    let t = mount.totals?;
    Some(format!(
        "  module: {} PMD {} PTE {} fell back {} refused {} PUD tries",
        t.pmd, t.pte, t.fallback, t.refused, t.pud_try
    ))
}

/// The parts in as few indented lines as hold them without breaking one.
fn wrap(parts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.width() + 2 + part.width() <= width => {
                line.push_str(", ");
                line.push_str(part);
            }
            _ => lines.push(" ".repeat(INDENT) + part),
        }
    }
    lines
}
