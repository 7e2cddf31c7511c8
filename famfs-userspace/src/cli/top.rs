//! `famfs-top`: which files fault, at which mapping size, and how long a fault takes.

use std::{io, process::ExitCode, time::Duration};

use clap::{CommandFactory as _, error::ErrorKind};
use famfs_cli::{args as arguments, stream as streams};

use famfs_instruments::live;
use famfs_machine::privilege::{self, Keep};
use famfs_snapshot::{
    source::{self, Source, synthetic},
    store,
};

mod action;
mod args;
#[cfg(test)]
mod contract;
mod doctor;
mod generate;
mod once;
mod output;
mod pace;
mod record;
mod rehearse;
mod replay;
mod screen;
mod serve;
mod signal;
mod stream;
mod terminal;

use args::{Args, Format, Show, Sub, Watch};
use output::Printer;

/// Something went wrong while running.
const FAILED: u8 = 1;
/// The command line is not understood.
const USAGE: u8 = 2;
/// A privilege or a kernel feature is missing.
const UNSUPPORTED: u8 = 3;

const NAME: &str = "famfs-top";

/// Runs `famfs-top` with the arguments of this process.
pub fn main() -> ExitCode {
    let args = match arguments::parse::<Args>(NAME, USAGE) {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    if let Some((kind, message)) = misused(&args) {
        return arguments::misused(NAME, USAGE, &Args::command().error(kind, message));
    }
    let done = match &args.sub {
        None => watch(&args),
        Some(sub) => sub.run(),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain(&format!("{error:#}"));
            let source = error.downcast_ref::<source::Error>();
            let unsupported = source.is_some_and(source::Error::is_unsupported);
            let blocked = output_error(&error).and_then(streams::ended_by);
            ExitCode::from(blocked.unwrap_or(if unsupported { UNSUPPORTED } else { FAILED }))
        }
    }
}

/// Finds what went wrong with a stream or a file, in the ways in which our errors hold it.
fn output_error(error: &anyhow::Error) -> Option<&io::Error> {
    match error.downcast_ref() {
        Some(store::Error::Io { error, .. }) => Some(error),
        _ => error.downcast_ref(),
    }
}

/// What the declaration of the arguments cannot say.
fn misused(args: &Args) -> Option<(ErrorKind, &'static str)> {
    let format = args.show.format();
    if args.command.is_empty() {
        return (args.count.is_some() && format.is_none()).then_some((
            ErrorKind::MissingRequiredArgument,
            "--count needs --once, --json, --csv or --ndjson: the screen goes on until you quit",
        ));
    }
    if format.is_none() {
        let message =
            "CMD needs --once, --json, --csv or --ndjson: the screen watches what runs already";
        return Some((ErrorKind::MissingRequiredArgument, message));
    }
    args.count.is_some().then_some((
        ErrorKind::ArgumentConflict,
        "with CMD there is one interval, the time that it runs: leave out --count",
    ))
}

impl Sub {
    fn run(&self) -> anyhow::Result<u8> {
        match self {
            Self::Record(args) => {
                let mut source = attach(&args.watch, args.interval(), Keep::Files)?;
                record::run(source.as_mut(), args)
            }
            Self::Replay(args) => replay::run(args),
            Self::Serve(args) => serve::run(args),
            Self::Doctor(args) => return doctor::run(args),
            Self::Rehearse(args) => return rehearse::run(args),
            Self::Completions(args) => args.run(),
            Self::Man(args) => args.run(),
        }
        .map(|()| 0)
    }
}

fn watch(args: &Args) -> anyhow::Result<u8> {
    // Commands of the user's run as the user started us.
    let keep = if args.command.is_empty() && args.actions.is_empty() {
        Keep::Nothing
    } else {
        Keep::ForCommands
    };
    let mut source = attach(&args.watch, args.interval, keep)?;
    let source = source.as_mut();
    let Some(format) = format(&args.show) else {
        let shown = screen::Shown {
            show: &args.show,
            interval: args.interval,
            actions: &args.actions,
            all_dax: args.watch.all_dax,
        };
        screen::run(&mut screen::Feed::Live(source), &shown)?;
        return Ok(0);
    };
    let mut printer = Printer::new(format, &args.show);
    if !args.command.is_empty() {
        let stands_alone = format != Format::Table;
        return once::run(
            source,
            args.interval,
            &args.command,
            &mut printer,
            stands_alone,
        );
    }
    let endless = format == Format::Ndjson;
    let one = (!endless).then_some(std::num::NonZeroU64::MIN);
    stream::run(source, args.interval, args.count.or(one), &mut printer)?;
    Ok(0)
}

/// What is to be printed, if there is no screen to be shown: because something else is asked for, or
/// because the terminal cannot show one.
fn format(show: &Show) -> Option<Format> {
    show.format().or_else(|| {
        let why = terminal::why_no_screen()?;
        complain(&format!("{why}: printing one table, as --once does"));
        Some(Format::Table)
    })
}

/// The source; a live one goes on without privileges once it is attached. To be called before
/// there are other threads: capabilities are each thread's own.
fn attach(watch: &Watch, interval: Duration, keep: Keep) -> Result<Box<dyn Source>, source::Error> {
    if let Some(scene) = watch.source.scene() {
        let period = pace::step(interval);
        return Ok(Box::new(synthetic::Synthetic::new(scene, period)));
    }
    let live = live::Live::attach(live::Options {
        all_dax: watch.all_dax,
        processes: watch.processes,
        run_stats: watch.run_stats,
    })?;
    if let Err(error) = privilege::drop_all(keep) {
        complain(&format!(
            "watching goes on with privileges that are not needed: {error}"
        ));
    }
    Ok(Box::new(live))
}

/// One line for the user.
fn complain(message: &str) {
    // Names in it are from outside.
    streams::complain(NAME, &famfs_snapshot::text::printable(message));
}
