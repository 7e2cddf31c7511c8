//! Runs tests one after the other: they share one device and one kernel.

use std::{
    io::Write,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::Instant,
};

use crate::tests::{exactness_trees, many, module};

/// A test fails by panicking.
pub(crate) struct Test {
    pub name: &'static str,
    pub run: fn(),
}

/// Runs all, prints a line each, and says whether none failed.
pub(crate) fn run(tests: &[&Test]) -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for test in tests {
        if let Some(reason) = missing(test.name) {
            skipped += 1;
            println!("SKIP {}: {reason}", test.name);
            continue;
        }
        let start = Instant::now();
        // A test that panics leaves the device as it was; the next one formats it anew.
        let outcome = panic::catch_unwind(AssertUnwindSafe(test.run));
        let seconds = start.elapsed().as_secs_f64();
        let verdict = if outcome.is_ok() {
            passed += 1;
            "PASS"
        } else {
            failed += 1;
            "FAIL"
        };
        println!("{verdict} {} ({seconds:.1} s)", test.name);
        let _ = std::io::stdout().flush();
    }
    println!("lab-guest: {passed} passed, {failed} failed, {skipped} skipped");
    failed == 0
}

/// What this guest lacks for a test; an emulated CXL guest has one device only.
fn missing(name: &str) -> Option<&'static str> {
    if name.starts_with("devices::") && std::env::var_os("FAMFS_DEV2").is_none() {
        return Some("needs a second device: `--devices 2`, with pmem or fsdev");
    }
    let is_block = std::env::var("FAMFS_DEV").is_ok_and(|device| device.starts_with("/dev/pmem"));
    if (name == exactness_trees::EXT4 || name.starts_with(many::TOPIC)) && !is_block {
        return Some("ext4 needs a block device: `--memory pmem`");
    }
    if name == module::UNSIGNED && !Path::new(module::SIG_ENFORCE).exists() {
        return Some("this kernel is built without CONFIG_MODULE_SIG");
    }
    None
}
