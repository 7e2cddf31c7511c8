//! `cargo xtask setup`: everything the build and the lab need, fetched once.
//!
//! Each part leaves a stamp holding the key it was made from, so that a rerun costs a few
//! file reads, an interrupted run continues where it stopped, and a changed list or toolchain
//! remakes only its own part.

pub(crate) mod apt;
pub(crate) mod bpflinker;
pub(crate) mod chroot;
pub(crate) mod guesttools;
mod host;
pub(crate) mod kernels;
pub(crate) mod rustsrc;
pub(crate) mod toolchain;

use std::cell::OnceCell;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::paths;
use crate::process::{self, Log};
use kernels::Line;

/// Options of `cargo xtask setup`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask setup                                    install what is missing
  cargo xtask setup --upgrade                          ask for newer kernels of the same lines
  cargo xtask setup --mirror http://mirror.example/debian/   on a machine that is not Debian")]
pub(crate) struct Args {
    /// Debian mirror to fetch kernels from [default: the one of this machine's apt sources]
    #[arg(long, value_name = "URI")]
    mirror: Option<String>,
    /// Fetch the newest patch level of each kernel line again
    #[arg(long)]
    upgrade: bool,
}

/// What the parts share: the options, and a package index that is fetched at most once.
pub(crate) struct Context<'a> {
    args: &'a Args,
    index: OnceCell<apt::Apt>,
}

impl Context<'_> {
    /// The index of the suites that carry the lab's kernels.
    pub(crate) fn index(&self, log: &Log) -> Result<&apt::Apt> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        say("reading the package index");
        let index = apt::Apt::foreign(&apt::mirror(self.args.mirror.as_deref())?)?;
        index.update(log)?;
        Ok(self.index.get_or_init(|| index))
    }
}

/// One thing to set up.
struct Part {
    name: &'static str,
    /// What it is made from: another key means it must be made again.
    key: fn() -> Result<String>,
    /// A cheap look whether the result is still there.
    present: fn() -> bool,
    make: fn(&Context<'_>, &Log) -> Result<()>,
}

const PARTS: &[Part] = &[
    Part {
        name: "host packages",
        key: host::key,
        present: host::present,
        make: host::make,
    },
    Part {
        name: "kernel 6.12",
        key: || kernels::key(Line::V6_12),
        present: || kernels::installed(Line::V6_12).is_ok(),
        make: |context, log| kernels::make(Line::V6_12, context, log),
    },
    Part {
        name: "kernel 7.3",
        key: || kernels::key(Line::V7_3),
        present: || kernels::installed(Line::V7_3).is_ok(),
        make: |context, log| kernels::make(Line::V7_3, context, log),
    },
    Part {
        name: "build chroot",
        key: chroot::key,
        present: chroot::present,
        make: chroot::make,
    },
    Part {
        name: "rust-src",
        key: rustsrc::key,
        present: rustsrc::present,
        make: rustsrc::make,
    },
    Part {
        name: "bpf-linker",
        key: bpflinker::key,
        present: bpflinker::present,
        make: bpflinker::make,
    },
];

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    let start = Instant::now();
    let made = run(args)?;
    let elapsed = start.elapsed().as_secs_f64();
    eprintln!(
        "setup: {} parts ready, {made} made now, {elapsed:.1} s",
        PARTS.len()
    );
    Ok(())
}

/// Makes whatever is missing; says nothing when nothing is.
pub(crate) fn ensure() -> Result<()> {
    run(&Args::default()).map(drop)
}

fn run(args: &Args) -> Result<usize> {
    let _lock = process::lock(&paths::setup("lock"), "setup")?;
    let context = Context {
        args,
        index: OnceCell::new(),
    };
    let mut made = 0;
    for (number, part) in PARTS.iter().enumerate() {
        let stamp = paths::setup("stamps").join(part.name.replace(' ', "-"));
        let current = || -> Result<bool> {
            Ok(
                fs::read_to_string(&stamp).is_ok_and(|text| (part.key)().is_ok_and(|k| k == text))
                    && (part.present)(),
            )
        };
        let refresh = args.upgrade && part.name.starts_with("kernel");
        if !refresh && current()? {
            continue;
        }
        let start = Instant::now();
        eprintln!("[{}/{}] {}", number + 1, PARTS.len(), part.name);
        let name = part.name.replace(' ', "-");
        let log = Log::create(paths::setup("logs").join(name).with_added_extension("log"))?;
        (part.make)(&context, &log).with_context(|| format!("cannot set up {}", part.name))?;
        write_stamp(&stamp, &(part.key)()?)?;
        made += 1;
        eprintln!("        done, {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(made)
}

/// One line of progress inside a part.
pub(crate) fn say(what: &str) {
    eprintln!("        {what}");
}

fn write_stamp(stamp: &std::path::Path, key: &str) -> Result<()> {
    if let Some(dir) = stamp.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(stamp, key).with_context(|| format!("cannot write {}", stamp.display()))
}
