//! The arguments of `famfs-top`.

use std::{ffi::OsString, time::Duration};

use clap::{Parser, ValueEnum, builder::PossibleValuesParser};

use crate::{
    model::{Columns, FIELDS, Sort, position},
    tui::{app::Action, event::is_bound},
};

const EXAMPLES: &str = "\
Examples:
  famfs-top                              the screen; `?` there lists the keys
  famfs-top --once --interval 10         watch for ten seconds, then print the table
  famfs-top --once -- ./workload         watch while a command runs
  famfs-top --json -- ./workload         the same for a program to read
  famfs-top --action 'd:drop caches:echo 3 > /proc/sys/vm/drop_caches'
                                         give the key d a command

Exit status: 0 done, 1 failed, 2 usage, 3 a privilege or a kernel feature is missing.
With CMD it is CMD's own, 127 or 126 if CMD cannot be run, 128+N if signal N ended it.";

/// Watch page faults on famfs files: how many, served by 2 MiB or by 4 KiB mappings, and how
/// long each took.
#[derive(Debug, Parser)]
#[command(name = "famfs-top", version, after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Print one table instead of the screen: of CMD's run, or of one interval.
    #[arg(long)]
    pub(super) once: bool,

    /// Print the table as one JSON document; implies --once. CMD's standard output goes to
    /// standard error, so that the document stands alone.
    #[arg(long)]
    pub(super) json: bool,

    /// How often the screen shows new numbers; with --once and no CMD, how long to watch.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub(super) interval: Duration,

    /// The column that orders the table.
    #[arg(long, value_name = "COLUMN", default_value = "faults_per_s",
          value_parser = PossibleValuesParser::new(FIELDS.map(|f| f.key)))]
    sort: String,

    /// The columns, by the names for --sort between commas: `path,p99`, or what to add to the
    /// usual ones and to leave out: `+mean,-max`. `all` is every one.
    #[arg(long, value_name = "LIST", value_parser = Columns::parse)]
    columns: Option<Columns>,

    /// Order the table the other way round.
    #[arg(long)]
    reverse: bool,

    /// Show only files whose path contains TEXT.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Who gets spare width: the paths, or all columns in proportion to their own.
    #[arg(long, value_enum, default_value_t = Widths::Fixed)]
    pub(super) widths: Widths,

    /// The colours: for a dark or a light background, or none, as `NO_COLOR` has it too.
    #[arg(long, value_enum)]
    pub(super) theme: Option<Colours>,

    /// Watch every file system on DAX memory, not famfs alone.
    #[arg(long)]
    pub(super) all_dax: bool,

    /// Give KEY on the screen a command of your own, run by `sh -c`. LABEL stands in the last
    /// line of the screen; what the command says last becomes an event. May be repeated.
    #[arg(long = "action", value_name = "KEY:LABEL:COMMAND", value_parser = action)]
    pub(super) actions: Vec<Action>,

    /// Where the numbers come from: `synthetic` is a made-up system to try the screen on.
    #[arg(long, value_enum, default_value_t = Origin::Live)]
    pub(super) source: Origin,

    /// Run this command and watch until it ends.
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

/// Where snapshots come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Origin {
    Live,
    Synthetic,
}

/// How columns share the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Widths {
    Fixed,
    Proportional,
}

/// Which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colours {
    Dark,
    Light,
    Mono,
}

impl Args {
    /// Whether a table is printed and no screen shown.
    pub(super) fn prints(&self) -> bool {
        self.once || self.json
    }

    pub(super) fn filter(&self) -> &str {
        self.filter.as_deref().unwrap_or_default()
    }

    pub(super) fn columns(&self) -> Columns {
        self.columns.clone().unwrap_or_default()
    }

    pub(super) fn sort(&self) -> Sort {
        let field = position(&self.sort);
        Sort {
            field: field.unwrap_or(Sort::default().field),
            reverse: self.reverse,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|s| (0.05..=86_400.0).contains(s));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "must be a number of seconds from 0.05 to 86400".into())
}

fn action(text: &str) -> Result<Action, String> {
    let mut parts = text.splitn(3, ':');
    let (Some(key), Some(label), Some(command)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(
            "must be KEY:LABEL:COMMAND, such as 'p:poison a page:famfs-bench poison'".into(),
        );
    };
    let mut chars = key.chars();
    let (Some(key), None) = (chars.next(), chars.next()) else {
        return Err(format!("KEY must be one character, not '{key}'"));
    };
    if is_bound(key) || key.is_control() {
        return Err(format!(
            "the screen itself uses the key '{key}': choose another"
        ));
    }
    if label.is_empty() || command.trim().is_empty() {
        return Err("neither LABEL nor COMMAND may be empty".into());
    }
    Ok(Action {
        key,
        label: label.into(),
        command: command.into(),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_interval_is_a_sane_number_of_seconds() {
        assert_eq!(seconds("0.05"), Ok(Duration::from_millis(50)));
        assert_eq!(seconds("86400"), Ok(Duration::from_hours(24)));
        for text in [
            "", "0", "0.049", "-1", "NaN", "inf", "86400.1", "1s", "1e400",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_of_an_action_may_hold_colons() {
        let parsed = action("p:poison a page:echo a:b").unwrap();
        assert_eq!(
            (parsed.key, parsed.label.as_str(), parsed.command.as_str()),
            ('p', "poison a page", "echo a:b")
        );
    }

    #[test]
    fn a_broken_action_is_refused() {
        for text in [
            "",
            "p",
            "p:label",
            "pp:label:true",
            ":label:true",
            "q:label:true",
            "p::true",
            "p:label:",
            "p:label: ",
            "\u{1b}:label:true",
        ] {
            assert!(action(text).is_err(), "{text:?}");
        }
    }
}
