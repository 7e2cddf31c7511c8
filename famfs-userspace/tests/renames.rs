//! Names that were changed in a mount behind the log's back, in a model of it: a repair puts each
//! file back where it was logged, and no advice costs a logged file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::{Path, PathBuf};

use common::builder::{Builder, DATA, MIB};
use common::model::Model;
use common::play::{MASTER, REPAIR, plan, play};
use famfs_media::player::tree::{Found, Mapped};
use famfs_media::player::{self, Outcome, Plan, compare};
use famfs_media::role::Role;
use proptest::prelude::*;

/// Gives a name in the model another one, with all that is below it.
fn rename(model: &mut Model, from: &str, to: &str) {
    let (from, to) = (Path::new(from), Path::new(to));
    let below: Vec<PathBuf> = model
        .nodes
        .keys()
        .filter(|p| p.starts_with(from))
        .cloned()
        .collect();
    for path in below {
        let node = model.nodes.remove(&path).unwrap();
        let rest = path.strip_prefix(from).unwrap();
        // Joined with an empty path, a name gains a slash.
        let at: PathBuf = to.join(rest).components().collect();
        assert_eq!(model.nodes.insert(at, node), None);
    }
}

/// Three files beside each other, and two folders with files of names of their own.
fn crowd() -> (Plan, Model) {
    let mut builder = Builder::new();
    builder.mkdir(b"d").mkdir(b"e").mkdir(b"d/in");
    for (i, name) in (0..).zip(["a", "b", "c", "d/one", "d/in/two", "e/three", "e/four"]) {
        builder.file(name.as_bytes(), 2 * MIB, &[(DATA + i * 2 * MIB, 2 * MIB)]);
    }
    let plan = plan(&builder.image);
    let mut model = Model::default();
    assert!(play(&plan, &mut model, &MASTER).is_complete());
    (plan, model)
}

/// Renames, and what a play without and one with `--repair` make of them.
fn renamed(renames: &[(&str, &str)]) -> (Outcome, Outcome) {
    let (plan, mut model) = crowd();
    let before = model.nodes.clone();
    for (from, to) in renames {
        rename(&mut model, from, to);
    }
    let found = model.clone();
    let unrepaired = play(&plan, &mut model.clone(), &MASTER);
    let told = compare(&plan, &mut model, Role::Master);
    assert!(
        !unrepaired.failed.is_empty() && !told.is_empty(),
        "{renames:?}"
    );
    assert_eq!(model, found);
    let told = told.iter().map(|d| &d.reason);
    for reason in unrepaired.failed.iter().map(|f| &f.reason).chain(told) {
        assert!(!reason.contains("remove"), "{renames:?}: {reason}");
    }
    let repaired = play(&plan, &mut model, &REPAIR);
    assert!(repaired.is_complete(), "{renames:?}: {repaired:?}");
    for (path, node) in &before {
        assert_eq!(
            model.nodes.get(path),
            Some(node),
            "{renames:?}: {}",
            path.display()
        );
    }
    assert_eq!(compare(&plan, &mut model, Role::Master), []);
    (unrepaired, repaired)
}

/// A repair that is interrupted has tried its first file twice by then: under another name it has
/// its memory still.
#[test]
fn an_interrupted_repair_reports_what_it_could_not_make() {
    let mut builder = Builder::new();
    builder.file(b"file", 2 * MIB, &[(DATA, 2 * MIB)]);
    // A play looks every 256 actions whether it is to go on.
    for i in 0..300 {
        builder.mkdir(format!("folder{i}").as_bytes());
    }
    let plan = plan(&builder.image);
    let mut model = Model::default();
    assert!(play(&plan, &mut model, &MASTER).is_complete());
    rename(&mut model, "file", "other");
    let outcome = player::play(&plan, 0, &mut model, &REPAIR, &mut |done, _| done == 0);
    assert!(outcome.interrupted);
    let failed: Vec<_> = outcome.failed.iter().map(|f| (f.index, &*f.path)).collect();
    assert_eq!(failed, [(0, Path::new("file"))]);
}

