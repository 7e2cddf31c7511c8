//! How every command line of this program is read: what upstream's tools accept is accepted.

use std::ffi::OsString;

use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{argv, complain};

/// Arguments behind those that a command takes.
const EXTRA: &str = "extra";

/// Commands for which upstream passes over further arguments. `mount` fails instead, and `cp`,
/// `flush` and `getmap` take any number.
const LENIENT: [&str; 9] = [
    "mkfs", "creat", "mkdir", "verify", "logplay", "mkmeta", "fsck", "check", "chkread",
];

/// Describes the program as upstream's scripts write it: options may come again (the last one
/// counts), long ones may be cut short, and `-?` is help.
pub(super) fn dress(mut program: Command) -> Command {
    let names: Vec<String> = names(&program);
    program = lenient(program);
    for name in names {
        program = program.mut_subcommand(&name, |command| {
            let command = lenient(command);
            if LENIENT.contains(&name.as_str()) {
                command.arg(extra())
            } else {
                command
            }
        });
    }
    program
}

/// Describes a program that is a single command of upstream's, as [`dress`] does one with several.
pub(super) fn dress_alone(program: Command) -> Command {
    lenient(program).arg(extra())
}

pub(super) fn lenient(command: Command) -> Command {
    command.args_override_self(true).infer_long_args(true).arg(
        Arg::new("usage")
            .short('?')
            .action(ArgAction::Help)
            .hide(true)
            .help("Print help"),
    )
}

fn extra() -> Arg {
    Arg::new(EXTRA)
        .hide(true)
        .num_args(0..)
        .action(ArgAction::Append)
        .value_parser(OsStringValueParser::new())
}

fn names(program: &Command) -> Vec<String> {
    let names = program.get_subcommands().map(|c| c.get_name().to_owned());
    names.collect()
}

/// Reads the arguments of this process.
pub(super) fn read(program: Command) -> Result<ArgMatches, clap::Error> {
    let names = names(&program);
    let mut args = std::env::args_os();
    let own_name = args.next().unwrap_or_default();
    let args = argv::rewrite(args.collect(), &names);
    let matches = dress(program).try_get_matches_from(std::iter::once(own_name).chain(args))?;
    if let Some((name, matches)) = matches.subcommand() {
        report_extra(name, matches);
    }
    Ok(matches)
}

/// Says which arguments are passed over.
pub(super) fn report_extra(command: &str, matches: &ArgMatches) {
    let Ok(Some(extra)) = matches.try_get_many::<OsString>(EXTRA) else {
        return;
    };
    let words: Vec<_> = extra.map(|word| word.to_string_lossy()).collect();
    let verb = if words.len() == 1 { "is" } else { "are" };
    complain(&format!(
        "warning: {command} takes no further argument: {} {verb} ignored",
        words.join(" ")
    ));
}
