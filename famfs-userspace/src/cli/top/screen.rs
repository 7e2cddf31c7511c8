//! The screen's event loop: poll the source, read keys, draw.

use std::{
    env,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::{Args, action, signal::Signals};
use crate::{
    source::Source,
    tui::{
        App, Message,
        app::{Effect, Mode, Options},
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
    let mut app = App::new(source.poll()?, options(args));
    let input = Input::open().context("there is no terminal to read keys from")?;
    let mut screen = Screen::open().context("cannot take over the terminal")?;
    app.update(Message::Resized(
        screen
            .terminal
            .size()
            .context("cannot measure the terminal")?
            .height,
    ));
    let (sender, ended) = mpsc::channel();
    let period = args.interval.min(POLL);
    let mut due = Instant::now() + period;
    while !app.quit && !signals.ended() {
        screen
            .terminal
            .draw(|frame| view::draw(&app, frame))
            .context("cannot draw")?;
        let wait = due.saturating_duration_since(Instant::now());
        if let Some(event) = input.next(wait).context("cannot read keys")? {
            let effect = message(&event, app.mode == Mode::Typing).and_then(|m| app.update(m));
            match effect {
                Some(Effect::Run(chosen)) => action::start(chosen, sender.clone()),
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

fn options(args: &Args) -> Options {
    Options {
        interval: args.interval,
        sort: args.sort(),
        filter: args.filter().to_owned(),
        columns: args.columns(),
        actions: args.actions.clone(),
        // https://no-color.org: any value but the empty one.
        colour: env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}
