//! `cargo xtask setup`: everything the build and the lab need, fetched once.
//!
//! Each part leaves a stamp holding the key it was made from, so that a rerun costs a few
//! file reads, an interrupted run continues where it stopped, and a changed list or toolchain
//! remakes only its own part.

pub(crate) mod apt;
pub(crate) mod bpflinker;
pub(crate) mod cargodeny;
pub(crate) mod chroot;
mod context;
pub(crate) mod debugkernel;
pub(crate) mod doctored;
pub(crate) mod guesttools;
mod host;
pub(crate) mod kernels;
mod monitoring;
pub(crate) mod rustsrc;
pub(crate) mod toolchain;
pub(crate) mod workshop;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};

pub(crate) use context::{Args, Context};
use kernels::Line;

use crate::paths;
use crate::process::{self, Log};

/// One thing to set up.
struct Part {
    name: &'static str,
    /// What it is made from: another key means it must be made again.
    key: fn() -> Result<String>,
    /// A cheap look whether the result is still there.
    present: fn() -> bool,
    make: fn(&Context<'_>, &Log) -> Result<()>,
    /// Whether `--upgrade` makes it again.
    upgrades: bool,
}

const PARTS: &[Part] = &[
    Part {
        name: "host packages",
        key: || Ok(host::key()),
        present: host::present,
        make: host::make,
        upgrades: false,
    },
    // Kernels newer than the module are tried in it.
    Part {
        name: "build chroot",
        key: || Ok(chroot::key(guesttools::WANTED)),
        present: || chroot::present() && guesttools::present(),
        make: |context, log| chroot::make(guesttools::WANTED, context, log),
        upgrades: false,
    },
    Part {
        name: "kernel lts",
        key: || kernels::key(Line::Lts),
        present: || kernels::is_settled(Line::Lts),
        make: |context, log| kernels::make(Line::Lts, context, log),
        upgrades: true,
    },
    Part {
        name: "kernel current",
        key: || kernels::key(Line::Current),
        present: || kernels::is_settled(Line::Current),
        make: |context, log| kernels::make(Line::Current, context, log),
        upgrades: true,
    },
    Part {
        name: "monitoring",
        key: monitoring::key,
        present: monitoring::present,
        make: monitoring::make,
        upgrades: false,
    },
    Part {
        name: "rust-src",
        key: rustsrc::key,
        present: rustsrc::present,
        make: rustsrc::make,
        upgrades: false,
    },
    Part {
        name: "bpf-linker",
        key: bpflinker::key,
        present: bpflinker::present,
        make: bpflinker::make,
        upgrades: false,
    },
];

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    let start = Instant::now();
    let made = run(PARTS, args)?;
    if args.debug_kernel {
        debugkernel::ensure()?;
    }
    let kernels = kernels::survey()?;
    for kernel in &kernels.present {
        eprintln!("setup: {kernel}");
    }
    for gap in &kernels.gaps {
        eprintln!("setup: no kernel {}: {}", gap.line, gap.reason);
    }
    let elapsed = start.elapsed().as_secs_f64();
    eprintln!(
        "setup: {} parts ready, {made} made now, {elapsed:.1} s",
        PARTS.len()
    );
    Ok(())
}

/// Makes whatever is missing; says nothing when nothing is.
pub(crate) fn ensure() -> Result<()> {
    run(PARTS, &Args::default()).map(drop)
}

/// Makes those parts that are not current; returns how many it made.
fn run(parts: &[Part], args: &Args) -> Result<usize> {
    let due = |part: &Part| (args.upgrade && part.upgrades) || !part.is_current();
    // Looking needs no lock: a run that lacks nothing must not wait for one that compiles.
    if !parts.iter().any(due) {
        return Ok(0);
    }
    let _lock = process::lock(&paths::setup("lock"), "setup")?;
    let context = args.context();
    let mut made = 0;
    for (number, part) in parts.iter().enumerate() {
        if !due(part) {
            continue;
        }
        let start = Instant::now();
        eprintln!("[{}/{}] {}", number + 1, parts.len(), part.name);
        let log = paths::setup("logs").join(part.file_name());
        let log = Log::create(log.with_added_extension("log"))?;
        (part.make)(&context, &log).with_context(|| format!("cannot set up {}", part.name))?;
        part.write_stamp()?;
        made += 1;
        eprintln!("        done, {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(made)
}

impl Part {
    fn file_name(&self) -> String {
        self.name.replace(' ', "-")
    }

    fn stamp(&self) -> PathBuf {
        paths::setup("stamps").join(self.file_name())
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(self.stamp())
            .is_ok_and(|stamp| (self.key)().is_ok_and(|key| key == stamp))
            && (self.present)()
    }

    fn write_stamp(&self) -> Result<()> {
        let stamp = self.stamp();
        fs::create_dir_all(paths::setup("stamps"))
            .and_then(|()| fs::write(&stamp, (self.key)().unwrap_or_default()))
            .with_context(|| format!("cannot write {}", stamp.display()))
    }
}