/// Each has the other's memory, so the first cannot have its own before the last gave it back.
#[test]
fn swapped_names_are_put_right_at_once() {
    let (unrepaired, repaired) = renamed(&[("a", "x"), ("b", "a"), ("x", "b")]);
    assert_eq!(unrepaired.failed.len(), 2);
    let told: Vec<_> = repaired
        .repaired
        .iter()
        .map(|r| (r.index, &*r.reason))
        .collect();
    assert_eq!(
        told,
        [
            (3, "another name had its memory"),
            (
                4,
                "a file of 2097152 bytes with another map stands in its place"
            ),
        ]
    );
    assert_eq!((repaired.existing, repaired.new_files), (8, 0));
    // Round and round, and with one name free.
    renamed(&[("a", "x"), ("b", "a"), ("c", "b"), ("x", "c")]);
    renamed(&[("c", "x"), ("b", "c"), ("a", "b"), ("x", "a")]);
    let (unrepaired, _) = renamed(&[("c", "x"), ("b", "c"), ("x", "d/x")]);
    assert!(
        unrepaired.failed[0].reason.ends_with(
            "held by c, a name that the log gives other memory: `famfs logplay --repair` puts both right"
        ),
        "{:?}",
        unrepaired.failed
    );
}

/// What is in a folder of another name is a file under a name that the log does not have.
#[test]
fn swapped_folders_are_put_right() {
    let (unrepaired, repaired) = renamed(&[("d", "x"), ("e", "d"), ("x", "e")]);
    assert!(
        unrepaired.failed[0].reason.ends_with(
            "held by e/one, which is this file under another name: `famfs logplay --repair` moves \
             it back"
        ),
        "{:?}",
        unrepaired.failed
    );
    assert_eq!(repaired.repaired[0].reason, "it was called e/one");
    // A folder in one of its own, one that is gone, and a file in its place.
    renamed(&[("e", "d/in/e")]);
    renamed(&[("d", "x"), ("a", "d")]);
    renamed(&[("d/one", "x"), ("e/three", "d/one"), ("x", "e/three")]);
}

/// A file that nobody logged lies over the memory of one that is: that one is to be removed.
#[test]
fn a_file_of_nobody_is_told_and_left_alone() {
    let (plan, mut model) = crowd();
    let Some(Found::File(_, Mapped::Map { size, .. })) = model.nodes.get_mut(Path::new("a")) else {
        panic!("no map")
    };
    *size = 4096;
    rename(&mut model, "a", "x");
    for options in [&MASTER, &REPAIR] {
        let outcome = play(&plan, &mut model, options);
        assert_eq!(outcome.failed.len(), 1);
        let reason = &outcome.failed[0].reason;
        assert!(
            reason.contains("held by x, which the log does not have under any name: remove"),
            "{reason}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// However files were renamed, a repair ends with each where it was logged.
    #[test]
    fn any_renames_are_put_right(
        renames in proptest::collection::vec((0..10_usize, 0..10_usize), 0..12),
    ) {
        const NAMES: [&str; 10] =
            ["a", "b", "c", "d/one", "d/in/two", "e/three", "e/four", "x", "d/y", "z"];
        let (plan, mut model) = crowd();
        let before = model.nodes.clone();
        for (from, to) in renames {
            let free = !model.nodes.contains_key(Path::new(NAMES[to]));
            if free && model.nodes.contains_key(Path::new(NAMES[from])) {
                rename(&mut model, NAMES[from], NAMES[to]);
            }
        }
        let outcome = play(&plan, &mut model, &REPAIR);
        prop_assert!(outcome.is_complete(), "{:?}", outcome);
        prop_assert_eq!(&model.nodes, &before);
    }
}
