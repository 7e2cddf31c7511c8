//! JSON documents about names that are not UTF-8 are whole, and hold the exact bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const NAME: &[u8] = b"name-\xff";
const NAME_HEX: &str = "6e616d652dff";

/// Runs `famfs` in `dir`; gives its exit status and its one document.
fn famfs(dir: &Path, words: &[&[u8]]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_famfs"))
        .current_dir(dir)
        .env("FAMFS_SYSTEM_UUID_FILE", dir.join("system_uuid"))
        .args(words.iter().map(|word| OsStr::from_bytes(word)))
        .output()
        .unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "no whole document: {error}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), document)
}

fn is_named(document: &Value, field: &str) {
    assert_eq!(document[field], "name-\u{fffd}", "{document:#}");
    assert_eq!(document[format!("{field}_hex")], NAME_HEX, "{document:#}");
}

#[test]
fn of_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(NAME)), [0; 4096]).unwrap();
    let (status, read) = famfs(dir.path(), &[b"chkread", b"--json", NAME]);
    assert_eq!(status, 0);
    is_named(&read, "path");
    let (status, seeded) = famfs(
        dir.path(),
        &[b"verify", b"--json", b"-S", b"7", b"-f", NAME],
    );
    assert_eq!(status, 1);
    is_named(&seeded["files"][0], "path");
}

#[test]
fn of_images_and_their_entries() {
    let dir = tempfile::tempdir().unwrap();
    let image = File::create(dir.path().join(OsStr::from_bytes(NAME))).unwrap();
    image.set_len(64 << 20).unwrap();
    let (status, made) = famfs(dir.path(), &[b"mkfs", b"--json", NAME]);
    assert_eq!(status, 0);
    is_named(&made, "device");
    let (status, dump) = famfs(dir.path(), &[b"dump", b"--json", NAME]);
    assert_eq!(status, 0);
    is_named(&dump["superblock"], "dev_name");
}
