//! The arguments of `famfs-top`.

use std::{ffi::OsString, num::NonZeroU64, time::Duration};

use clap::{Parser, Subcommand, ValueEnum, builder::PossibleValuesParser};

use super::{doctor, generate, record, rehearse, replay, serve};
use famfs_instruments::tui::{app::Action, event::is_bound};
use famfs_snapshot::{
    model::{Columns, FIELDS, Sort, position},
    source::synthetic::Scene,
};

const EXAMPLES: &str = "\
Examples:
  famfs-top                              the screen; `?` there lists the keys
  famfs-top --once --interval 10         watch for ten seconds, then print the table
  famfs-top --once -- ./workload         watch while a command runs
  famfs-top --json -- ./workload         the same for a program to read
  famfs-top --ndjson --interval 5        a JSON document every five seconds, until interrupted
  famfs-top record night.famfsrec        what happens, into a file; `replay` shows it
  famfs-top serve                        for Prometheus, on 127.0.0.1:9717
  famfs-top doctor                       is all there that watching needs?
  famfs-top --action 'd:drop caches:echo 3 > /proc/sys/vm/drop_caches'
                                         give the key d a command

Exit status: 0 done, 1 failed, 2 usage, 3 a privilege or a kernel feature is missing,
128+N signal N came while nobody read the output.
With CMD it is CMD's own, 127 or 126 if CMD cannot be run, 128+N if signal N ended it.";

/// Watch page faults on famfs files: how many, served by 2 MiB or by 4 KiB mappings, and how
/// long each took.
#[derive(Debug, Parser)]
#[command(name = "famfs-top", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) sub: Option<Sub>,

    #[command(flatten)]
    pub(super) show: Show,

    /// How often there are new numbers; with --once, --json and no CMD, how long to watch.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub(super) interval: Duration,

    /// End after so many intervals. Without it, --once, --json and --csv print one, and --ndjson
    /// goes on until it is interrupted or its reader leaves.
    #[arg(long, value_name = "N")]
    pub(super) count: Option<NonZeroU64>,

    #[command(flatten)]
    pub(super) watch: Watch,

    /// Give KEY on the screen a command of your own, run by `sh -c`. LABEL stands in the last
    /// line of the screen; what the command says last becomes an event. May be repeated.
    #[arg(long = "action", value_name = "KEY:LABEL:COMMAND", value_parser = action)]
    pub(super) actions: Vec<Action>,

    /// Run this command and watch until it ends.
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

/// What else famfs-top does.
#[derive(Debug, Subcommand)]
pub(super) enum Sub {
    Record(record::Args),
    Replay(replay::Args),
    Serve(serve::Args),
    Doctor(doctor::Args),
    #[command(hide = true)]
    Rehearse(rehearse::Args),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// How numbers are shown.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Show {
    /// Print one table instead of the screen: of CMD's run, or of one interval.
    #[arg(long)]
    once: bool,

    /// Print the table as one JSON document; implies --once. CMD's standard output goes to
    /// standard error, so that the document stands alone.
    #[arg(long, conflicts_with_all = ["ndjson", "csv"])]
    json: bool,

    /// Print a JSON document a line, one each interval.
    #[arg(long, conflicts_with = "csv")]
    ndjson: bool,

    /// Print comma-separated values: a line of names, then a line a file, with every field unless
    /// --columns chooses.
    #[arg(long)]
    csv: bool,

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

    /// The colours: for a dark or a light background, or none, which is also what a `NO_COLOR` that
    /// is not empty means.
    #[arg(long, value_enum)]
    pub(super) theme: Option<Colours>,
}

/// What is watched.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Watch {
    /// Watch every file system on DAX memory, not famfs alone.
    #[arg(long)]
    pub(super) all_dax: bool,

    /// Count faults by process too. Every fault takes more instructions for it; docs say how many.
    #[arg(long)]
    pub(super) processes: bool,

    /// Have the kernel take the time of every probe. Needs `CAP_SYS_ADMIN`, and makes every BPF
    /// program on the machine more expensive.
    #[arg(long)]
    pub(super) run_stats: bool,

    /// Where the numbers come from: the running kernel, or a made-up system to try the screen on.
    /// `synthetic` has two mounts, and a memory error disables one at the fifth second; with -empty
    /// nothing is mounted, -mixed has no error, -huge 4000 files, -hostile names that steer terminals
    /// and numbers at the end of their range.
    #[arg(long, value_enum, default_value_t = Origin::Live)]
    pub(super) source: Origin,
}

/// Where snapshots come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Origin {
    Live,
    Synthetic,
    SyntheticEmpty,
    SyntheticMixed,
    SyntheticHuge,
    SyntheticHostile,
}

impl Origin {
    /// What a made-up system shows; `None` is the running kernel.
    pub(super) fn scene(self) -> Option<Scene> {
        Some(match self {
            Self::Live => return None,
            Self::Synthetic => Scene::Poison,
            Self::SyntheticEmpty => Scene::Empty,
            Self::SyntheticMixed => Scene::Mixed,
            Self::SyntheticHuge => Scene::Huge,
            Self::SyntheticHostile => Scene::Hostile,
        })
    }
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

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
}

impl Show {
    /// What is to be printed, if it is not the screen that is to be shown.
    pub(super) fn format(&self) -> Option<Format> {
        let wanted = [
            (self.csv, Format::Csv),
            (self.ndjson, Format::Ndjson),
            (self.json, Format::Json),
            (self.once, Format::Table),
        ];
        wanted.iter().find(|(is, _)| *is).map(|(_, format)| *format)
    }

    pub(super) fn filter(&self) -> &str {
        self.filter.as_deref().unwrap_or_default()
    }

    /// The columns that were chosen.
    pub(super) fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    pub(super) fn sort(&self) -> Sort {
        let field = position(&self.sort);
        Sort {
            field: field.unwrap_or(Sort::default().field),
            reverse: self.reverse,
        }
    }
}

/// A time span of an option.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
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
    fn one_format_is_chosen() {
        let format = |args: &[&str]| {
            Args::try_parse_from([&["famfs-top"], args].concat()).map(|args| args.show.format())
        };
        assert_eq!(format(&[]).unwrap(), None);
        assert_eq!(format(&["--once"]).unwrap(), Some(Format::Table));
        assert_eq!(format(&["--once", "--json"]).unwrap(), Some(Format::Json));
        assert_eq!(format(&["--ndjson"]).unwrap(), Some(Format::Ndjson));
        assert_eq!(format(&["--csv"]).unwrap(), Some(Format::Csv));
        assert!(format(&["--csv", "--json"]).is_err());
        assert!(format(&["--ndjson", "--csv"]).is_err());
        assert!(format(&["--once", "record", "x"]).is_err());
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
