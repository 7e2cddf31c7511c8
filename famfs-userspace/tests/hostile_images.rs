//! `docs/reference/hostile-images.md` is what happens: each image is built, judged and
//! played, and the table has one row for each thing that is said about it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::Ram;
use common::builder::DEVICE;
use common::hostile::{Hostile, images};
use common::model::Model;
use famfs_media::fsck::Report;
use famfs_media::player::{self, Options, Outcome, Plan};
use famfs_media::role::Role;
use famfs_media::volume::Volume;

const DOC: &str = "../docs/reference/hostile-images.md";
const HEAD: &str = "| image | slot | fsck says | why | a play makes |\n|---|---|---|---|---|\n";

fn play(volume: &Volume, model: &mut Model) -> Outcome {
    let plan = Plan::new(volume, Some(DEVICE));
    let options = Options {
        role: Role::Master,
        dry_run: false,
        repair: false,
    };
    player::play(&plan, 0, model, &options, &mut |_, _| true)
}

/// What a play of the image comes to.
fn played(volume: &Volume) -> String {
    if volume.check().is_err() {
        return "nothing: it is not mounted".to_owned();
    }
    let mut model = Model::default();
    let outcome = play(volume, &mut model);
    assert_eq!(outcome.failed, [], "the plan asks for nothing impossible");
    let (names, changes) = (model.nodes.len(), model.changes);
    assert_eq!(changes, outcome.new_files + outcome.new_dirs);
    let again = play(volume, &mut model);
    assert_eq!((again.existing, model.changes), (changes, changes));
    let mut text = format!("{names} of {}", volume.counted());
    if let Some(stop) = &outcome.stop {
        write!(text, ", stops at {}", stop.index).unwrap();
    }
    for refused in &outcome.refused {
        write!(text, ", refuses {}", refused.index).unwrap();
    }
    for skipped in &outcome.skipped {
        write!(text, ", skips {}", skipped.index).unwrap();
    }
    text
}

fn rows(hostile: &Hostile) -> String {
    let volume = Volume::load(&mut Ram::new(hostile.image.clone())).unwrap();
    let report = Report::new(&volume, Some(DEVICE));
    let made = played(&volume);
    let mut rows = String::new();
    // Follows from the others: what a refused entry claims, nobody else gets.
    let causes = report
        .findings
        .iter()
        .filter(|f| f.code != "unreferenced-space");
    for finding in causes {
        writeln!(
            rows,
            "| {} | {} | {} `{}` | {} | {made} |",
            hostile.name,
            finding.index.map_or("-".to_owned(), |i| i.to_string()),
            finding.severity.name(),
            finding.code,
            finding.message,
        )
        .unwrap();
    }
    assert!(!rows.is_empty(), "{}: nobody noticed", hostile.name);
    rows
}

#[test]
fn the_table_is_what_happens() {
    let mut table = HEAD.to_owned();
    for hostile in images() {
        table += &rows(&hostile);
    }
    let doc = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOC)).unwrap();
    let shown: String = doc
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(
        shown == table,
        "{DOC} should have this table, which is what happens:\n{table}"
    );
}

/// Nothing that a bad entry names comes to be, and the good ones around it do.
#[test]
fn a_bad_entry_stays_alone() {
    for hostile in images() {
        let volume = Volume::load(&mut Ram::new(hostile.image)).unwrap();
        if volume.check().is_err() {
            continue;
        }
        let mut model = Model::default();
        let outcome = play(&volume, &mut model);
        let good = ["after", "d", "d/e", "d/e/three", "d/two", "one"];
        let names = model.names();
        assert!(
            names.iter().all(|n| good.contains(&n.as_str())),
            "{}: {names:?}",
            hostile.name
        );
        let not_made = outcome.refused.len() + outcome.skipped.len();
        if outcome.stop.is_none() {
            assert_eq!(
                names.len() + not_made,
                usize::try_from(volume.counted()).unwrap(),
                "{}",
                hostile.name
            );
        }
    }
}
