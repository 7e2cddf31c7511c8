//! bpf-linker, linked against the toolchain's own LLVM: the bitcode it reads must be of the
//! very version that rustc writes, and the toolchain has the only such library at hand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::apt::remove_dir;
use super::context::{Context, say};
use super::toolchain;
use crate::paths;
use crate::process::{self, Log};

const VERSION: &str = "0.13.0";

/// The program.
pub(crate) fn program() -> PathBuf {
    paths::setup("bpf-linker/bin/bpf-linker")
}

pub(super) fn key() -> Result<String> {
    let toolchain = toolchain::current()?;
    // The program finds LLVM by the toolchain's path.
    Ok(format!(
        "bpf-linker {VERSION} {} {}\n",
        toolchain.release,
        toolchain.sysroot.display()
    ))
}

pub(super) fn present() -> bool {
    program().is_file()
}

pub(super) fn make(_context: &Context<'_>, log: &Log) -> Result<()> {
    let toolchain = toolchain::current()?;
    let libraries = toolchain.sysroot.join("lib");
    let prefix = paths::setup("llvm");
    remove_dir(&prefix)?;
    fs::create_dir_all(prefix.join("lib"))?;
    symlink(llvm_library(&libraries)?, prefix.join("lib/libLLVM.so"))
        .context("cannot point at the toolchain's LLVM")?;
    say(&format!(
        "compiling bpf-linker {VERSION} against LLVM {}",
        toolchain.llvm
    ));
    let build = paths::setup("bpf-linker.build");
    process::retry(|| {
        log.run(
            Command::new("cargo")
                .args([
                    "install",
                    "bpf-linker",
                    "--version",
                    VERSION,
                    "--locked",
                    "--force",
                ])
                .args(["--no-default-features", "--features"])
                .arg(format!("llvm-{}", toolchain.llvm))
                .arg("--root")
                .arg(paths::setup("bpf-linker"))
                .arg("--target-dir")
                .arg(&build)
                .env("LLVM_PREFIX", &prefix)
                .env(
                    "RUSTFLAGS",
                    format!("-C link-arg=-Wl,-rpath,{}", libraries.display()),
                )
                // The work is LLVM's; a quick build of the driver costs nothing later.
                .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
                .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
                .current_dir(paths::workspace()),
        )
    })?;
    process::stdout(Command::new(program()).arg("--version"))?;
    remove_dir(&build)
}

/// `libLLVM.so.<version>-rust-<release>` in the toolchain.
fn llvm_library(libraries: &Path) -> Result<PathBuf> {
    fs::read_dir(libraries)
        .with_context(|| format!("cannot read {}", libraries.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("libLLVM.so."))
        })
        .with_context(|| {
            format!(
                "the toolchain has no libLLVM.so in {}; bpf-linker needs a rustup toolchain, \
                 which carries its LLVM as a shared library",
                libraries.display()
            )
        })
}
