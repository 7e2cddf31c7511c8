//! Standard output and standard error that are closed, full, or never read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const FAMFS: &str = env!("CARGO_BIN_EXE_famfs");
const TOP: &str = env!("CARGO_BIN_EXE_famfs-top");

/// A pipe that nobody will ever read.
fn unread() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

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

/// Starts a watch whose output fills a pipe that stays open and unread, and tells it to end.
fn ends_by(signal: Signal) {
    let mut child = Command::new(TOP)
        .args([
            "--ndjson",
            "--source",
            "synthetic-mixed",
            "--interval",
            "0.1",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    // The smallest pipe is full after the first document.
    let stdout = child.stdout.take().unwrap();
    nix::fcntl::fcntl(&stdout, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    thread::sleep(Duration::from_millis(600));
    kill(pid, signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), None, "it ended in good order");
    assert_eq!(status.code(), Some(128 + signal as i32));
    let mut said = String::new();
    child.stderr.unwrap().read_to_string(&mut said).unwrap();
    let want = format!("signal {} came while nobody read", signal as i32);
    assert!(said.contains(&want), "{said}");
    drop(stdout);
}

#[test]
fn the_first_signal_ends_a_write_that_nobody_reads() {
    ends_by(Signal::SIGTERM);
    ends_by(Signal::SIGINT);
}
