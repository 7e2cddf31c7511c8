//! What `famfs` and `famfs-top` print, held against the schemas of `docs/reference/contracts`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use famfs_cli::contract::{assert_valid, violations};
use serde_json::Value;

/// Runs a program in `dir`; every line of its output, or the whole, is a document.
fn documents(program: &str, dir: &Path, args: &[&str]) -> Vec<Value> {
    let output = Command::new(program)
        .current_dir(dir)
        .env("FAMFS_SYSTEM_UUID_FILE", dir.join("system_uuid"))
        .args(args)
        .output()
        .unwrap();
    serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<Vec<Value>, _>>()
        .unwrap_or_else(|error| {
            panic!(
                "{args:?}: {error}\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
}

/// Runs `famfs`, whose one document must be as `schema` has it.
fn famfs(schema: &str, dir: &Path, args: &[&str]) -> Value {
    let mut all = documents(env!("CARGO_BIN_EXE_famfs"), dir, args);
    assert_eq!(all.len(), 1, "{args:?}");
    let document = all.remove(0);
    assert_valid(schema, &document);
    document
}

fn top(schema: &str, args: &[&str]) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let all = documents(env!("CARGO_BIN_EXE_famfs-top"), dir.path(), args);
    for document in &all {
        assert_valid(schema, document);
    }
    all.len()
}

#[test]
fn of_images_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let image = File::create(dir.join("img")).unwrap();
    image.set_len(64 << 20).unwrap();
    famfs("famfs-mkfs", dir, &["mkfs", "--json", "img"]);
    famfs("famfs-dump", dir, &["dump", "--json", "img"]);
    let clean = famfs("famfs-fsck", dir, &["fsck", "--json", "-B", "3", "img"]);
    assert_eq!(clean["buckets"].as_array().unwrap().len(), 3);
    famfs(
        "famfs-logplay",
        dir,
        &["logplay", "--json", "--shadow", ".", "--daxdev", "img"],
    );
    fs::write(dir.join("file"), [1; 4096]).unwrap();
    famfs("famfs-chkread", dir, &["chkread", "--json", "file"]);
    let seeded = famfs(
        "famfs-verify",
        dir,
        &["verify", "--json", "-m", "file,1", "-m", "missing,2"],
    );
    assert!(seeded["files"][1]["error"].is_string());
    famfs("famfs-list", dir, &["list", "--json"]);
    famfs("famfs-module-status", dir, &["module", "status", "--json"]);
}

#[test]
fn of_hostile_images() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let image = File::create(dir.join("img")).unwrap();
    image.set_len(64 << 20).unwrap();
    famfs("famfs-mkfs", dir, &["mkfs", "--json", "img"]);
    // An entry is counted that is none.
    let mut bytes = fs::read(dir.join("img")).unwrap();
    bytes[(2 << 20) + 40] = 1;
    fs::write(dir.join("img"), bytes).unwrap();
    let bad = famfs("famfs-fsck", dir, &["fsck", "--json", "img"]);
    assert!(!bad["findings"].as_array().unwrap().is_empty(), "{bad:#}");
    famfs("famfs-dump", dir, &["dump", "--json", "img"]);
}

#[test]
fn of_watching() {
    for scene in ["mixed", "hostile", "empty"] {
        let source = format!("synthetic-{scene}");
        let args = ["--source", &source, "--interval", "0.1"];
        let whole = |more: &[&'static str]| [&args[..], more].concat();
        assert_eq!(top("famfs-top-report", &whole(&["--json"])), 1);
        let stream = whole(&["--ndjson", "--count", "2"]);
        assert_eq!(top("famfs-top-report", &stream), 2);
    }
    assert_eq!(top("famfs-top-doctor", &["doctor", "--json"]), 1);
}

#[test]
fn what_is_not_as_the_schema_has_it_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = famfs("famfs-list", dir.path(), &["list", "--json"]);
    list["devices"] = Value::Null;
    list.as_object_mut().unwrap().remove("module");
    assert_eq!(violations("famfs-list", &list).len(), 2);
}
