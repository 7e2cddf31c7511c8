//! The `famfs` command from outside: exit statuses, messages, streams.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

#[path = "common/logged.rs"]
mod logged;

const COMMANDS: [&str; 21] = [
    "mkfs",
    "mount",
    "umount",
    "list",
    "creat",
    "mkdir",
    "cp",
    "verify",
    "flush",
    "logplay",
    "mkmeta",
    "fsck",
    "check",
    "dump",
    "getmap",
    "chkread",
    "opts",
    "clone",
    "completions",
    "man",
    "module",
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
        &["creat", "-s", "10Mb", "img"],
        &["creat", "-s", "-1", "img"],
        &["creat", "-s", "1", "-S", "1", "img"],
        &["creat", "-s", "1", "-r", "-S", "0", "img"],
        &["creat", "-s", "1", "-r", "-S", "4294967296", "img"],
        &["creat", "-s", "1", "-m", "8", "img"],
        &["creat", "-M", "img", "-s", "1"],
        &["creat", "-M", "img,1,2,3"],
        &["creat", "-s", "1", "-t", "257", "img"],
        &["creat", "-s", "1", "-t", "-1", "img"],
        &["creat", "-s", "1", "-N", "4", "img"],
        &["creat", "-s", "1", "-C", "2M", "img"],
        &["creat", "-s", "1", "-N", "4", "-B", "4", "-C", "2Mb", "img"],
        &["cp"],
        &["cp", "img"],
        &["cp", "-u", "-1", "img", "x"],
        &["cp", "-g", "root", "img", "x"],
        &["verify"],
        &["verify", "-S", "1"],
        &["verify", "-f", "img"],
        &["verify", "-m", "img"],
        &["verify", "-m", "img,0"],
        &["verify", "-S", "1", "-f", "img", "-t", "999"],
        &["flush"],
        &["chkread"],
        &["chkread", "-s", "-l", "img"],
        &["check"],
        &["mkmeta"],
        &["mkdir"],
        &["getmap"],
        &["getmap", "-c"],
        &["clone", "a"],
        &["opts", "--set", "nonsense", "."],
        &["completions", "tcsh"],
        &["mount", "img"],
        &["mount", "-rm", "img", "."],
        &["mount", "a", "b", "c"],
        &["mount", "-o", "rw,nonsense", "img", "."],
        &["umount"],
        &["list", "img"],
        &["opts"],
        &["man"],
        &["module"],
        &["module", "status", "img"],
        &["logplay"],
        &["logplay", "-rm", "."],
        &["logplay", "-M", "."],
        &["logplay", "--interval", "5", "."],
        &["fsck"],
        &["fsck", "-rm", "img"],
        &["fsck", "-B", "1025", "img"],
        &["dump", "a", "b"],
    ] {
        let (out, err) = expect(dir.path(), 2, args);
        assert_eq!(out, "", "{args:?}");
        assert!(!err.is_empty(), "{args:?}");
    }
    for command in COMMANDS {
        let (out, err) = expect(dir.path(), 2, &[command, "--nonsense"]);
        assert_eq!(out, "", "{command}");
        assert!(err.contains("--nonsense"), "{command}: {err}");
    }
    let mut bytes = Vec::new();
    File::open(dir.path().join("img"))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes.iter().all(|b| *b == 0));
}

