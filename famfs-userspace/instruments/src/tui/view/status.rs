//! The last lines: how complete the numbers are, and which keys help.

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span, Text},
};

use super::paint;
use crate::tui::{App, app::Mode, command::Page};
use famfs_snapshot::{
    model::{FIELDS, Value},
    text,
};

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![if app.mode == Mode::Typing {
        filter(app)
    } else {
        keys(app)
    }];
    if area.height > 1 {
        lines.insert(0, health(app));
    }
    frame.render_widget(Text::from(lines), area);
}

type Key = (&'static str, &'static str);

/// What one most likely wants next, on each page.
const FRONT: &[Key] = &[("esc", "close")];
const FILES: &[Key] = &[
    ("?", "help"),
    ("enter", "file"),
    ("s", "sort"),
    ("/", "filter"),
    ("t", "span"),
    ("f", "freeze"),
    ("c", "columns"),
    ("r", "reverse"),
    ("w", "widths"),
];
const FILE: &[Key] = &[
    ("esc", "back"),
    ("?", "help"),
    ("t", "span"),
    ("f", "freeze"),
];
const LISTS: &[Key] = &[
    ("esc", "back"),
    ("?", "help"),
    ("enter", "file"),
    ("tab", "next"),
    ("f", "freeze"),
];
const PROBES: &[Key] = &[
    ("esc", "back"),
    ("?", "help"),
    ("tab", "next"),
    ("e", "time them"),
];
const PROCESSES: &[Key] = &[
    ("esc", "back"),
    ("?", "help"),
    ("enter", "file"),
    ("tab", "next"),
    ("e", "count them"),
];
const PLAYER: &[Key] = &[
    ("space", "pause"),
    ("[ ]", "10 s"),
    (", .", "step"),
    ("- +", "speed"),
];

fn keys(app: &App) -> Line<'static> {
    let actions = app.options.actions.iter().map(|a| {
        (
            text::printable(&a.key.to_string()),
            text::printable(&a.label),
        )
    });
    let own = match (app.mode, app.page) {
        (Mode::Help | Mode::Columns, _) => FRONT,
        (_, Page::Files) => FILES,
        (_, Page::File(_)) => FILE,
        (_, Page::Events) => LISTS,
        (_, Page::Processes) => PROCESSES,
        (_, Page::Probes) => PROBES,
    };
    // Not offered where it does nothing.
    let own = own
        .iter()
        .filter(|(key, _)| *key != "e" || !app.options.is_fixed);
    let player = if app.transport.is_some() { PLAYER } else { &[] };
    let fixed = |(key, label): &Key| ((*key).to_owned(), (*label).to_owned());
    let mut line = Line::default();
    for (key, label) in std::iter::once(("q".to_owned(), "quit".to_owned()))
        .chain(actions)
        .chain(player.iter().map(fixed))
        .chain(own.map(fixed))
    {
        line.push_span(Span::styled(key, app.options.theme.key()));
        line.push_span(Span::raw(format!(" {label}  ")));
    }
    line
}

fn filter(app: &App) -> Line<'static> {
    Line::raw(format!(
        "filter: {}_  (enter keeps it, esc drops it)",
        text::printable(&app.options.filter)
    ))
}

fn health(app: &App) -> Line<'static> {
    let theme = app.options.theme;
    let shown = app.shown();
    let order = if app.options.sort.reverse {
        ", reversed"
    } else {
        ""
    };
    let files = app.rows().len();
    let plural = if files == 1 { "" } else { "s" };
    let mut line = Line::raw(format!(
        "{files} file{plural} by {}{order}  ",
        FIELDS[app.options.sort.field].title
    ));
    if !app.options.filter.is_empty() {
        let filter = paint::tail(&text::printable(&app.options.filter), 24);
        line.push_span(format!("filter {filter}  "));
    }
    let missed = format!("unattributed {} lost {}  ", shown.unattributed, shown.lost);
    let style = if shown.unattributed > 0 || shown.lost > 0 {
        theme.notice()
    } else {
        Style::new()
    };
    line.push_span(Span::styled(missed, style));
    line.push_span(probes(app));
    line.push_span(Span::raw(own_cost(app)));
    line
}

/// What is wrong with a probe, or how many there are.
fn probes(app: &App) -> Span<'static> {
    let probes = &app.shown().probes;
    let theme = app.options.theme;
    let told = |why: &str, name: &str, what: &str| {
        let (name, why) = (text::printable(name), text::printable(why));
        format!("probe {name}{what}: {why}  ")
    };
    let off = probes
        .iter()
        .find_map(|p| Some((p.problem.as_ref()?, &p.name)));
    let odd = probes
        .iter()
        .find_map(|p| Some((p.warning.as_ref()?, &p.name)));
    match (off, odd) {
        (Some((why, name)), _) => Span::styled(told(why, name, " off"), theme.alert()),
        (None, Some((why, name))) => Span::styled(told(why, name, ""), theme.notice()),
        (None, None) => Span::raw(format!("probes {}  ", probes.len())),
    }
}

/// What famfs-top itself takes: part of one CPU, and memory.
fn own_cost(app: &App) -> String {
    let shown = app.shown();
    let cost = shown.cost;
    if cost.rss_bytes == 0 && cost.map_bytes == 0 {
        return String::new();
    }
    let memory = Value::Bytes(cost.rss_bytes.saturating_add(cost.map_bytes)).text();
    let share = cost.cpu_ns as f64 / (shown.elapsed_ns as f64).max(1.0);
    format!("own cpu {:.1}% mem {memory}", share * 100.0)
}
