//! JSON documents of a mount: as the register of contracts has them, also about names that are
//! not UTF-8, of which they hold the exact bytes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::Command;

use serde_json::Value;

use crate::fixture::Famfs;
use crate::harness::Test;

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "json::names_that_are_not_utf8",
        run: names_that_are_not_utf8,
    },
    Test {
        name: "json::documents_of_a_mount_are_as_registered",
        run: documents,
    },
];

/// A mount point and a file in it; both names end with a byte that no UTF-8 has.
const MOUNTPOINT: &[u8] = b"/mnt/at-\xff";
const FILE: &[u8] = b"/mnt/at-\xff/file-\xfe";

/// Runs `famfs`, which must end with `status` and one JSON document as the register has it.
fn famfs(status: i32, words: &[&[u8]]) -> Value {
    let output = Command::new("famfs")
        .args(words.iter().map(|word| OsStr::from_bytes(word)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}{complained}");
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no whole document: {error}\n{said}{complained}"));
    // The machine outside has the register, and compares.
    println!("DOCUMENT {} {document}", schema(words));
    document
}

/// The schema of what a command prints with `--json`.
fn schema(words: &[&[u8]]) -> &'static str {
    match words {
        // It says what the first play of the log did.
        [b"mount" | b"logplay", ..] => "famfs-logplay",
        [b"module", b"status", ..] => "famfs-module-status",
        [b"getmap", ..] => "famfs-getmap",
        [b"chkread", ..] => "famfs-chkread",
        [b"verify", ..] => "famfs-verify",
        [b"list", ..] => "famfs-list",
        [b"check", ..] => "famfs-check",
        [b"fsck", ..] => "famfs-fsck",
        [b"dump", ..] => "famfs-dump",
        [b"opts", ..] => "famfs-opts",
        other => panic!("no schema is known of {other:?}"),
    }
}

fn documents() {
    let famfs_mount = Famfs::fresh();
    let at = famfs_mount.mountpoint.as_bytes();
    let path = famfs_mount.creat("file", "4M");
    famfs(0, &[b"getmap", b"--json", path.as_bytes()]);
    famfs(0, &[b"opts", at, b"--json"]);
    famfs(0, &[b"opts", at, b"--set", b"unlink", b"--json"]);
    famfs(0, &[b"check", b"--json", at]);
    famfs(0, &[b"fsck", b"--json", at]);
    famfs(0, &[b"dump", b"--json", at]);
    famfs(0, &[b"logplay", b"--json", at]);
    famfs(0, &[b"list", b"--json"]);
    // A logged file that is gone.
    fs::remove_file(&path).unwrap();
    famfs(1, &[b"check", b"--json", at]);
}

/// The bytes of a name in a document, from the field that holds them exactly.
fn name(document: &Value, field: &str) -> OsString {
    let digits = document[format!("{field}_hex")].as_str();
    let digits = digits.unwrap_or_else(|| panic!("no {field}_hex in {document:#}"));
    let bytes = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    OsString::from_vec(bytes.collect())
}

fn names_that_are_not_utf8() {
    let fresh = Famfs::fresh();
    fresh.umount();
    let (at, path) = (OsStr::from_bytes(MOUNTPOINT), OsStr::from_bytes(FILE));
    fs::create_dir_all(at).unwrap();
    famfs(
        0,
        &[b"mount", b"--json", fresh.device.as_bytes(), MOUNTPOINT],
    );
    let made = Command::new("famfs")
        .args(["creat", "-s", "4096", "-r", "-S", "7"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());

    let map = famfs(0, &[b"getmap", b"--json", FILE]);
    assert_eq!(
        (name(&map, "path"), &map["size"]),
        (path.into(), &4096.into())
    );
    let read = famfs(0, &[b"chkread", b"--json", FILE]);
    assert_eq!(
        (name(&read, "path"), &read["ok"]),
        (path.into(), &true.into())
    );
    let verified = famfs(0, &[b"verify", b"--json", b"-S", b"7", b"-f", FILE]);
    assert_eq!(name(&verified["files"][0], "path"), path);

    let listed = famfs(0, &[b"list", b"--json"]);
    let devices = listed["devices"].as_array().unwrap();
    let device = devices
        .iter()
        .find(|device| device["path"] == fresh.device)
        .unwrap();
    assert_eq!(name(&device["mounts"][0], "mount_point"), at);
    // It was read through the mount.
    assert_eq!(device["file_system"]["entries"], 1, "{device:#}");
    let status = famfs(0, &[b"module", b"status", b"--json"]);
    assert_eq!(name(&status["pins"][0], "mount_point"), at);

    // A file without a map is a finding that names it.
    let stray = [MOUNTPOINT, b"/stray-\xfd"].concat();
    fs::write(OsStr::from_bytes(&stray), b"").unwrap();
    let checked = famfs(1, &[b"check", b"--json", MOUNTPOINT]);
    assert_eq!(checked["errors"].as_array().unwrap().len(), 1);
    assert_eq!(
        name(&checked["errors"][0], "path"),
        OsStr::from_bytes(b"stray-\xfd")
    );
    let gone = Command::new("famfs").arg("umount").arg(at).status();
    assert!(gone.unwrap().success());
    fs::remove_dir(at).unwrap();
}
