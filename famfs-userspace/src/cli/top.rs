//! `famfs-top`: which files fault, at which mapping size, and how long a fault takes.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use crate::{
    privilege::{self, Keep},
    source::{self, Source, synthetic},
};

mod action;
mod args;
mod doctor;
mod once;
mod rehearse;
mod screen;
mod signal;

use args::{Args, Mode, Origin};

/// Something went wrong while running.
const FAILED: u8 = 1;
/// A privilege or a kernel feature is missing.
const UNSUPPORTED: u8 = 3;

/// Runs `famfs-top` with the arguments of this process.
pub fn main() -> ExitCode {
    let args = Args::parse();
    if !args.command.is_empty() && !args.prints() {
        let message = "CMD needs --once or --json: the screen watches what runs already";
        Args::command()
            .error(ErrorKind::MissingRequiredArgument, message)
            .exit();
    }
    match run(&args) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain(&format!("{error:#}"));
            let source = error.downcast_ref::<source::Error>();
            let unsupported = source.is_some_and(source::Error::is_unsupported);
            ExitCode::from(if unsupported { UNSUPPORTED } else { FAILED })
        }
    }
}

fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.mode {
        Some(Mode::Doctor(args)) => return doctor::run(args),
        Some(Mode::Rehearse(args)) => return rehearse::run(args),
        None => {}
    }
    let mut source = attach(args)?;
    if args.source == Origin::Live {
        // Before there are other threads: capabilities are each thread's own.
        drop_privileges(args);
    }
    if args.prints() {
        return once::run(source.as_mut(), args);
    }
    if !io::stdout().is_terminal() {
        complain("standard output is no terminal: printing one table, as --once does");
        return once::run(source.as_mut(), args);
    }
    screen::run(source.as_mut(), args)?;
    Ok(0)
}

fn attach(args: &Args) -> Result<Box<dyn Source>, source::Error> {
    match args.source {
        Origin::Live => Ok(Box::new(source::live::Live::attach(
            source::live::Options {
                all_dax: args.all_dax,
                processes: args.processes,
                run_stats: args.run_stats,
            },
        )?)),
        Origin::Synthetic => {
            let period = args.interval.min(screen::POLL);
            Ok(Box::new(synthetic::Synthetic::new(
                synthetic::Scene::Poison,
                period,
            )))
        }
    }
}

/// What is attached goes on without any. Commands of the user's run as the user started us.
fn drop_privileges(args: &Args) {
    let keep = if args.command.is_empty() && args.actions.is_empty() {
        Keep::Nothing
    } else {
        Keep::ForCommands
    };
    if let Err(error) = privilege::drop_all(keep) {
        complain(&format!(
            "watching goes on with privileges that are not needed: {error}"
        ));
    }
}

/// One line for the user. Standard error may be gone, which is no reason to stop.
fn complain(message: &str) {
    use std::io::Write as _;
    let _ = writeln!(io::stderr(), "famfs-top: {message}");
}
