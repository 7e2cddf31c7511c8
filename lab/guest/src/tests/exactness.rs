//! Every fault is in a row or in `unattributed`, and nothing else is: famfs-top against the
//! module's own counters, under loads of every kind.

use std::path::Path;

use serde_json::Value;

use crate::{
    fixture::Famfs,
    harness::Test,
    top::{accounted, file, once},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "exactness::sequential",
        run: || plain("sequential", "8M"),
    },
    Test {
        name: "exactness::random",
        run: || plain("random", "4M"),
    },
    Test {
        name: "exactness::private",
        run: || plain("private", "4M"),
    },
    Test {
        name: "exactness::write_upgrade",
        run: || plain("upgrade", "4M"),
    },
    Test {
        name: "exactness::incongruent_mapping",
        run: || plain("incongruent", "4M"),
    },
    Test {
        name: "exactness::unaligned_tail",
        run: || plain("tail", "3150728"),
    },
    Test {
        name: "exactness::fork",
        run: || plain("fork", "4M"),
    },
];

/// How much may be unattributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    Nothing,
    /// More threads fault than there are CPUs. On a preemptible kernel as much is unattributed as
    /// tasks were preempted inside a program, and that depends on how often the host takes the
    /// guest's CPUs away. The sum must be exact all the same.
    Preempted,
}

/// One thread, one file.
fn plain(load: &str, size: &str) {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", size);
    let (report, module) = watch(&famfs, &format!("{load} {path}"));
    check(&report, module, Allowed::Nothing);
    let row = file(&report, &path);
    assert_eq!(accounted(row), module, "all in the one file's row: {row:#}");
    assert_eq!(row["retried"], 0, "{row:#}");
}

/// What famfs-top reports of a load, and what the module counted meanwhile.
pub(super) fn watch(famfs: &Famfs, load: &str) -> (Value, u64) {
    let before = famfs.total();
    let report = once(&format!("lab-guest load {load}"));
    (report, famfs.total() - before)
}

/// The law: rows and unattributed together are what happened.
pub(super) fn check(report: &Value, happened: u64, allowed: Allowed) {
    let rows = report["files"].as_array().unwrap();
    check_sum(rows.iter().map(in_row).sum(), report, happened, allowed);
}

/// Faults of a row. Those that the kernel tries again are none to the module.
pub(super) fn in_row(row: &Value) -> u64 {
    accounted(row) - row["retried"].as_u64().unwrap()
}

/// The law, for a report whose rows were added up already.
pub(super) fn check_sum(in_rows: u64, report: &Value, happened: u64, allowed: Allowed) {
    let unattributed = report["unattributed"].as_u64().unwrap();
    println!("{happened} faults, {unattributed} of them unattributed");
    assert!(happened > 0, "nothing was measured");
    assert_eq!(in_rows + unattributed, happened, "{report:#}");
    assert_eq!(report["lost"], 0, "{report:#}");
    if allowed == Allowed::Nothing || !is_preemptible() {
        assert_eq!(unattributed, 0, "of {happened}");
    }
}

/// 6.12 runs tracepoints with preemption off, so it skips no program.
pub(super) fn is_preemptible() -> bool {
    !std::env::var("FAMFS_KERNEL").is_ok_and(|kernel| kernel.starts_with("6.12"))
}

/// Is it the row of all files that the table had no room for?
pub(super) fn is_others(row: &Value) -> bool {
    row["dev"] == "0:0" && row["ino"] == 0
}

/// Is something there that shows that a load ran?
pub(super) fn read_number(path: impl AsRef<Path>) -> u64 {
    std::fs::read_to_string(path)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
