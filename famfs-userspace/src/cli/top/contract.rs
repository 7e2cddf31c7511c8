//! What scripts may rely on, for `docs/reference/contracts`.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use famfs_cli::{
    contract::{Document, Program, assert_kept},
    status::{Statuses, command, differences, exit, signal},
};

use super::{
    FAILED, UNSUPPORTED, USAGE, args,
    doctor::{DEGRADED, WELL},
    once::{NOT_FOUND, NOT_RUNNABLE},
    rehearse,
};
use famfs_instruments::{doctor, serve::FAMILIES};
use famfs_snapshot::{
    model::FIELDS,
    report::{csv, json},
};

const STATUSES: &[Statuses] = &[
    Statuses {
        of: "`famfs-top`, every command",
        all: &[
            exit(0, "done, or ended in good order by a signal"),
            exit(
                FAILED,
                "failed while running; also if the output could not be written",
            ),
            exit(USAGE, "usage: the command line is wrong"),
            exit(UNSUPPORTED, "a privilege or a kernel feature is missing"),
            signal("signal N came while nobody read the output"),
        ],
    },
    Statuses {
        of: "`famfs-top … -- CMD`, also",
        all: &[
            command("CMD ran: its own exit status, or 128+N if signal N ended it"),
            exit(NOT_RUNNABLE, "CMD cannot be run"),
            exit(NOT_FOUND, "CMD was not found"),
        ],
    },
    Statuses {
        of: "`famfs-top doctor`",
        all: &[
            exit(WELL, "all well"),
            exit(DEGRADED, "watching works, with gaps"),
            exit(USAGE, "usage: the command line is wrong"),
            exit(UNSUPPORTED, "nothing can be watched"),
        ],
    },
];

#[test]
fn the_register_is_as_the_code_is() {
    assert_kept(&Program {
        name: "famfs-top",
        statuses: STATUSES,
        documents: vec![
            Document::of::<json::Document<'_>>(
                "famfs-top-report",
                "famfs-top --json, famfs-top --ndjson, famfs-top replay --json",
            ),
            Document::of::<doctor::Document<'_>>("famfs-top-doctor", "famfs-top doctor --json"),
            Document::of::<rehearse::Document>("famfs-top-rehearse", "famfs-top rehearse"),
        ],
        sections: vec![("CSV columns", columns()), ("Metrics", metrics())],
    });
}

/// The names in the first line of `--csv`, in their order.
fn columns() -> String {
    let names: Vec<String> = csv::LEADING
        .into_iter()
        .chain(FIELDS.iter().map(|field| field.key))
        .map(|name| format!("`{name}`"))
        .collect();
    format!("{}\n", names.join(", "))
}

fn metrics() -> String {
    let mut text = "| metric | type | labels | what it is |\n|---|---|---|---|\n".to_owned();
    for family in FAMILIES {
        let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            family.sample(),
            family.type_name(),
            labels.join(", "),
            family.help
        );
    }
    text
}

#[test]
fn the_help_names_every_status() {
    assert_eq!(differences(&args::Args::command(), STATUSES), [""; 0]);
}
