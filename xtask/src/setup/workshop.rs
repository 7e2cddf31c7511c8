//! A Debian 13 chroot with everything that builds and checks a whole kernel: made on demand, for
//! the debugging kernel, sparse and dkms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{KEYRING, remove_dir};
use super::{Args, chroot, say};
use crate::paths;
use crate::process::{self, Log};

const SUITE: &str = "trixie";

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

/// The chroot's root.
pub(crate) fn root() -> PathBuf {
    paths::target("workshop")
}

/// A command in it, with two folders seen as `/mnt` and `/srv`.
pub(crate) fn command(mounts: [Option<&Path>; 2]) -> Command {
    chroot::command_in(&root(), mounts)
}

/// Makes it unless it is there.
pub(crate) fn ensure(args: &Args) -> Result<()> {
    let stamp = paths::target("workshop.stamp");
    let key = format!("{SUITE} {}\n", PACKAGES.join(","));
    if fs::read_to_string(&stamp).is_ok_and(|old| old == key) && root().is_dir() {
        return Ok(());
    }
    let _lock = process::lock(&paths::target("workshop.lock"), "workshop")?;
    if fs::read_to_string(&stamp).is_ok_and(|old| old == key) && root().is_dir() {
        return Ok(());
    }
    if !process::is_root() {
        bail!("a kernel is built in a chroot, and making one needs root; run this as root");
    }
    say(&format!("making a chroot of {SUITE} to build kernels in"));
    let log = Log::create(paths::target("workshop.log"))?;
    let context = args.context();
    let index = context.index(&log)?;
    let new = paths::target("workshop.new");
    process::retry(|| {
        remove_dir(&new)?;
        log.run(
            Command::new("mmdebstrap")
                .args(["--mode=root", "--variant=apt", "--skip=check/empty"])
                .arg(format!("--keyring={KEYRING}"))
                .arg(format!("--include={}", PACKAGES.join(",")))
                .arg("--aptopt=Acquire::Languages \"none\"")
                .arg(SUITE)
                .arg(&new)
                .arg(index.sources()),
        )
    })?;
    remove_dir(&root())?;
    fs::rename(&new, root()).context("cannot place the workshop")?;
    fs::write(&stamp, key).with_context(|| format!("cannot write {}", stamp.display()))
}
