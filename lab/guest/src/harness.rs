//! Runs tests one after the other: they share one device and one kernel.

use std::{
    io::Write,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::Instant,
};

use crate::tests::{exactness_trees, lockdown, many, module};

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
        // A test that panics leaves the device as it was; the next one formats it again.
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

/// What not every guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A second device; an emulated CXL guest has one only.
    SecondDevice,
    /// A device that can hold ext4.
    BlockDevice,
    /// A boot of its own: it changes the kernel for good.
    OwnBoot,
}

impl Need {
    /// Returns what a test needs, if it is more than every guest has.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name.starts_with("devices::") {
            Some(Self::SecondDevice)
        } else if name == exactness_trees::EXT4 || name.starts_with(many::TOPIC) {
            Some(Self::BlockDevice)
        } else if name.starts_with(lockdown::TOPIC) {
            Some(Self::OwnBoot)
        } else {
            None
        }
    }

    /// Returns the word for it in the output of `lab-guest --list`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::SecondDevice => "second-device",
            Self::BlockDevice => "block-device",
            Self::OwnBoot => "own-boot",
        }
    }
}

/// Returns the reason why this guest cannot run a test, if there is one.
fn missing(name: &str) -> Option<&'static str> {
    let device = std::env::var("FAMFS_DEV").unwrap_or_default();
    match Need::of(name) {
        Some(Need::SecondDevice) if std::env::var_os("FAMFS_DEV2").is_none() => {
            Some("needs a second device: `--devices 2`, with pmem or fsdev")
        }
        Some(Need::BlockDevice) if !device.starts_with("/dev/pmem") => {
            Some("ext4 needs a block device: `--memory pmem`")
        }
        _ if name == module::UNSIGNED && !Path::new(module::SIG_ENFORCE).exists() => {
            Some("this kernel is built without CONFIG_MODULE_SIG")
        }
        _ => None,
    }
}
