//! Standard output and standard error that are closed or full.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../famfs-userspace/tests/common/ends.rs"]
mod ends;

use std::process::{Command, Stdio};

use ends::{full, unread};

fn status(args: &[&str], out: Stdio, err: Stdio) -> Option<i32> {
    let ended = Command::new(env!("CARGO_BIN_EXE_famfs-bench"))
        .args(args)
        .stdout(out)
        .stderr(err)
        .status();
    ended.unwrap().code()
}

#[test]
fn full_streams_are_errors_and_no_panic() {
    for args in [&["--help"][..], &["--version"], &["gate", "--help"]] {
        assert_eq!(status(args, full(), Stdio::null()), Some(2), "{args:?}");
        assert_eq!(status(args, full(), full()), Some(2), "{args:?}");
    }
    // A message that nobody can read is still an error.
    let missing = ["touch", "--file", "/nowhere/at/all"];
    assert_eq!(status(&missing, Stdio::null(), full()), Some(2));
    assert_eq!(status(&["nonsense"], Stdio::null(), full()), Some(2));
}

#[test]
fn a_reader_that_left_changes_no_status() {
    assert_eq!(status(&["--help"], unread(), Stdio::null()), Some(0));
    // Refused by the gate, whose report goes to standard output.
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/thresholds.toml");
    let gate = [
        "gate",
        "--json",
        "--thresholds",
        dir,
        "--new",
        dir,
        "--new",
        dir,
    ];
    assert_eq!(status(&gate, unread(), unread()), Some(2));
}
