//! More that faults than there are CPUs, and exactly as much.

use crate::{
    fixture::Famfs,
    harness::Test,
    raw::v44::option,
    tests::exactness::{Allowed, check, watch},
    top::{accounted, file},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "exactness::eight_processes",
        run: processes,
    },
    Test {
        name: "exactness::sixty_four_threads_on_two_cpus",
        run: threads,
    },
    Test {
        name: "exactness::truncated_while_faulting",
        run: truncate,
    },
    Test {
        name: LONG,
        run: long,
    },
];

/// Faults a fifth of a million pages, or as many as `EXACTNESS_FAULTS` says.
const LONG: &str = "exactness::long";

fn processes() {
    let famfs = Famfs::fresh();
    let paths: Vec<String> = (0..8)
        .map(|i| famfs.creat(&format!("crowd{i}"), "4M"))
        .collect();
    let (report, module) = watch(&famfs, &format!("processes 4 {}", paths.join(" ")));
    check(&report, module, Allowed::Preempted);
    for path in &paths {
        assert!(accounted(file(&report, path)) > 0, "{path}");
    }
}

fn threads() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("shared", "4M");
    let (report, module) = watch(&famfs, &format!("threads 20 64 {path}"));
    check(&report, module, Allowed::Preempted);
}

fn truncate() {
    let famfs = Famfs::fresh();
    famfs.allow(option::TRUNCATE);
    let path = famfs.creat("shrunk", "4M");
    let before = famfs.faults("refused");
    let (report, module) = watch(&famfs, &format!("truncate {path}"));
    check(&report, module, Allowed::Preempted);
    let refused = famfs.faults("refused") - before;
    let errors = file(&report, &path)["errors"].as_u64().unwrap();
    assert!(refused >= 2, "both children end by it: {refused}");
    // The end of a refused fault may be one that the kernel ran no program for.
    let unattributed = report["unattributed"].as_u64().unwrap();
    assert!(
        errors <= refused && refused - errors <= unattributed,
        "{errors} errors of {refused}, {unattributed} unattributed"
    );
}

fn long() {
    let faults: u64 =
        std::env::var("EXACTNESS_FAULTS").map_or(200_000, |faults| faults.parse().unwrap());
    let famfs = Famfs::fresh();
    let paths = ["one", "two"].map(|name| famfs.creat(name, "4M"));
    let (report, module) = watch(&famfs, &format!("pinned {faults} {}", paths.join(" ")));
    assert!(module >= faults);
    check(&report, module, Allowed::Nothing);
}
