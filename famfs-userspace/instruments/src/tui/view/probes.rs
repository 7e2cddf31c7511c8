//! The page of probes: is the instrument itself well, and what does it take.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Text},
};

use super::paint;
use crate::tui::App;
use famfs_snapshot::{
    model::{ProbeHealth, Value},
    source::Extra,
    text,
};

pub(super) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let lines = lines(app, area.width.into()).into_iter();
    let visible = lines.skip(app.cursor().top).take(area.height.into());
    frame.render_widget(visible.collect::<Text<'_>>(), area);
}

/// How many lines the page has.
pub(in crate::tui) fn height(app: &App) -> usize {
    lines(app, app.area().width.into()).len()
}

fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let theme = app.options.theme;
    let head = "PROBE                   KIND     STATE           HITS  MISSED    RUN   ns/HIT";
    let mut lines = vec![Line::styled(paint::left(head, width), theme.head())];
    for probe in &app.shown().probes {
        let style = match (&probe.problem, &probe.warning) {
            (Some(_), _) => theme.alert(),
            (None, Some(_)) => theme.notice(),
            (None, None) => ratatui::style::Style::new(),
        };
        lines.push(Line::styled(paint::head(&line(probe), width), style));
        let why = probe.problem.iter().chain(&probe.warning);
        for text in why.flat_map(|why| paint::wrap(&text::printable(why), width.saturating_sub(4)))
        {
            lines.push(Line::raw(paint::head(&format!("    {text}"), width)));
        }
    }
    lines.push(Line::default());
    let told = [exactness(app), run_time(app), cost(app)].concat();
    for text in told {
        lines.extend(paint::wrap(&text, width).into_iter().map(Line::raw));
    }
    lines
}

fn line(probe: &ProbeHealth) -> String {
    let state = match (&probe.problem, &probe.warning) {
        (Some(_), _) => "OFF",
        (None, Some(_)) => "DOUBTFUL",
        (None, None) => "ok",
    };
    let run = probe.run_ns.map_or(Value::Missing, Value::Nanos).text();
    let each = probe.run_ns.and_then(|ns| ns.checked_div(probe.hits));
    let each = each.map_or(Value::Missing, Value::Count).fitted(8);
    format!(
        "{}  {}  {state:<8}  {:>10}  {:>6}  {run:>6} {each:>8}",
        paint::left(&text::printable(&probe.name), 22),
        paint::left(&text::printable(&probe.kind), 7),
        Value::Count(probe.hits).fitted(10),
        Value::Count(probe.misses).fitted(6),
    )
}

fn exactness(app: &App) -> Vec<String> {
    let shown = app.shown();
    let (unattributed, lost) = (shown.unattributed, shown.lost);
    vec![format!(
        "{unattributed} faults in no row, {lost} records lost: every fault is in a row or in the first \
         number."
    )]
}

fn run_time(app: &App) -> Vec<String> {
    let price = Extra::RunTime.price();
    let option = Extra::RunTime.option();
    let how = match app.extra(Extra::RunTime) {
        Some(true) if app.options.is_fixed => format!("Probes are timed, which costs {price}."),
        Some(false) if app.options.is_fixed => format!(
            "Probes are not timed: quit and start with {option}, which needs CAP_SYS_ADMIN; timing \
             costs {price}."
        ),
        Some(true) => format!("Probes are timed, which costs {price} (e: off)."),
        Some(false) => {
            format!("Probes are not timed; timing costs {price}, and needs CAP_SYS_ADMIN (e: on).")
        }
        None => return Vec::new(),
    };
    vec![how]
}

fn cost(app: &App) -> Vec<String> {
    let shown = app.shown();
    let cost = shown.cost;
    if cost.rss_bytes == 0 && cost.map_bytes == 0 {
        return Vec::new();
    }
    let share = cost.cpu_ns as f64 / (shown.elapsed_ns as f64).max(1.0) * 100.0;
    vec![format!(
        "famfs-top itself: {share:.1}% of one CPU, {} resident, {} of maps in the kernel, {} for the \
         last poll.",
        Value::Bytes(cost.rss_bytes).text(),
        Value::Bytes(cost.map_bytes).text(),
        Value::Nanos(cost.poll_ns).text(),
    )]
}
