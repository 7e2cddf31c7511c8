//! The standard library's sources, for `-Z build-std=core`: exactly those of the toolchain.
//!
//! The toolchain's own are used where it has them; else they come from Debian's package into
//! `target/`, which leaves the toolchain as it is; else rustup is asked to add them to it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{Apt, remove_dir};
use super::context::{Context, say};
use super::toolchain;
use crate::paths;
use crate::process::{self, Log};

/// The `library` folder to build the core library from.
pub(crate) fn library() -> Result<PathBuf> {
    let own = toolchain::current()?
        .sysroot
        .join("lib/rustlib/src/rust/library");
    [own, paths::setup("rust-src/library")]
        .into_iter()
        .find(|dir| dir.join("Cargo.lock").is_file())
        .context("the sources of the Rust core library are missing; run `cargo xtask setup`")
}

pub(super) fn key() -> Result<String> {
    Ok(format!("rust-src {}\n", toolchain::current()?.release))
}

pub(super) fn present() -> bool {
    library().is_ok()
}

pub(super) fn make(context: &Context<'_>, log: &Log) -> Result<()> {
    // Sources of another release may lie there; the stamp did not match.
    remove_dir(&paths::setup("rust-src"))?;
    if present() {
        say("the toolchain has them");
        return Ok(());
    }
    let release = &toolchain::current()?.release;
    let Err(debian) = context
        .index(log)
        .and_then(|index| from_debian(index, release, log))
    else {
        return Ok(());
    };
    say("no Debian package of this release; asking rustup");
    let rustup = log.run(
        Command::new("rustup")
            .args(["component", "add", "rust-src"])
            .current_dir(paths::workspace()),
    );
    if rustup.is_err() || !present() {
        bail!(
            "rust-src {release} is not available: {debian:#}; `rustup component add rust-src` \
             failed too. Add the component by hand, or put the folder `library` of the Rust \
             {release} sources at {}",
            paths::setup("rust-src/library").display()
        );
    }
    Ok(())
}

fn from_debian(index: &Apt, release: &str, log: &Log) -> Result<()> {
    let table = process::stdout(index.command("apt-cache").args(["madison", "rust-src"]))?;
    let version = version_of(&table, release)
        .with_context(|| format!("the package index has no rust-src {release}"))?;
    let new = paths::setup("rust-src.new");
    remove_dir(&new)?;
    // The package also holds the compiler's sources, six times as much.
    let folder = format!("usr/src/rustc-{release}/library");
    index.unpack_folder(&format!("rust-src={version}"), &folder, &new, log)?;
    let library = new.join(folder);
    let place = paths::setup("rust-src");
    fs::create_dir_all(&place)?;
    fs::rename(&library, place.join("library"))
        .with_context(|| format!("cannot place {}", library.display()))?;
    remove_dir(&new)
}

/// The package version of a release in `apt-cache madison`'s table.
fn version_of(table: &str, release: &str) -> Option<String> {
    table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim)
        .find(|version| {
            version
                .strip_prefix(release)
                .is_some_and(|rest| rest.starts_with('+'))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_release_is_taken() {
        let table = " rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://m/ trixie-backports\n \
                     rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://m/ trixie-backports\n";
        assert_eq!(
            version_of(table, "1.95.0").as_deref(),
            Some("1.95.0+dfsg1-2~bpo13+1")
        );
        assert_eq!(version_of(table, "1.95.1"), None);
        assert_eq!(version_of(table, "1.9"), None);
    }
}
