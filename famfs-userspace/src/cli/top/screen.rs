//! The screen's event loop: poll the source, read keys, draw.

use std::{
    sync::mpsc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use ratatui::crossterm::style::force_color_output;

use super::{
    action,
    args::{Colours, Show, Widths},
    pace::{NAP, step},
    signal::Signals,
    terminal,
};
use famfs_instruments::tui::{
    App, Message, Theme, Transport,
    app::{Action, Effect, Options},
    event::message,
    input::Input,
    term::{self, Screen, Who},
    transport::Ask,
    view,
};
use famfs_snapshot::{
    model::{Event, EventKind, Snapshot},
    source::{Extra, Source, replay::Replay},
};

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
    pub(super) all_dax: bool,
}

impl Feed<'_> {
    fn first(&mut self) -> anyhow::Result<Snapshot> {
        Ok(match self {
            Self::Live(source) => source.poll()?,
            // The one before, so that there is an interval to show at once.
            Self::Recording(replay) => replay.before()?,
        })
    }

    /// The time between two looks at what is new: a recording's clock runs on the screen.
    fn period(&self, interval: Duration) -> Duration {
        match self {
            Self::Live(_) => step(interval),
            Self::Recording(_) => step(interval).min(NAP),
        }
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

    /// Pauses a recording, or lets it go on; says whether it was paused.
    fn pause(&mut self, paused: bool) -> bool {
        let Self::Recording(replay) = self else {
            return false;
        };
        let was = replay.paused();
        replay.pause(paused);
        was
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

impl Feed<'_> {
    /// Turns something on or off that costs, or says why not.
    fn switch(&mut self, app: &mut App, extra: Extra, on: bool) {
        if let Self::Live(source) = self
            && let Err(error) = source.switch(extra, on)
        {
            let event = Event::new(SystemTime::now(), EventKind::Instrument, error.to_string());
            app.update(Message::Note(event));
        }
        self.tell_extras(app);
    }

    fn tell_extras(&self, app: &mut App) {
        for extra in Extra::ALL {
            let on = match self {
                Self::Live(source) => source.extra(extra),
                Self::Recording(_) => None,
            };
            app.update(Message::Extra(extra, on));
        }
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
    // First, so that a signal that comes before the rest is there is not lost.
    famfs_cli::signals::remember().context("cannot catch signals")?;
    term::end_when_asked_twice().context("cannot catch signals")?;
    let signals = Signals::listen().context("cannot catch signals")?;
    if shown.show.theme.is_some() {
        // crossterm, too, leaves colours out where NO_COLOR is set.
        force_color_output(true);
    }
    let is_fixed = match feed {
        Feed::Live(source) => source.is_fixed(),
        Feed::Recording(_) => true,
    };
    let mut app = App::new(feed.first()?, options(shown, is_fixed), &view::Pages);
    feed.tell_extras(&mut app);
    let input = Input::open().context("there is no terminal to read keys from")?;
    let mut screen = Screen::open().context("cannot take over the terminal")?;
    let (sender, ended) = mpsc::channel();
    let period = feed.period(shown.interval);
    let mut due = Instant::now() + period;
    let mut is_stale = true;
    while !app.quit && !signals.ended() {
        if screen.stop_wanted() {
            stop(&mut screen, feed, Who::Myself)?;
            is_stale = true;
        }
        is_stale |= screen.recover().context("cannot take over the terminal")?;
        if resize(&screen, &mut app)? || is_stale {
            draw(&mut screen, &app)?;
        }
        is_stale = false;
        let wait = due.saturating_duration_since(Instant::now()).min(NAP);
        if let Some(event) = input.next(wait).context("cannot read keys")? {
            is_stale = true;
            match message(&event, app.mode).and_then(|m| app.update(m)) {
                Some(Effect::Run(chosen)) => action::start(chosen, sender.clone()),
                Some(Effect::Stop) => stop(&mut screen, feed, Who::Job)?,
                Some(Effect::Switch(extra, on)) => feed.switch(&mut app, extra, on),
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
            is_stale = true;
        }
        for ended in ended.try_iter() {
            app.update(ended);
            is_stale = true;
        }
    }
    Ok(())
}

/// Stops this process until it is told to go on. A recording stays where it is meanwhile.
fn stop(screen: &mut Screen, feed: &mut Feed<'_>, who: Who) -> anyhow::Result<()> {
    let was_paused = feed.pause(true);
    let stopped = screen.stop(who);
    feed.pause(was_paused);
    stopped.context("cannot stop and take over the terminal again")
}

/// Asks for the size, and says whether it is another: a terminal that was resized tells late, or
/// never.
fn resize(screen: &Screen, app: &mut App) -> anyhow::Result<bool> {
    let size = screen
        .terminal
        .size()
        .context("cannot measure the terminal")?;
    if (size.width, size.height) != (app.area().width, app.area().height) {
        app.update(Message::Resized(size.width, size.height));
        return Ok(true);
    }
    Ok(false)
}

fn draw(screen: &mut Screen, app: &App) -> anyhow::Result<()> {
    screen
        .terminal
        .draw(|frame| view::draw(app, frame))
        .context("cannot draw")?;
    Ok(())
}

fn options(shown: &Shown<'_>, is_fixed: bool) -> Options {
    let show = shown.show;
    Options {
        interval: shown.interval,
        sort: show.sort(),
        filter: show.filter().to_owned(),
        columns: show.columns().cloned().unwrap_or_default(),
        proportional: show.widths == Widths::Proportional,
        actions: shown.actions.to_vec(),
        theme: theme(show),
        all_dax: shown.all_dax,
        is_fixed,
        glyphs: terminal::glyphs(),
    }
}

fn theme(show: &Show) -> Theme {
    match show.theme {
        Some(Colours::Light) => Theme::Light,
        Some(Colours::Mono) => Theme::Mono,
        None if terminal::is_colourless() => Theme::Mono,
        Some(Colours::Dark) | None => Theme::Dark,
    }
}
