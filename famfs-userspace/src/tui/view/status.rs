//! The last lines: how complete the numbers are, and which keys help.

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span, Text},
};

use super::theme;
use crate::{
    model::FIELDS,
    text,
    tui::{App, app::Mode},
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

fn keys(app: &App) -> Line<'static> {
    let actions = app
        .options
        .actions
        .iter()
        .map(|a| (a.key.to_string(), text::printable(&a.label)));
    let own = [
        ("?", "help"),
        ("s", "sort"),
        ("r", "reverse"),
        ("/", "filter"),
        ("f", "freeze"),
        ("t", "total"),
    ];
    let own = own.map(|(key, label)| (key.to_owned(), label.to_owned()));
    let mut line = Line::default();
    for (key, label) in std::iter::once(("q".to_owned(), "quit".to_owned()))
        .chain(actions)
        .chain(own)
    {
        line.push_span(Span::styled(key, theme::key(app)));
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
        line.push_span(format!("filter {}  ", text::printable(&app.options.filter)));
    }
    let missed = format!("unattributed {} lost {}  ", shown.unattributed, shown.lost);
    let style = if shown.unattributed > 0 || shown.lost > 0 {
        theme::notice(app)
    } else {
        Style::new()
    };
    line.push_span(Span::styled(missed, style));
    let broken = shown
        .probes
        .iter()
        .find_map(|p| p.problem.as_ref().map(|why| (&p.name, why)));
    line.push_span(match broken {
        Some((name, why)) => Span::styled(
            format!(
                "probe {} off: {}",
                text::printable(name),
                text::printable(why)
            ),
            theme::alert(app),
        ),
        None => Span::raw(format!("probes {}", shown.probes.len())),
    });
    line
}
