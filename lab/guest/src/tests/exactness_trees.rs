//! Files and mounts that come and go, and more of them than the table holds.

use serde_json::Value;

use crate::{
    bare::PAGE,
    fixture::Famfs,
    harness::Test,
    iomap_counter::IomapCounter,
    raw::v44::option,
    tests::exactness::{Allowed, check, check_sum, in_row, is_others, read_number, watch},
    top::{accounted, count, file, once, once_by_rows},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "exactness::more_files_than_entries",
        run: more_files,
    },
    Test {
        name: "exactness::mounted_and_unmounted_while_watching",
        run: mounts,
    },
    Test {
        name: "exactness::renamed_and_deleted_while_watching",
        run: renames,
    },
];

/// The test that needs a block device.
pub(crate) const ON_EXT4: &[Test] = &[Test {
    name: "exactness::ext4_with_all_dax",
    run: ext4,
}];

/// An entry each, which is twice as many as always find a place.
const FILES: u64 = 24_000;

/// First famfs-top does not get to run: what finds no room is in the row of all others. Then it
/// waits for the load to end, but is woken before the table is full.
fn more_files() {
    let famfs = Famfs::bare();
    // How many rows there were, and the one of all others.
    let watch_files = |how: &str| {
        let (mut rows, mut in_rows, mut others) = (0, 0, None);
        let mut report = Value::Null;
        let counted = famfs.counted(|| {
            report = once_by_rows(&format!("lab-guest load files {FILES} {how}"), |row| {
                rows += 1;
                in_rows += in_row(row);
                if is_others(row) {
                    others = Some(row.clone());
                }
            });
        });
        assert_eq!(counted, [FILES, 0, 0, 0], "pte, pmd, fallback, refused");
        check_sum(in_rows, &report, FILES, Allowed::Nothing);
        (rows, others)
    };
    let (_, others) = watch_files("stopped");
    let others = others.expect("24,000 entries are more than six places each can hold");
    println!("{} faults are in the row of all others", accounted(&others));
    assert!(accounted(&others) < FILES / 2, "{others:#}");
    assert_eq!(
        count(&others, "pte", "write"),
        0,
        "it has no latencies: {others:#}"
    );

    assert_eq!(watch_files("running"), (FILES, None));
    famfs.detach();
}

fn mounts() {
    let famfs = Famfs::fresh();
    famfs.creat("file", "4M");
    famfs.umount();
    let report = once("lab-guest load mounts 5");
    let module = read_number("/tmp/mounts");
    assert!(module >= 5 * 1024);
    check(&report, module, Allowed::Nothing);
}

fn renames() {
    let famfs = Famfs::fresh();
    famfs.allow(option::RENAME | option::UNLINK);
    for name in ["stays", "moves", "goes"] {
        famfs.creat(name, "4M");
    }
    let (report, module) = watch(&famfs, &format!("renames {}", famfs.mountpoint));
    check(&report, module, Allowed::Nothing);
    for name in ["stays", "moved", "goes (deleted)"] {
        let row = file(&report, &famfs.path(name));
        assert_eq!(count(row, "pte", "write"), 512, "{row:#}");
    }
}

/// Another DAX file system; ftrace counts beside.
fn ext4() {
    let device = std::env::var("FAMFS_DEV").unwrap();
    let mkfs = crate::command::run(&format!("mkfs.ext4 -q -F -b {PAGE} {device}"));
    assert!(mkfs.status.success(), "{mkfs:?}");
    crate::command::must("modprobe ext4");
    let at = "/mnt/ext4";
    std::fs::create_dir_all(at).unwrap();
    crate::command::must(&format!("mount -t ext4 -o dax=always {device} {at}"));
    let path = format!("{at}/file");
    std::fs::write(&path, vec![1; 4 << 20]).unwrap();
    let watched = |option: &str| {
        let ftrace = IomapCounter::start();
        let load = format!("lab-guest load sequential {path}");
        let text = crate::command::must(&format!("famfs-top --once --json {option} -- {load}"));
        let report: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        (report, ftrace.calls().values().sum::<u64>())
    };
    let (report, calls) = watched("--all-dax");
    let row = file(&report, &path);
    assert!(calls > 0);
    assert_eq!(accounted(row), calls, "{row:#}");
    assert_eq!(report["unattributed"], 0);
    let (report, _) = watched("");
    assert_eq!(report["files"].as_array().unwrap().len(), 0, "{report:#}");
    crate::command::must(&format!("umount {at}"));
}
