//! A kernel that is locked down, step by step. There is no way back in a boot, so these run only
//! where a filter asks for them: in guests of their own.

use std::{fs, path::Path};

use super::doctor::{doctor, gaps};
use crate::{
    command::must,
    fixture::Famfs,
    harness::Test,
    top::{count, file, once},
};

pub(crate) const STATE: &str = "/sys/kernel/security/lockdown";

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "lockdown::integrity_forbids_nothing",
        run: integrity,
    },
    Test {
        name: "lockdown::confidentiality_costs_names_only",
        run: confidentiality,
    },
];

fn lock(mode: &str) {
    if !Path::new(STATE).exists() {
        let _ = must("mount -t securityfs securityfs /sys/kernel/security");
    }
    fs::write(STATE, mode).unwrap_or_else(|error| panic!("cannot lock down: {error}"));
}

/// Four faults are four, and the file has its name.
fn counts(famfs: &Famfs) {
    let path = famfs.creat("file", "8M");
    let report = once(&format!("famfs-bench touch --file {path}"));
    assert_eq!(count(file(&report, &path), "pmd", "read"), 4);
    assert_eq!(report["unattributed"], 0);
}

fn integrity() {
    // Before: a module without a signature is refused from then on.
    let famfs = Famfs::fresh();
    lock("integrity");
    counts(&famfs);
    let (status, said) = doctor("");
    assert_eq!(status, 0, "{said:#}");
}

fn confidentiality() {
    let famfs = Famfs::fresh();
    lock("confidentiality");
    counts(&famfs);
    let (status, said) = doctor("");
    assert_eq!(status, 1, "{said:#}");
    let found = gaps(&said, "lockdown");
    assert!(found[0].1.starts_with("confidentiality: "), "{said:#}");
    assert_eq!(gaps(&said, "probes"), [], "{said:#}");
    assert_eq!(said["self_test"]["counted"], 1, "{said:#}");
}
