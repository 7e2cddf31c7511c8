//! Exit statuses, as tables from which the documentation is written.

use std::collections::BTreeSet;
use std::fmt;

use clap::Command;

/// How a program can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Ends with this status.
    Exit(u8),
    /// Ends with 128 and the number of the signal that ended it.
    Signal,
    /// Ends with the status of the command that it ran.
    Command,
}

/// One way to end, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub code: Code,
    pub meaning: &'static str,
}

/// The ways in which some commands of a program end.
#[derive(Clone, Copy, Debug)]
pub struct Statuses {
    /// The commands.
    pub of: &'static str,
    pub all: &'static [Status],
}

/// A row of a table of statuses.
pub const fn exit(code: u8, meaning: &'static str) -> Status {
    Status {
        code: Code::Exit(code),
        meaning,
    }
}

/// The row for what a signal ended.
pub const fn signal(meaning: &'static str) -> Status {
    Status {
        code: Code::Signal,
        meaning,
    }
}

/// The row for what ends as a command that it ran.
pub const fn command(meaning: &'static str) -> Status {
    Status {
        code: Code::Command,
        meaning,
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "{code}"),
            Self::Signal => f.write_str("128+N"),
            Self::Command => f.write_str("CMD's"),
        }
    }
}

/// Says in what the help of a program differs from its statuses in the register: its own help
/// names exactly those of all rows, and the help of a command names those of the command's rows
/// and none that is in no row.
pub fn differences(program: &Command, statuses: &[Statuses]) -> Vec<String> {
    let name = program.get_name();
    let all: BTreeSet<String> = statuses.iter().flat_map(codes).collect();
    let named = told(program);
    let mut wrong = Vec::new();
    for code in named.symmetric_difference(&all) {
        let which = if all.contains(code) {
            "is in the register only"
        } else {
            "is in the help only"
        };
        wrong.push(format!("{name} --help: {code} {which}"));
    }
    let commands: Vec<_> = commands(program, name).collect();
    for (path, command) in &commands {
        for code in told(command).difference(&all) {
            wrong.push(format!("{path} --help: {code} is in the help only"));
        }
    }
    for row in statuses {
        let Some((path, command)) = commands.iter().find(|(path, _)| row.is_of(path)) else {
            continue;
        };
        let named = told(command);
        for code in codes(row).filter(|code| !named.contains(code)) {
            wrong.push(format!("{path} --help: {code} is in the register only"));
        }
    }
    wrong
}

impl Statuses {
    /// Whether a command, such as `famfs fsck`, has a row of its own here.
    fn is_of(&self, path: &str) -> bool {
        self.of.split('`').any(|name| name == path)
    }
}

fn codes(statuses: &Statuses) -> impl Iterator<Item = String> + use<> {
    statuses.all.iter().map(|status| status.code.to_string())
}

/// Every command below this one, by the words that call it.
fn commands<'c>(
    above: &'c Command,
    path: &str,
) -> Box<dyn Iterator<Item = (String, &'c Command)> + 'c> {
    let path = path.to_owned();
    Box::new(above.get_subcommands().flat_map(move |command| {
        let path = format!("{path} {}", command.get_name());
        let below = commands(command, &path);
        std::iter::once((path, command)).chain(below)
    }))
}

/// Reads the statuses that a command's help names, in the paragraphs on its exit status.
fn told(command: &Command) -> BTreeSet<String> {
    let help = command.clone().render_long_help().to_string();
    help.split("\n\n")
        .filter_map(|paragraph| {
            let (_, told) = paragraph.split_once("xit status")?;
            Some(told)
        })
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_matches([',', '.', ':', ';', '(', ')']))
        .filter(|word| {
            let special = [Code::Signal, Code::Command].map(|code| code.to_string());
            word.parse::<u8>().is_ok() || special.iter().any(|code| code == word)
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: &[Statuses] = &[
        Statuses {
            of: "`x`, every command",
            all: &[exit(0, "done"), exit(1, "failed"), signal("ended")],
        },
        Statuses {
            of: "`x below`, also",
            all: &[exit(16, "mounted")],
        },
    ];

    fn found(help: &'static str, below: &'static str) -> Vec<String> {
        let below = Command::new("below").after_help(below);
        differences(
            &Command::new("x").after_help(help).subcommand(below),
            STATUSES,
        )
    }

    #[test]
    fn help_that_names_every_status_and_no_more_is_right() {
        let help = "Exit status: 0 done, 1 failed, 128+N\nended by signal N; also 16 mounted.";
        let none: [&str; 0] = [];
        assert_eq!(
            found(help, "The exit status is 16 when it is mounted."),
            none
        );
        // Numbers elsewhere are no statuses.
        let more = "Exit status: 0 done, 1 failed, 128+N ended, 16 mounted.\n\nAll 5 of 7 of them.";
        assert_eq!(found(more, "2 MiB\n\nExit status: 16 mounted."), none);
    }

    #[test]
    fn what_either_side_lacks_is_named() {
        assert_eq!(
            found(
                "Exit status: 0 done, 4 odd, 128+N ended, 16 mounted.",
                "Exit status: 10 ten."
            ),
            [
                "x --help: 1 is in the register only",
                "x --help: 4 is in the help only",
                "x below --help: 10 is in the help only",
                "x below --help: 16 is in the register only",
            ]
        );
    }
}