#[test]
fn mkfs_does_not_replace_an_identity_that_it_cannot_read() {
    let dir = with_image(64 << 20);
    let dir = dir.path();
    let before = std::fs::read(dir.join("img")).unwrap();
    for bytes in [&b""[..], b"\0", b"not a uuid", b"\xff\xfe\xfd"] {
        std::fs::write(dir.join("system_uuid"), bytes).unwrap();
        let (out, err) = expect(dir, 1, &["mkfs", "img"]);
        assert_eq!(out, "");
        let said = format!(
            "famfs: {} holds no uuid: this host cannot tell which file systems it made\n",
            dir.join("system_uuid").display()
        );
        assert!(err.starts_with(&said), "{err}");
        assert!(err.contains("or remove the file"), "{err}");
        assert_eq!(std::fs::read(dir.join("system_uuid")).unwrap(), bytes);
        assert!(std::fs::read(dir.join("img")).unwrap() == before);
    }
    std::fs::remove_file(dir.join("system_uuid")).unwrap();
    expect(dir, 0, &["mkfs", "img"]);
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

    for (unit, bytes) in [
        ("2m", 2 << 20),
        ("2MiB", 2 << 20),
        ("4096", 4096),
        ("4KiB", 4096),
        ("0x1000", 4096),
        ("4k", 4096),
    ] {
        let mkfs = ["mkfs", "-f", "-l", "16M", "--alloc-unit", unit, "img"];
        expect(dir, 0, &mkfs);
        let (out, _) = expect(dir, 0, &["dump", "img"]);
        let said = format!("log 16777216 bytes, unit {bytes} bytes");
        assert!(out.contains(&said), "{unit}: {out}");
    }

    expect(dir, 0, &["mkfs", "-f", "-k", "img"]);
    let (out, _) = expect(dir, 1, &["fsck", "-v", "img"]);
    assert!(out.contains("no famfs superblock"), "{out}");
    assert!(
        !out.contains(" entries"),
        "nothing is known of the log: {out}"
    );
    let (out, _) = expect(dir, 1, &["fsck", "--json", "img"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["entries"], &report["log_capacity"]),
        (&0.into(), &0.into())
    );
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
        (&["cp", "img", "new"], "new is not in a famfs mount"),
        (&["cp", "img", "new/"], "new/: it is no folder that exists"),
        (&["cp", "-c", "img", "new/."], "new/.: it is no folder"),
        (&["cp", "-r", "img", "new//"], "new//: it is no folder"),
        (&["cp", "-r", ".", "new/"], "new/ is not in a famfs mount"),
        (
            &["creat", "-s", "4k", "new/"],
            "new/: a name that ends in a slash is a folder's",
        ),
        (
            &["creat", "-s", "4k", "img/."],
            "`famfs mkdir` makes folders",
        ),
        (&["creat", "-M", "new/,4k"], "`famfs mkdir` makes folders"),
        (&["mkdir", "new/"], "new/ is not in a famfs mount"),
        (&["verify", "-S", "1", "-f", "img/"], "Not a directory"),
        (&["flush", "img/"], "Not a directory"),
        (&["chkread", "img/."], "Not a directory"),
        (&["getmap", "img/"], "Not a directory"),
        (&["fsck", "img/"], "Not a directory"),
        (&["mkfs", "img/"], "Not a directory"),
        (
            &["creat", "-M", "new,4k", "-M", "new2,4k"],
            "new2 is not in a famfs mount",
        ),
        (
            &["creat", "--manifest", "none"],
            "cannot read the list none",
        ),
        (&["verify", "-S", "1", "-f", "none"], "cannot look at none"),
        (
            &["verify", "-S", "1", "-f", "img"],
            "img: byte 0 is not of seed 1",
        ),
        (&["flush", "none"], "cannot look at none"),
        (&["flush", "."], "it is a folder, not a regular file"),
        (&["chkread", "none"], "cannot look at none"),
        (&["chkread", "-l", "img"], "it does not start as one"),
        (&["check", "."], ". is not in a famfs mount"),
        (&["mkmeta", "none"], "cannot look at none"),
        (&["mkmeta", "img"], "no famfs is mounted from it"),
        (&["getmap", "-c", "none"], "cannot look at none"),
        (&["getmap", "."], "it is not a regular file"),
        (&["clone", "a", "b"], "`--image IMAGE` does it"),
        (&["clone", "--image", "img", "a", "b"], "cannot read img"),
        (&["opts", "."], ". is not in a famfs mount"),
        (&["mount", "-D", "img"], "a dummy mount is not needed"),
        (
            &["mount", "img", "."],
            "img is neither an image, a block device nor a dax device",
        ),
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

/// Each line of standard error is one write: programs that share it do not mix theirs. A datagram
/// socket keeps writes apart.
#[test]
fn messages_are_written_whole() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    let dir = with_image(24 << 20);
    let writes = |program: &str, args: &[&str]| {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let status = Command::new(program)
            .args(args)
            .current_dir(dir.path())
            .env("FAMFS_SYSTEM_UUID_FILE", dir.path().join("system_uuid"))
            .stdout(Stdio::null())
            .stderr(OwnedFd::from(theirs))
            .status()
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let mut written = Vec::new();
        while let Ok(len) = ours.recv(&mut buffer) {
            written.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
        }
        (status.code().unwrap(), written)
    };
    let famfs = env!("CARGO_BIN_EXE_famfs");
    for (program, args, status, count) in [
        // A message and its hint; a note; a usage error of several lines.
        (famfs, &["fsck", "none"][..], 1, 2),
        (famfs, &["mkfs", "img"], 0, 1),
        (famfs, &["mkfs"], 2, 1),
        (famfs, &["cp", "x", "y", "-N", "2"], 2, 1),
        (env!("CARGO_BIN_EXE_famfs-top"), &["replay", "none"], 1, 1),
        (env!("CARGO_BIN_EXE_famfs-top"), &["--nonsense"], 2, 1),
        (env!("CARGO_BIN_EXE_famfs-top"), &["--count", "3"], 2, 1),
    ] {
        let (ended, written) = writes(program, args);
        assert_eq!(ended, status, "{args:?}: {written:?}");
        assert_eq!(written.len(), count, "{args:?}: {written:?}");
        assert!(
            written.iter().all(|text| text.ends_with('\n')),
            "{written:?}"
        );
    }
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

/// The names by which mount(8), umount(8) and mkfs(8) call it.
fn as_name(dir: &Path, name: &str) -> Command {
    let link = dir.join(name);
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_famfs"), &link).unwrap();
    }
    let mut command = Command::new(link);
    command
        .current_dir(dir)
        .env("FAMFS_SYSTEM_UUID_FILE", dir.join("system_uuid"));
    command
}

