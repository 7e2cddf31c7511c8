//! The log is what makes files: they are there again after a remount, byte for byte.

use std::{fs, os::unix::fs::MetadataExt};

use serde_json::Value;

use crate::{
    command::{must, must_fail},
    fixture::Famfs,
    harness::Test,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "runtime::files_come_back_from_the_log",
        run: files_come_back,
    },
    Test {
        name: "runtime::dump_shows_what_was_created",
        run: dump,
    },
    Test {
        name: "runtime::mkfs_keeps_a_file_system_unless_forced",
        run: mkfs_refuses,
    },
    Test {
        name: "runtime::a_mapping_and_a_read_see_the_same_bytes",
        run: mapping_and_read,
    },
];

fn files_come_back() {
    let famfs = Famfs::fresh();
    must(&format!(
        "famfs mkdir -p -m 750 {}",
        famfs.path("sets/day1")
    ));
    let path = famfs.path("sets/day1/data");
    must(&format!(
        "famfs creat -s 5000000 -r -S 42 -m 640 -u 7 -g 8 {path}"
    ));
    let before = fs::read(&path).unwrap();
    assert_eq!(before.len(), 5_000_000);
    assert!(before.iter().any(|byte| *byte != 0), "seeded content");
    famfs.umount();
    assert!(
        !fs::exists(&path).unwrap(),
        "nothing is visible without a mount"
    );

    famfs.mount();
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(
        (meta.len(), meta.mode() & 0o7777, meta.uid(), meta.gid()),
        (5_000_000, 0o640, 7, 8)
    );
    let folder = fs::metadata(famfs.path("sets/day1")).unwrap();
    assert_eq!(folder.mode() & 0o7777, 0o750);
    assert_eq!(fs::read(&path).unwrap(), before);
    // Playing the log again changes nothing.
    must(&format!("famfs logplay {}", famfs.mountpoint));
    assert_eq!(fs::read(&path).unwrap(), before);
    must(&format!("famfs fsck {}", famfs.mountpoint));
    famfs.umount();
    must(&format!("famfs fsck {}", famfs.device));
}

fn dump() {
    let famfs = Famfs::fresh();
    famfs.creat("one", "2M");
    must(&format!("famfs mkdir {}", famfs.path("folder")));
    famfs.creat("folder/two", "3M");
    famfs.umount();
    let text = must(&format!("famfs dump --json {}", famfs.device));
    let parsed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed["superblock"]["version"], 48);
    assert_eq!(parsed["superblock"]["crc_ok"], true);
    assert_eq!(parsed["log_header"]["next_index"], 3);
    let entries = parsed["entries"].as_array().unwrap();
    let paths: Vec<_> = entries
        .iter()
        .map(|entry| entry["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["one", "folder", "folder/two"]);
}

fn mkfs_refuses() {
    let famfs = Famfs::fresh();
    famfs.creat("kept", "2M");
    must_fail(&format!("famfs mkfs --force {}", famfs.device));
    famfs.umount();
    must_fail(&format!("famfs mkfs {}", famfs.device));
    famfs.mount();
    assert!(
        fs::exists(famfs.path("kept")).unwrap(),
        "the refusal touched nothing"
    );
}

fn mapping_and_read() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "4M");
    // Written through a mapping, one byte a page; then through write(2).
    must(&format!("famfs-bench touch --access write --file {path}"));
    let through_read = fs::read(&path).unwrap();
    assert_eq!(through_read.len(), 4 << 20);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"across the boundary", (2 << 20) - 5).unwrap();
    let again = fs::read(&path).unwrap();
    assert_eq!(&again[(2 << 20) - 5..][..19], b"across the boundary");
    // A write never extends.
    let past = std::os::unix::fs::FileExt::write_at(&file, b"x", 4 << 20);
    assert!(!matches!(past, Ok(1)), "a write past the end was taken");
    assert_eq!(fs::metadata(&path).unwrap().len(), 4 << 20);
}
