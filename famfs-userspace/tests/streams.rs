//! Standard output and standard error that are closed, full, or never read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/ends.rs"]
mod ends;

use std::fs::{self, File};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ends::{full, unread};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const FAMFS: &str = env!("CARGO_BIN_EXE_famfs");
const TOP: &str = env!("CARGO_BIN_EXE_famfs-top");

fn image(dir: &Path, name: &str) {
    let image = File::create(dir.join(name)).unwrap();
    image.set_len(64 << 20).unwrap();
    let made = Command::new(FAMFS)
        .args(["mkfs", name])
        .current_dir(dir)
        .env("FAMFS_SYSTEM_UUID_FILE", dir.join("system_uuid"))
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
}

#[test]
fn a_reader_that_left_changes_no_status() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "good");
    image(dir, "bad");
    // The log's magic is gone.
    let mut bytes = fs::read(dir.join("bad")).unwrap();
    bytes[2 << 20] ^= 0xff;
    fs::write(dir.join("bad"), bytes).unwrap();
    fs::write(dir.join("zeros"), [0; 8192]).unwrap();
    for (program, args, status) in [
        (FAMFS, &["fsck", "bad"][..], 1),
        (FAMFS, &["fsck", "--json", "bad"], 1),
        (FAMFS, &["fsck", "good"], 0),
        (FAMFS, &["dump", "good"], 0),
        (FAMFS, &["verify", "--json", "-S", "1", "-f", "zeros"], 1),
        (FAMFS, &["chkread", "--json", "-l", "zeros"], 1),
        (FAMFS, &["--help"], 0),
        (TOP, &["--version"], 0),
        (TOP, &["completions", "bash"], 0),
        (TOP, &["record", "-", "--source", "synthetic-mixed"], 0),
        (
            TOP,
            &["--json", "--source", "synthetic-mixed", "--", "false"],
            1,
        ),
    ] {
        let ended = Command::new(program)
            .args(args)
            .current_dir(dir)
            .stdout(unread())
            .stderr(unread())
            .status()
            .unwrap();
        assert_eq!(ended.code(), Some(status), "{program} {args:?}");
    }
}

#[test]
fn a_full_device_is_never_success() {
    let dir = tempfile::tempdir().unwrap();
    image(dir.path(), "img");
    for (program, args) in [
        (FAMFS, &["--help"][..]),
        (FAMFS, &["--version"]),
        (FAMFS, &["fsck", "--help"]),
        (FAMFS, &["fsck", "img"]),
        (FAMFS, &["dump", "--json", "img"]),
        (FAMFS, &["completions", "bash"]),
        (TOP, &["--help"]),
        (TOP, &["--version"]),
        (TOP, &["record", "--help"]),
        (TOP, &["completions", "bash"]),
        (TOP, &["--once", "--source", "synthetic-mixed"]),
        (TOP, &["record", "-", "--source", "synthetic-mixed"]),
    ] {
        let output = Command::new(program)
            .args(args)
            .current_dir(dir.path())
            .stdout(full())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{program} {args:?} {said}");
        assert!(said.contains("No space left on device"), "{args:?} {said}");
    }
    // Where messages cannot be written either, the status still tells.
    for (args, status) in [
        (&["--help"][..], 1),
        (&["nonsense"], 2),
        (&["fsck", "x"], 1),
    ] {
        let ended = Command::new(FAMFS)
            .args(args)
            .stdout(full())
            .stderr(full())
            .status();
        assert_eq!(ended.unwrap().code(), Some(status), "{args:?}");
    }
}

/// A pipe that is full and stays open, and what it holds already.
fn stalled() -> (PipeReader, Stdio, usize) {
    let (reader, mut writer) = io::pipe().unwrap();
    let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let size = usize::try_from(size).unwrap();
    writer.write_all(&vec![0; size]).unwrap();
    (reader, writer.into(), size)
}

/// Sends a signal once the program catches it.
fn tell(child: &Child, signal: Signal) {
    let status = format!("/proc/{}/status", child.id());
    let caught = || {
        let status = fs::read_to_string(&status).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
        mask & (1 << (signal as i32 - 1)) != 0
    };
    while !caught() {
        thread::sleep(Duration::from_millis(10));
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

/// Starts a command whose standard output is never read, and tells it to end.
fn ends_by(signal: Signal, args: &[&str]) {
    let (_reader, writer, _) = stalled();
    let mut child = Command::new(TOP)
        .args(args)
        .args(["--source", "synthetic-mixed", "--interval", "0.1"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tell(&child, signal);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), None, "{args:?} ended in good order");
    assert_eq!(status.code(), Some(128 + signal as i32), "{args:?}");
    let mut said = String::new();
    child.stderr.unwrap().read_to_string(&mut said).unwrap();
    let want = format!("signal {} came while nobody read", signal as i32);
    assert!(said.contains(&want), "{args:?} {said}");
}

#[test]
fn the_first_signal_ends_a_write_that_nobody_reads() {
    for args in [&["--ndjson"][..], &["record", "-"]] {
        ends_by(Signal::SIGTERM, args);
        ends_by(Signal::SIGINT, args);
    }
}

#[test]
fn a_signal_that_the_command_survived_cuts_no_report_short() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (mut reader, writer, held) = stalled();
        let script = "trap '' TERM; echo ready; cat";
        let mut child = Command::new(TOP)
            .args(["--json", "--source", "synthetic-mixed", "--"])
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // What CMD says goes to standard error here.
        let mut ready = [0; 6];
        let stderr = child.stderr.as_mut().unwrap();
        stderr.read_exact(&mut ready).unwrap();
        tell(&child, signal);
        drop(child.stdin.take());
        // Longer than a write lasts that a signal ends.
        thread::sleep(Duration::from_secs(2));
        let mut report = Vec::new();
        reader.read_to_end(&mut report).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        let report: serde_json::Value = serde_json::from_slice(&report[held..]).unwrap();
        assert!(report["schema"].is_u64(), "{report}");
    }
}