#[test]
fn helpers_by_their_names() {
    let dir = with_image(64 << 20);
    let dir = dir.path();
    for (name, args, status, said) in [
        (
            "mkfs.famfs",
            &["-f", "-v", "img"][..],
            0,
            "log            8388608 bytes",
        ),
        ("mkfs.famfs", &["img"], 1, "img holds a famfs superblock"),
        ("mkfs.famfs", &["--nonsense", "img"], 2, "--nonsense"),
        ("mkfs.famfs", &[], 2, "DEVICE"),
        ("mount.famfs", &[], 1, "DEVICE"),
        ("mount.famfs", &["img", ".", "--nonsense"], 1, "--nonsense"),
        (
            "mount.famfs",
            &["img", ".", "-o", "rw,nonsense"],
            1,
            "nonsense",
        ),
        (
            "mount.famfs",
            &["img", ".", "-f", "-o", "rw,x-systemd.automount"],
            0,
            "",
        ),
        (
            "mount.famfs",
            &["img", ".", "-s", "-o", "nonsense"],
            32,
            "img is neither",
        ),
        (
            "mount.famfs",
            &["none", ".", "-o", "rw"],
            32,
            "cannot resolve none",
        ),
        (
            "umount.famfs",
            &["."],
            32,
            "is not the root of a famfs mount",
        ),
        ("umount.famfs", &["-x", "."], 1, "-x"),
        ("umount.famfs", &["--help"], 0, "Unmount a famfs"),
    ] {
        let output = as_name(dir, name).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{name} {args:?}: {text}"
        );
        assert!(text.contains(said), "{name} {args:?}: {text}");
    }
}

#[test]
fn fuse_is_said_not_to_be_there() {
    let dir = with_image(64 << 20);
    for args in [
        &["mount", "--fuse", "img", "."][..],
        &["mount", "-f", "-t", "5", "img", "."],
    ] {
        let (_, err) = expect(dir.path(), 3, args);
        assert!(err.contains("there is no fuse here"), "{args:?}: {err}");
    }
    let mode = |mode: &str, args: &[&str]| {
        let output = famfs(dir.path())
            .args(args)
            .env("FAMFS_MODE", mode)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (status, err) = mode("fuse", &["mount", "img", "."]);
    assert_eq!(status, Some(3), "{err}");
    let (status, err) = mode("junk", &["mount", "img", "."]);
    assert_eq!(status, Some(1), "{err}");
    assert!(err.contains("FAMFS_MODE=junk is no mode"), "{err}");
    let (status, err) = mode("junk", &["mount", "--nofuse", "img", "."]);
    assert_eq!(status, Some(1), "{err}");
    assert!(!err.contains("FAMFS_MODE"), "{err}");
}

#[test]
fn what_is_on_a_device_is_named_and_kept() {
    for (at, mark, what) in [
        (0x438, &b"\x53\xef"[..], "ext4"),
        (0, b"XFSB", "XFS"),
        (0x1_0040, b"_BHRfS_M", "btrfs"),
        (0, b"LABELONE", "LVM"),
        (0x200, b"LABELONE", "LVM"),
        (0x600, b"LABELONE", "LVM"),
        (0x200, b"EFI PART", "GPT"),
        (0x1fe, b"\x55\xaa", "partition table"),
        (0xff6, b"SWAPSPACE2", "swap"),
        (0, b"LUKS\xba\xbe", "LUKS"),
    ] {
        let dir = with_image(16 << 20);
        let image = dir.path().join("img");
        let file = File::options().write(true).open(&image).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, mark, at).unwrap();
        let before = std::fs::read(&image).unwrap();
        let (_, err) = expect(dir.path(), 1, &["mkfs", "img"]);
        assert!(err.contains("img holds") && err.contains(what), "{err}");
        assert!(std::fs::read(&image).unwrap() == before, "{what}");
        expect(dir.path(), 0, &["mkfs", "-f", "img"]);
    }
}

