//! Runs tests one after the other: they share one device and one kernel.

use std::{
    io::Write,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::Instant,
};

/// A test fails by panicking.
pub(crate) struct Test {
    pub name: &'static str,
    pub run: fn(),
}

/// Runs all, prints a line each, and says whether none failed.
pub(crate) fn run(tests: &[(Option<Need>, &Test)]) -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (needs, test) in tests {
        if let Some(reason) = needs.and_then(Need::missing) {
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

/// Tests that need the same of a guest.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub tests: &'static [Test],
    /// What they need, if it is more than every guest has.
    pub needs: Option<Need>,
}

impl Group {
    /// Tests that every guest can run.
    pub(crate) const fn of(tests: &'static [Test]) -> Self {
        Self { tests, needs: None }
    }

    /// Tests that need something.
    pub(crate) const fn needing(need: Need, tests: &'static [Test]) -> Self {
        Self {
            tests,
            needs: Some(need),
        }
    }
}

/// What not every guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A second device; an emulated CXL guest has one only.
    SecondDevice,
    /// A device that can hold ext4.
    BlockDevice,
    /// A kernel that can demand signed modules.
    Signatures,
    /// A boot of its own: it changes the kernel for good.
    OwnBoot,
}

impl Need {
    /// Returns the word for it in the output of `lab-guest --list`; empty if a guest does not have to be
    /// chosen for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::SecondDevice => "second-device",
            Self::BlockDevice => "block-device",
            Self::Signatures => "",
            Self::OwnBoot => "own-boot",
        }
    }

    /// Returns the reason why this guest does not have it, if it does not.
    fn missing(self) -> Option<&'static str> {
        let device = std::env::var("FAMFS_DEV").unwrap_or_default();
        match self {
            Self::SecondDevice if std::env::var_os("FAMFS_DEV2").is_none() => {
                Some("needs a second device: `--devices 2`, with pmem or fsdev")
            }
            Self::BlockDevice if !device.starts_with("/dev/pmem") => {
                Some("ext4 needs a block device: `--memory pmem`")
            }
            Self::Signatures if !Path::new(SIG_ENFORCE).exists() => {
                Some("this kernel is built without CONFIG_MODULE_SIG")
            }
            _ => None,
        }
    }
}

/// The kernel's switch that demands signed modules.
pub(crate) const SIG_ENFORCE: &str = "/sys/module/module/parameters/sig_enforce";
