//! The tables of `docs/reference` name the tests that prove them; this keeps them from naming
//! tests that are not there.

use std::{collections::BTreeSet, fs, path::Path};

use crate::tests;

/// Tables whose rows each end in a cell of tests, with the least number of rows they have.
const TABLES: &[(&str, usize)] = &[("promises.md", 30), ("memory-errors.md", 20)];

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
    let known: BTreeSet<&str> = tests::ALL
        .iter()
        .flat_map(|list| list.iter().map(|test| test.name))
        .collect();
    for &(name, least) in TABLES {
        let text = document(name);
        let rows = rows(&text);
        assert!(rows.len() >= least, "{name} has only {} rows", rows.len());
        for row in rows {
            let proof = row.trim_end_matches('|').rsplit('|').next().unwrap();
            let tests = named(proof);
            // A row without a test says why, or names what else shows it.
            assert!(
                !tests.is_empty() || proof.contains("not tested:") || proof.contains("`lab: "),
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
    for test in tests::ALL.iter().flat_map(|list| list.iter()) {
        assert!(seen.insert(test.name), "{} twice", test.name);
    }
}

#[test]
fn names_and_rows_are_found() {
    assert_eq!(named("| a | `x::y`, `z`, `u::v` |"), ["x::y", "u::v"]);
    let table = "| head | x |\n|---|---|\n| one | 1 |\n| two | 2 |\n\ntext\n";
    assert_eq!(rows(table), ["| one | 1 |", "| two | 2 |"]);
}