/// A log with one file.
fn image_with_a_file(dir: &Path) {
    expect(dir, 0, &["mkfs", "img"]);
    logged::log_a_file(&dir.join("img"));
}

#[test]
fn a_clone_is_found_by_fsck() {
    let dir = with_image(64 << 20);
    let dir = dir.path();
    image_with_a_file(dir);
    // As users of upstream's fsck type them.
    for options in ["-vv", "-m", "-r", "-F", "-f", "-D", "-H", "--human"] {
        expect(dir, 0, &["fsck", options, "img"]);
    }
    let clone = ["clone", "--json", "--image", "img", "one", "two"];
    let (out, _) = expect(dir, 0, &clone);
    let cloned: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&cloned["index"], &cloned["target"]),
        (&1.into(), &"two".into())
    );
    let (out, _) = expect(dir, 1, &["fsck", "img"]);
    assert!(
        out.contains("extent-shared") && out.contains("two"),
        "{out}"
    );
    let (_, err) = expect(dir, 1, &["clone", "--image", "img", "none", "three"]);
    assert!(err.contains("no file \"none\""), "{err}");
    let (_, err) = expect(dir, 1, &["clone", "--image", "img", "one", "../out"]);
    assert!(err.contains("component"), "{err}");
}

#[test]
fn verify_only_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (name, seed) in [("a", 42), ("b", 7)] {
        let mut bytes = vec![0; 3_000_001];
        famfs_runtime::ops::fill::Stream::new(seed).fill(&mut bytes);
        std::fs::write(dir.join(name), bytes).unwrap();
        let mode = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(dir.join(name), mode).unwrap();
    }
    let (out, _) = expect(dir, 0, &["verify", "-S", "42", "-f", "a"]);
    assert_eq!(out, "a: ok\n");
    expect(
        dir,
        0,
        &["verify", "-q", "-m", "a,42", "-m", "b,7", "-t", "2"],
    );
    let (out, err) = expect(dir, 1, &["verify", "--json", "-m", "a,42", "-m", "b,8"]);
    let verdicts: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (
            &verdicts["files"][0]["ok"],
            &verdicts["files"][1]["differs_at"]
        ),
        (&true.into(), &0.into())
    );
    assert!(err.contains("b: byte 0 is not of seed 8"), "{err}");
    expect(dir, 0, &["flush", "a", "b"]);
    expect(dir, 0, &["chkread", "a"]);
    let (out, err) = expect(dir, 1, &["chkread", "--json", "-l", "a"]);
    let verdict: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&verdict["ok"], &verdict["starts_right"]),
        (&false.into(), &false.into())
    );
    assert!(err.contains("it does not start as one"), "{err}");
}

#[test]
fn completions_and_man_pages() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (out, _) = expect(dir.path(), 0, &["completions", shell]);
        assert!(out.contains("logplay"), "{shell}");
    }
    let (out, _) = expect(dir.path(), 0, &["man", "."]);
    assert!(out.lines().count() > 20, "{out}");
    for name in [
        "famfs",
        "famfs-cp",
        "mount.famfs",
        "umount.famfs",
        "mkfs.famfs",
    ] {
        let page = std::fs::read_to_string(dir.path().join(format!("{name}.8"))).unwrap();
        assert!(page.contains(".TH") && page.contains("Example"), "{name}");
    }
    let (_, err) = expect(dir.path(), 1, &["man", "none"]);
    assert!(err.contains("cannot write none/"), "{err}");
}

/// A command that was told in a pipe shows no progress there.
#[test]
fn no_progress_without_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), vec![0; 40 << 20]).unwrap();
    let (_, err) = expect(dir.path(), 0, &["chkread", "a"]);
    assert_eq!(err, "");
}

