//! Tests that the documentation names are there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

const DOCS: [&str; 3] = [
    "upstream-defects.md",
    "upstream-tests.md",
    "hostile-images.md",
];

fn sources(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(&root.join("famfs-userspace"), &mut files);
    sources(&root.join("lab/guest/src"), &mut files);
    let is_there = |name: &str| match name.split_once(".rs::") {
        // A function of a file on the host.
        Some((stem, function)) => files.iter().any(|(path, text)| {
            path.file_stem().is_some_and(|s| s == stem) && text.contains(&format!("fn {function}("))
        }),
        // The name of a test in a guest.
        None => files
            .iter()
            .any(|(_, text)| text.contains(&format!("name: \"{name}\""))),
    };
    let mut missing = Vec::new();
    let mut count = 0;
    for doc in DOCS {
        let text = std::fs::read_to_string(root.join("docs/reference").join(doc)).unwrap();
        let names = text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains("::") && !name.contains('…'));
        for name in names {
            count += 1;
            if !is_there(name) {
                missing.push(format!("{doc}: {name}"));
            }
        }
    }
    assert!(count > 50, "the tables name {count} tests");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
