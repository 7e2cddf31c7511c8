//! The tables of `docs/reference` name the tests that prove them; this keeps them from naming
//! tests that are not there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::tests;

/// Tables whose rows each end in a cell of tests, with the least number of rows they have.
const TABLES: &[(&str, usize)] = &[("promises.md", 30), ("memory-errors.md", 20)];

/// Where `xtask` has the tests that need more than one guest.
const HOST_SIDE: &str = "xtask/src/test";

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document(name: &str) -> String {
    read(&tree("docs/reference").join(name))
}

/// Names of the form `"topic::test"` in the sources below a folder.
fn names_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_below(&path, names);
        } else {
            let text = read(&path);
            let quoted = text.split('"').skip(1).step_by(2);
            names.extend(quoted.filter(|text| is_name(text)).map(str::to_owned));
        }
    }
}

fn is_name(text: &str) -> bool {
    text.contains("::")
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c))
}

/// The guest tests that a line names, in backquotes.
fn named(line: &str) -> Vec<&str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains("::"))
        .collect()
}

/// Rows of tables, without heads and rules.
fn rows(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    (2..lines.len())
        .filter(|&at| {
            let is_row = |line: &str| line.starts_with('|');
            let is_rule = |line: &str| line.starts_with("|-");
            is_row(lines[at]) && is_row(lines[at - 1]) && !is_rule(lines[at])
        })
        .map(|at| lines[at])
        .collect()
}

#[test]
fn every_row_names_a_test_that_exists() {
    let mut known: BTreeSet<String> = tests::ALL
        .iter()
        .flat_map(|group| group.tests.iter().map(|test| test.name.to_owned()))
        .collect();
    names_below(&tree(HOST_SIDE), &mut known);
    for &(name, least) in TABLES {
        let text = document(name);
        let rows = rows(&text);
        assert!(rows.len() >= least, "{name} has only {} rows", rows.len());
        for row in rows {
            let proof = row.trim_end_matches('|').rsplit('|').next().unwrap();
            let tests = named(proof);
            // A row without a test says why, or names what else shows it.
            assert!(
                !tests.is_empty() || proof.contains("not tested:"),
                "{name}: this row names no test: {row}"
            );
            for test in tests {
                assert!(
                    known.contains(test),
                    "{name} names {test}, which is no test"
                );
            }
        }
    }
}

#[test]
fn test_names_are_unique() {
    let mut seen = BTreeSet::new();
    for test in tests::ALL.iter().flat_map(|group| group.tests) {
        assert!(seen.insert(test.name), "{} twice", test.name);
    }
}

#[test]
fn names_and_rows_are_found() {
    assert_eq!(named("| a | `x::y`, `z`, `u::v` |"), ["x::y", "u::v"]);
    let table = "| head | x |\n|---|---|\n| one | 1 |\n| two | 2 |\n\ntext\n";
    assert_eq!(rows(table), ["| one | 1 |", "| two | 2 |"]);
}
