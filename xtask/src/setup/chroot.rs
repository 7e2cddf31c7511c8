//! A Debian 13 chroot: the headers of Debian 13's kernels need a newer C library and compiler than
//! older hosts have. The headers themselves lie outside, so that another kernel needs no other
//! chroot. It also holds the file-system tools that travel into the guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{KEYRING, remove_dir};
use super::context::{Context, say};
use crate::paths;
use crate::process::{self, Log};

/// The suite the chroot is made of.
const SUITE: &str = "trixie";

/// What builds a module, besides the headers, and what their programs are linked with or run by:
/// with W=1 those of 6.12 run a Perl script on each file.
const PACKAGES: &[&str] = &[
    "make",
    "kmod",
    "gcc-14",
    "pahole",
    "libelf1t64",
    "libssl3t64",
    "perl",
];

/// The chroot's root.
pub(crate) fn root() -> PathBuf {
    paths::setup("chroot")
}

/// Packages that others want to have in the chroot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Those that are installed with all that they depend on.
    pub(super) installed: &'static [&'static str],
    /// Those that are only unpacked.
    pub(super) unpacked: &'static [&'static str],
}

pub(super) fn key(wanted: Wanted) -> String {
    let packages = packages(wanted).join(",");
    format!("{SUITE} {packages} {}\n", wanted.unpacked.join(","))
}

pub(super) fn present() -> bool {
    root().join("usr/bin/gcc-14").exists()
}

fn packages(wanted: Wanted) -> Vec<&'static str> {
    [PACKAGES, wanted.installed].concat()
}

pub(super) fn make(wanted: Wanted, context: &Context<'_>, log: &Log) -> Result<()> {
    if !process::is_root() {
        bail!(
            "the module for Debian 13's kernels is built in a chroot, and making one needs root; \
             run `cargo xtask setup` and `cargo xtask build-kmod` as root"
        );
    }
    let index = context.index(log)?;
    let new = paths::setup("chroot.new");
    remove_dir(&new)?;
    say(&format!(
        "installing {SUITE} with {}",
        packages(wanted).join(" ")
    ));
    process::retry(|| {
        remove_dir(&new)?;
        log.run(
            Command::new("mmdebstrap")
                .args(["--mode=root", "--variant=apt", "--skip=check/empty"])
                .arg(format!("--keyring={KEYRING}"))
                .arg(format!("--include={}", packages(wanted).join(",")))
                .arg("--aptopt=Acquire::Languages \"none\"")
                .arg(SUITE)
                .arg(&new)
                .arg(index.sources()),
        )
    })?;
    let unpacked = wanted.unpacked.iter();
    let tools: Vec<String> = unpacked.map(|name| (*name).to_owned()).collect();
    index.unpack(&tools, &new, log)?;
    remove_dir(&root())?;
    fs::rename(&new, root()).context("cannot place the build chroot")
}

/// A command in the chroot, with /proc and /dev, and `mount` (if any) seen as `/mnt`.
pub(crate) fn command(mount: Option<&Path>) -> Command {
    command_in(&root(), [mount, None])
}

/// A command in any chroot, with two folders seen as `/mnt` and `/srv`. Its mounts live in a
/// namespace of their own and end with it.
pub(crate) fn command_in(root: &Path, mounts: [Option<&Path>; 2]) -> Command {
    let script = "mount -t proc proc \"$1/proc\"; mount --rbind /dev \"$1/dev\"; \
                  [ -z \"$2\" ] || mount --bind \"$2\" \"$1/mnt\"; \
                  [ -z \"$3\" ] || mount --bind \"$3\" \"$1/srv\"; \
                  root=$1; shift 3; exec chroot \"$root\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "--",
        "sh",
        "-euc",
        script,
        "sh",
    ]);
    command.arg(root);
    command.args(mounts.map(|mount| mount.unwrap_or(Path::new(""))));
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C");
    command
}
