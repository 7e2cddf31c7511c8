//! `cargo xtask build-ebpf`: the BPF object that famfs-top embeds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::paths;
use crate::process;
use crate::setup::{self, bpflinker, rustsrc};

/// The target: little-endian BPF.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// Options of `cargo xtask build-ebpf`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-ebpf     builds famfs-ebpf into target/bpf/famfs.bpf.o")]
pub(crate) struct Args {}

/// The object, where famfs-instruments' build script looks for it.
pub(crate) fn object() -> PathBuf {
    paths::target("bpf/famfs.bpf.o")
}

/// The object of empty programs, which only a measurement loads.
pub(crate) fn floor() -> PathBuf {
    build_dir().join(TARGET).join("release/floor")
}

/// The subcommand.
pub(crate) fn main(_args: &Args) -> Result<()> {
    let start = Instant::now();
    setup::ensure()?;
    let changed = build()?;
    let size = fs::metadata(object())?.len();
    eprintln!(
        "build-ebpf: target/bpf/famfs.bpf.o {}, {size} bytes, {:.1} s",
        if changed { "written" } else { "is up to date" },
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Builds the object; cargo decides what is stale. Returns whether the object changed.
pub(crate) fn build() -> Result<bool> {
    let mut command = cargo("build")?;
    command.arg("--release");
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", process::describe(&command)))?;
    if !status.success() {
        bail!("the BPF programs do not build; see the compiler's messages above");
    }
    let built = build_dir().join(TARGET).join("release/famfs-ebpf");
    let bytes =
        fs::read(&built).with_context(|| format!("the build left no {}", built.display()))?;
    place(&object(), &bytes)
}

/// Puts the object in its place, and says whether it is another than before. An unchanged object
/// keeps its time stamp, so that famfs-instruments is not rebuilt.
fn place(object: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(object).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    // On a fresh clone nothing has made the folder yet.
    let folder = object.parent().context("the object lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let new = object.with_added_extension("new");
    fs::write(&new, bytes).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, object).context("cannot place the BPF object")?;
    Ok(true)
}

/// A folder of its own: famfs-instruments' build script watches the folder of the object, with all
/// that is below, and what cargo touches here at every run would have that crate built each time.
fn build_dir() -> PathBuf {
    paths::target("bpf-build")
}

/// A cargo command on famfs-ebpf for the BPF target: stable compiler, unstable `build-std`,
/// our bpf-linker, type information in the object.
pub(crate) fn cargo(subcommand: &str) -> Result<Command> {
    let mut command = Command::new("cargo");
    command
        .arg(subcommand)
        .arg("--quiet")
        .args([
            "-Z",
            "build-std=core",
            "--target",
            TARGET,
            "--manifest-path",
        ])
        .arg(paths::workspace().join("famfs-ebpf/Cargo.toml"))
        .arg("--target-dir")
        .arg(build_dir())
        .current_dir(paths::workspace())
        .env("RUSTC_BOOTSTRAP", "1")
        // Where build-std looks for the library when the toolchain has no sources of it.
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", rustsrc::library()?)
        .env(
            "CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER",
            bpflinker::program(),
        )
        .env(
            "CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS",
            "-C debuginfo=2 -C link-arg=--btf -C target-cpu=v3",
        )
        // Flags meant for the host would replace those of the target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_placed_in_a_fresh_clone_and_then_only_if_it_changed() {
        let target = tempfile::tempdir().unwrap();
        let object = target.path().join("bpf/famfs.bpf.o");
        assert!(place(&object, b"one").unwrap());
        assert!(!place(&object, b"one").unwrap());
        assert!(place(&object, b"two").unwrap());
        assert_eq!(fs::read(&object).unwrap(), b"two");
    }

    #[test]
    fn what_a_build_touches_is_not_watched_by_another() {
        let object = object();
        let watched = object.parent().unwrap();
        assert!(!build_dir().starts_with(watched));
    }
}
