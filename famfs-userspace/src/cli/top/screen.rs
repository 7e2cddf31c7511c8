//! The screen's event loop: poll the source, read keys, draw.

use std::{
    env,
    sync::mpsc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use ratatui::crossterm::style::force_color_output;

use super::{
    Args, action,
    args::{Colours, Widths},
    signal::Signals,
};
use crate::{
    model::{Event, EventKind},
    source::{Extra, Source},
    tui::{
        App, Message, Theme,
        app::{Effect, Options},
        event::message,
        input::Input,
        term::Screen,
        view,
    },
};

/// How often the source is asked, so that the kernel's table stays far from full and a disabled
/// mount shows at once; the numbers change once an interval.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// Runs the screen until the user or a signal ends it.
pub(super) fn run(source: &mut dyn Source, args: &Args) -> anyhow::Result<()> {
    let signals = Signals::listen().context("cannot catch signals")?;
    if args.theme.is_some() {
        // crossterm, too, leaves colours out where NO_COLOR is set.
        force_color_output(true);
    }
    let mut app = App::new(source.poll()?, options(args));
    tell_extras(source, &mut app);
    let input = Input::open().context("there is no terminal to read keys from")?;
    let mut screen = Screen::open().context("cannot take over the terminal")?;
    let (sender, ended) = mpsc::channel();
    let period = args.interval.min(POLL);
    let mut due = Instant::now() + period;
    while !app.quit && !signals.ended() {
        draw(&mut screen, &mut app)?;
        let wait = due.saturating_duration_since(Instant::now());
        if let Some(event) = input.next(wait).context("cannot read keys")? {
            match message(&event, app.mode).and_then(|m| app.update(m)) {
                Some(Effect::Run(chosen)) => action::start(chosen, sender.clone()),
                Some(Effect::Switch(extra, on)) => switch(source, &mut app, extra, on),
                // Only a recording has a player.
                Some(Effect::Ask(_)) | None => {}
            }
        }
        if Instant::now() >= due {
            app.update(Message::Observed(source.poll()?));
            due = Instant::now() + period;
        }
        for ended in ended.try_iter() {
            app.update(ended);
        }
    }
    Ok(())
}

/// The size is asked for at each picture: a terminal that was resized says so late, or never.
fn draw(screen: &mut Screen, app: &mut App) -> anyhow::Result<()> {
    let size = screen
        .terminal
        .size()
        .context("cannot measure the terminal")?;
    if (size.width, size.height) != (app.area().width, app.area().height) {
        app.update(Message::Resized(size.width, size.height));
    }
    screen
        .terminal
        .draw(|frame| view::draw(app, frame))
        .context("cannot draw")?;
    Ok(())
}

fn switch(source: &mut dyn Source, app: &mut App, extra: Extra, on: bool) {
    if let Err(error) = source.switch(extra, on) {
        let event = Event::new(SystemTime::now(), EventKind::Instrument, error.to_string());
        app.update(Message::Note(event));
    }
    tell_extras(source, app);
}

fn tell_extras(source: &dyn Source, app: &mut App) {
    for extra in Extra::ALL {
        app.update(Message::Extra(extra, source.extra(extra)));
    }
}

fn options(args: &Args) -> Options {
    Options {
        interval: args.interval,
        sort: args.sort(),
        filter: args.filter().to_owned(),
        columns: args.columns(),
        proportional: args.widths == Widths::Proportional,
        actions: args.actions.clone(),
        theme: theme(args),
        all_dax: args.all_dax,
    }
}

/// <https://no-color.org>: any value but the empty one, unless the user asks for colours.
fn theme(args: &Args) -> Theme {
    let colourless = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    match args.theme {
        Some(Colours::Light) => Theme::Light,
        Some(Colours::Mono) => Theme::Mono,
        None if colourless => Theme::Mono,
        Some(Colours::Dark) | None => Theme::Dark,
    }
}