/// The log of an image as yaml files, twice, and with one that somebody changed.
#[test]
fn a_log_is_written_as_shadow_files() {
    let dir = with_image(64 << 20);
    let dir = dir.path();
    image_with_a_file(dir);
    let play = ["logplay", "--shadow", "shadow", "--daxdev", "img"];
    let no_parent = ["logplay", "--shadow", "no/shadow", "--daxdev", "img"];
    let (_, err) = expect(dir, 1, &no_parent);
    assert!(err.contains("cannot create no/shadow"), "{err}");
    let dry = [&["logplay", "-n"], &play[1..]].concat();
    let (_, err) = expect(dir, 1, &[&["logplay", "-n"], &no_parent[1..]].concat());
    assert!(err.contains("cannot create no/shadow"), "{err}");
    // A dry run makes nothing, and says what would be made.
    let (out, err) = expect(dir, 0, &dry);
    assert!(out.contains("1 new files"), "{out}");
    assert_eq!(
        err,
        "famfs: note: would create shadow\nfamfs: note: would create shadow/root\n"
    );
    assert!(!dir.join("shadow").exists());
    std::fs::create_dir(dir.join("shadow")).unwrap();
    let (out, err) = expect(dir, 0, &dry);
    assert!(out.contains("1 new files"), "{out}");
    assert_eq!(err, "famfs: note: would create shadow/root\n");
    assert!(!dir.join("shadow/root").exists());
    std::fs::write(dir.join("shadow/root"), "a file").unwrap();
    let (_, err) = expect(dir, 1, &dry);
    assert!(err.contains("shadow files go to a folder"), "{err}");
    std::fs::remove_dir_all(dir.join("shadow")).unwrap();
    expect(dir, 2, &["logplay", "--daxdev", "img"]);
    let (out, _) = expect(dir, 0, &play);
    assert!(out.contains("1 new files"), "{out}");
    let (out, _) = expect(dir, 0, &play);
    assert!(
        out.contains("0 new files, 0 new directories, 1 there already"),
        "{out}"
    );
    let file = std::fs::read_dir(dir.join("shadow/root"))
        .unwrap()
        .next()
        .unwrap();
    let path = file.unwrap().path();
    let yaml = std::fs::read_to_string(&path).unwrap();
    assert!(yaml.starts_with("---\nfile:\n  path: "), "{yaml}");
    // What an older run left of a file that is now elsewhere.
    let older = yaml.replace("offset: 0x", "offset: 0x1");
    std::fs::write(&path, &older).unwrap();
    let (_, err) = expect(dir, 1, &[&play[..], &["--shadowtest"]].concat());
    assert!(err.contains("another map stands in its place"), "{err}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), older);
    let (_, err) = expect(dir, 0, &play);
    assert!(err.contains("note: put right log entry 0 \"one\""), "{err}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), yaml);
    let (_, err) = expect(dir, 0, &dry);
    assert_eq!(err, "");
    // What an older run left of a file that no longer exists.
    let folder = dir.join("shadow/root");
    std::fs::create_dir(folder.join("old")).unwrap();
    std::fs::create_dir(folder.join(".meta")).unwrap();
    let gone = folder.join("old/gone");
    let of_gone = yaml.replace("path: one", "path: old/gone");
    std::fs::write(&gone, &of_gone).unwrap();
    // Not ours: another's, one that stands for another file, a link, and the server's own.
    let kept = ["diary", "moved", "link", ".meta/.log"].map(|name| folder.join(name));
    std::fs::write(&kept[0], "dear diary").unwrap();
    std::fs::write(&kept[1], &of_gone).unwrap();
    std::fs::write(dir.join("outside"), yaml.replace("path: one", "path: link")).unwrap();
    std::os::unix::fs::symlink("../../outside", &kept[2]).unwrap();
    std::fs::write(&kept[3], yaml.replace("path: one", "path: .meta/.log")).unwrap();
    let (_, err) = expect(dir, 0, &dry);
    assert!(
        err.contains("note: would remove shadow/root/old/gone"),
        "{err}"
    );
    let (_, err) = expect(dir, 1, &[&play[..], &["--shadowtest"]].concat());
    assert!(
        err.contains("shadow/root/old/gone is a shadow file of a file"),
        "{err}"
    );
    assert!(gone.exists());
    let (_, err) = expect(dir, 0, &play);
    assert!(err.contains("note: removed shadow/root/old/gone"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(!gone.exists());
    for path in kept {
        assert!(path.symlink_metadata().is_ok(), "{}", path.display());
    }
    // What is no shadow file is somebody else's.
    std::fs::write(&path, "dear diary").unwrap();
    let (_, err) = expect(dir, 1, &play);
    assert!(err.contains("no shadow file"), "{err}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary");
}
