//! The `famfs` command from outside: exit statuses, messages, streams.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const COMMANDS: [&str; 9] = [
    "mkfs", "mount", "umount", "creat", "mkdir", "logplay", "fsck", "dump", "getmap",
];

fn famfs(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_famfs"));
    command
        .current_dir(dir)
        .env("FAMFS_SYSTEM_UUID_FILE", dir.join("system_uuid"));
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    famfs(dir).args(args).output().unwrap()
}

/// Runs and checks the exit status; returns standard output and standard error.
fn expect(dir: &Path, status: i32, args: &[&str]) -> (String, String) {
    let output = run(dir, args);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}\n{out}{err}");
    (out, err)
}

fn with_image(size: u64) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    File::create(dir.path().join("img"))
        .unwrap()
        .set_len(size)
        .unwrap();
    dir
}

#[test]
fn every_command_helps_with_examples() {
    let dir = tempfile::tempdir().unwrap();
    let (out, _) = expect(dir.path(), 0, &["--help"]);
    for command in COMMANDS {
        assert!(out.contains(&format!("  {command}")), "{command}");
        let (out, err) = expect(dir.path(), 0, &[command, "--help"]);
        assert!(out.contains("Example"), "{command}");
        assert!(out.contains(&format!("famfs {command}")), "{command}");
        assert_eq!(err, "");
    }
}

#[test]
fn usage_errors_exit_2_and_touch_nothing() {
    let dir = with_image(16 << 20);
    for args in [
        &[][..],
        &["nonsense"],
        &["mkfs"],
        &["mkfs", "--nonsense", "img"],
        &["mkfs", "-l", "1", "img"],
        &["mkfs", "-l", "1m", "img"],
        &["mkfs", "-l", "11m", "img"],
        &["mkfs", "-l", "2G", "img"],
        &["mkfs", "-k", "img"],
        &["mkfs", "--alloc-unit", "1M", "img"],
        &["creat", "img"],
        &["creat", "-s", "10Mb", "img"],
        &["creat", "-s", "-1", "img"],
        &["creat", "-s", "1", "-r", "img"],
        &["creat", "-s", "1", "-S", "1", "img"],
        &["creat", "-s", "1", "-r", "-S", "0", "img"],
        &["creat", "-s", "1", "-r", "-S", "4294967296", "img"],
        &["creat", "-s", "1", "-m", "8", "img"],
        &["mount", "img"],
        &["fsck"],
        &["dump", "a", "b"],
    ] {
        let (out, err) = expect(dir.path(), 2, args);
        assert_eq!(out, "", "{args:?}");
        assert!(!err.is_empty(), "{args:?}");
    }
    let mut bytes = Vec::new();
    File::open(dir.path().join("img"))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes.iter().all(|b| *b == 0));
}

#[test]
fn an_image_from_mkfs_to_kill() {
    let dir = with_image(64 << 20);
    let dir = dir.path();
    let (out, err) = expect(dir, 0, &["mkfs", "--json", "img"]);
    let made: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(made["free_bytes"], (64 - 10) << 20);
    assert_eq!(made["log_entries"], 15_420);
    assert!(
        err.contains("upstream's mkfs refuses devices below 4 GiB"),
        "{err}"
    );
    let host = std::fs::read_to_string(dir.join("system_uuid")).unwrap();
    assert_eq!(made["system_uuid"], host.trim_end_matches('\0'));

    let (_, err) = expect(dir, 1, &["mkfs", "img"]);
    assert!(err.contains("img holds a famfs superblock"), "{err}");
    assert!(err.contains("hint: `-f` overwrites it"), "{err}");

    let (out, _) = expect(dir, 0, &["fsck", "--json", "img"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["clean"], &report["findings"]),
        (&true.into(), &serde_json::json!([]))
    );
    expect(dir, 0, &["fsck", "img"]);
    let (out, _) = expect(dir, 0, &["dump", "--json", "img"]);
    let dump: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(dump["superblock"]["fs_uuid"], made["fs_uuid"]);
    assert_eq!(dump["superblock"]["dev_name"], "img");

    expect(
        dir,
        0,
        &["mkfs", "-f", "-l", "16M", "--alloc-unit", "4k", "img"],
    );
    let (out, _) = expect(dir, 0, &["dump", "img"]);
    assert!(out.contains("log 16777216 bytes, unit 4096 bytes"), "{out}");

    expect(dir, 0, &["mkfs", "-f", "-k", "img"]);
    let (out, _) = expect(dir, 1, &["fsck", "img"]);
    assert!(out.contains("no famfs superblock"), "{out}");
    let (_, err) = expect(dir, 1, &["mkfs", "-f", "-k", "img"]);
    assert!(err.contains("no famfs superblock to remove"), "{err}");
}

#[test]
fn failures_say_what_on_what_and_why() {
    let dir = with_image(4096);
    for (args, said) in [
        (
            &["mkfs", "none"][..],
            "cannot look at none: No such file or directory",
        ),
        (
            &["mkfs", "img"],
            "img has 4096 bytes; log and one allocation unit take 12582912",
        ),
        (&["fsck", "img"], "cannot read img"),
        (
            &["dump", "/dev/null"],
            "/dev/null is neither an image, a block device nor a dax device",
        ),
        (&["fsck", "."], "is not in a famfs mount"),
        (&["creat", "-s", "4k", "new"], "new is not in a famfs mount"),
        (&["mkdir", "new"], "new is not in a famfs mount"),
        (&["logplay", "."], "is not in a famfs mount"),
        (&["getmap", "img"], "img is not in a famfs mount"),
        (&["umount", "."], "is not the root of a famfs mount"),
        (&["mount", "none", "."], "cannot resolve none"),
    ] {
        let (out, err) = expect(dir.path(), 1, args);
        assert_eq!(out, "", "{args:?}");
        assert!(
            err.starts_with("famfs: ") && err.contains(said),
            "{args:?}: {err}"
        );
    }
    assert!(!dir.path().join("new").exists());
}

/// Enough output that a pipe cannot hold it.
fn long_output(dir: &Path) -> Command {
    expect(dir, 0, &["mkfs", "img"]);
    let image = File::options().write(true).open(dir.join("img")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&image, &15_000_u64.to_le_bytes(), (2 << 20) + 40)
        .unwrap();
    let mut command = famfs(dir);
    command.args(["dump", "--json", "img"]);
    command
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let dir = with_image(64 << 20);
    let mut child = long_output(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_full_disk_is_one() {
    let dir = with_image(64 << 20);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = long_output(dir.path()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains("cannot write the output: No space left on device"),
        "{err}"
    );
}
