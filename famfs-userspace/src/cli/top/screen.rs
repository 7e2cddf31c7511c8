//! The screen's event loop: poll the source, read keys, draw.

use std::{
    env,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::{action, args::Show, signal::Signals};
use crate::{
    model::Snapshot,
    source::{Source, replay::Replay},
    tui::{
        App, Message, Transport,
        app::{Action, Effect, Mode, Options},
        event::message,
        input::Input,
        term::Screen,
        transport::Ask,
        view,
    },
};

/// How often the source is asked, so that the kernel's table stays far from full and a disabled
/// mount shows at once; the numbers change once an interval.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// What the screen shows.
pub(super) enum Feed<'a> {
    Live(&'a mut dyn Source),
    Recording(&'a mut Replay),
}

/// How it is shown.
pub(super) struct Shown<'a> {
    pub(super) show: &'a Show,
    pub(super) interval: Duration,
    pub(super) actions: &'a [Action],
}

impl Feed<'_> {
    fn first(&mut self) -> anyhow::Result<Snapshot> {
        Ok(match self {
            Self::Live(source) => source.poll()?,
            // The one before, so that there is an interval to show at once.
            Self::Recording(replay) => replay.before()?,
        })
    }

    /// What is new.
    fn messages(&mut self) -> anyhow::Result<Vec<Message>> {
        Ok(match self {
            Self::Live(source) => vec![Message::Observed(source.poll()?)],
            Self::Recording(replay) => {
                let next = replay.fresh()?.map(Message::Observed);
                let transport = Message::Transport(transport(replay));
                next.into_iter().chain([transport]).collect()
            }
        })
    }

    /// Does what the screen asks of the player of a recording.
    fn ask(&mut self, ask: Ask) -> anyhow::Result<Vec<Message>> {
        let Self::Recording(replay) = self else {
            return Ok(Vec::new());
        };
        let jumped = match ask {
            Ask::Jump(to) => Some(replay.jump(to)?),
            Ask::Step { back } => Some(replay.step(back)?),
            Ask::Pause(paused) => {
                replay.pause(paused);
                None
            }
            Ask::Speed(speed) => {
                replay.set_speed(speed);
                None
            }
        };
        let mut messages: Vec<Message> = jumped.map(Message::Jumped).into_iter().collect();
        messages.extend(self.messages()?);
        Ok(messages)
    }
}

fn transport(replay: &Replay) -> Transport {
    let (position, length) = replay.position();
    Transport {
        position,
        length,
        paused: replay.paused(),
        speed: replay.speed(),
    }
}

/// Runs the screen until the user or a signal ends it.
pub(super) fn run(feed: &mut Feed<'_>, shown: &Shown<'_>) -> anyhow::Result<()> {
    let signals = Signals::listen().context("cannot catch signals")?;
    let mut app = App::new(feed.first()?, options(shown));
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
    let period = shown.interval.min(POLL);
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
                Some(Effect::Ask(ask)) => {
                    for message in feed.ask(ask)? {
                        app.update(message);
                    }
                }
                None => {}
            }
        }
        if Instant::now() >= due {
            for message in feed.messages()? {
                app.update(message);
            }
            due = Instant::now() + period;
        }
        for ended in ended.try_iter() {
            app.update(ended);
        }
    }
    Ok(())
}

fn options(shown: &Shown<'_>) -> Options {
    let show = shown.show;
    Options {
        interval: shown.interval,
        sort: show.sort(),
        filter: show.filter().to_owned(),
        columns: show.columns().cloned().unwrap_or_default(),
        actions: shown.actions.to_vec(),
        // https://no-color.org: any value but the empty one.
        colour: env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}
