//! Chroots made on demand. The workshop, a Debian 13, builds the debugging kernel; another
//! one holds dkms and every compiler that Debian configures headers for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{self, Apt, KEYRING, remove_dir};
use super::chroot;
use super::context::{Args, say};
use crate::paths;
use crate::process::{self, Log};

/// One of the chroots.
#[derive(Debug)]
pub(crate) struct Shop {
    /// Its folder under `target/`.
    folder: &'static str,
    suite: &'static str,
    packages: &'static [&'static str],
}

/// Builds a whole kernel.
pub(crate) const WORKSHOP: Shop = Shop {
    folder: "workshop",
    suite: "trixie",
    packages: PACKAGES,
};

/// Builds modules against any headers, by itself or as dkms does: its C library is the newest that their programs may need,
/// and its compilers are those that they are configured for.
pub(crate) const COMPILERS: Shop = Shop {
    folder: "compilers",
    suite: "testing",
    packages: &[
        "dkms",
        "gcc-12",
        "gcc-14",
        "gcc-16",
        "kmod",
        "libelf1t64",
        "make",
        "openssl",
        "pahole",
    ],
};

/// Holds the instruments that famfs-top is compared with.
pub(crate) const TRACERS: Shop = Shop {
    folder: "tracers",
    suite: "trixie",
    packages: &["bpftrace"],
};

const PACKAGES: &[&str] = &[
    "bc",
    "bison",
    "cpio",
    "dkms",
    "flex",
    "gcc",
    "gcc-14",
    "kmod",
    "libc6-dev",
    "libdw-dev",
    "libelf-dev",
    "libssl-dev",
    "make",
    "pahole",
    "perl",
    "python3-minimal",
    "rsync",
    "sparse",
    "xz-utils",
    "zlib1g-dev",
];

/// A command in the workshop, with two folders seen as `/mnt` and `/srv`.
pub(crate) fn command(mounts: [Option<&Path>; 2]) -> Command {
    WORKSHOP.command(mounts)
}

/// Makes the workshop unless it is there.
pub(crate) fn ensure(args: &Args) -> Result<()> {
    WORKSHOP.ensure(args)
}

impl Shop {
    pub(crate) fn root(&self) -> PathBuf {
        paths::target(self.folder)
    }

    /// A command in it, with two folders seen as `/mnt` and `/srv`.
    pub(crate) fn command(&self, mounts: [Option<&Path>; 2]) -> Command {
        chroot::command_in(&self.root(), mounts)
    }

    /// Takes the lock by which runs that put headers into it take turns.
    pub(crate) fn lock(&self) -> Result<fs::File> {
        let lock = paths::target(format!("{}.use.lock", self.folder));
        process::lock(&lock, self.folder)
    }

    /// Makes it unless it is there.
    pub(crate) fn ensure(&self, args: &Args) -> Result<()> {
        let key = format!("{} {}\n", self.suite, self.packages.join(","));
        if self.is_current(&key) {
            return Ok(());
        }
        let lock = paths::target(format!("{}.lock", self.folder));
        let _lock = process::lock(&lock, self.folder)?;
        if self.is_current(&key) {
            return Ok(());
        }
        if !process::is_root() {
            bail!("this is built in a chroot, and making one needs root; run this as root");
        }
        say(&format!(
            "making a chroot of {} with {}",
            self.suite,
            self.packages.join(" ")
        ));
        let log = Log::create(paths::target(format!("{}.log", self.folder)))?;
        let sources = self.sources(args, &log)?;
        let check_age = apt::setting("Acquire::Check-Valid-Until")?;
        let new = paths::target(format!("{}.new", self.folder));
        process::retry(|| {
            remove_dir(&new)?;
            log.run(
                Command::new("mmdebstrap")
                    .args(["--mode=root", "--variant=apt", "--skip=check/empty"])
                    .arg(format!("--keyring={KEYRING}"))
                    .arg(format!("--include={}", self.packages.join(",")))
                    .arg("--aptopt=Acquire::Languages \"none\"")
                    .args(
                        check_age.as_ref().map(|check| {
                            format!("--aptopt=Acquire::Check-Valid-Until \"{check}\"")
                        }),
                    )
                    .arg(self.suite)
                    .arg(&new)
                    .arg(&sources),
            )
        })?;
        remove_dir(&self.root())?;
        fs::rename(&new, self.root())
            .with_context(|| format!("cannot place {}", self.root().display()))?;
        let stamp = self.stamp();
        fs::write(&stamp, key).with_context(|| format!("cannot write {}", stamp.display()))
    }

    fn stamp(&self) -> PathBuf {
        paths::target(format!("{}.stamp", self.folder))
    }

    fn is_current(&self, key: &str) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|old| old == key) && self.root().is_dir()
    }

    /// The source list it is installed from.
    fn sources(&self, args: &Args, log: &Log) -> Result<PathBuf> {
        let context = args.context();
        if self.suite == WORKSHOP.suite {
            return Ok(context.index(log)?.sources());
        }
        Ok(Apt::of_suite(&apt::mirror(None)?, self.suite)?.sources())
    }
}
