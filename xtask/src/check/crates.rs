//! The arrows between our crates: those of ARCHITECTURE.md and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Outcome;
use crate::{paths, process};

/// What each crate may depend on of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("famfs-bench", &["famfs-cli"]),
    ("famfs-cli", &[]),
    ("famfs-common", &[]),
    (
        "famfs-instruments",
        &[
            "famfs-cli",
            "famfs-common",
            "famfs-machine",
            "famfs-snapshot",
        ],
    ),
    (
        "famfs-machine",
        &["famfs-cli", "famfs-media", "famfs-snapshot"],
    ),
    ("famfs-media", &[]),
    (
        "famfs-runtime",
        &[
            "famfs-cli",
            "famfs-machine",
            "famfs-media",
            "famfs-snapshot",
        ],
    ),
    ("famfs-snapshot", &["famfs-common"]),
    (
        "famfs-userspace",
        &[
            "famfs-cli",
            "famfs-instruments",
            "famfs-machine",
            "famfs-media",
            "famfs-runtime",
            "famfs-snapshot",
        ],
    ),
    ("lab-floor", &[]),
    ("lab-fuzz", &[]),
    ("lab-guest", &[]),
    ("lab-init", &[]),
    ("xtask", &["famfs-cli", "lab-init"]),
];

/// Crates that know neither the kernel's calls nor a screen, so that they can be used anywhere.
const PORTABLE: [&str; 2] = ["famfs-media", "famfs-snapshot"];

/// What they must not depend on.
const FOREIGN: [&str; 5] = ["aya", "libc", "nix", "ratatui", "rustix"];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; `None` for what the crate itself needs.
    kind: Option<String>,
}

pub(super) fn check() -> Result<Outcome> {
    let text = process::stdout(
        Command::new("cargo")
            .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
            .current_dir(paths::workspace()),
    )?;
    let metadata: Metadata = serde_json::from_str(&text).context("cannot read cargo's metadata")?;
    let found = findings(&metadata.packages);
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(Outcome::Passed(format!(
        "{} crates",
        metadata.packages.len()
    )))
}

fn findings(packages: &[Package]) -> Vec<String> {
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut found = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some(allowed) = arrows.get(name) else {
            found.push(format!(
                "{name} is not in the table of xtask/src/check/crates.rs"
            ));
            continue;
        };
        let needs = package
            .dependencies
            .iter()
            .filter(|needed| needed.kind.is_none());
        let needs: BTreeSet<&str> = needs.map(|needed| needed.name.as_str()).collect();
        let ours: Vec<&str> = needs.intersection(&names).copied().collect();
        if ours != **allowed {
            found.push(format!(
                "{name} depends on {ours:?} of our crates; ARCHITECTURE.md says {allowed:?}"
            ));
        }
        if PORTABLE.contains(&name) {
            for foreign in FOREIGN.iter().filter(|foreign| needs.contains(*foreign)) {
                found.push(format!("{name} depends on {foreign}, and so on Linux"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, needs: &[&str]) -> Package {
        let dependencies = needs.iter().map(|name| Dependency {
            name: (*name).to_owned(),
            kind: None,
        });
        Package {
            name: name.to_owned(),
            dependencies: dependencies.collect(),
        }
    }

    #[test]
    fn an_arrow_too_many_or_too_few_is_found() {
        let media = package("famfs-media", &["serde"]);
        assert_eq!(findings(&[media]), [""; 0]);
        let snapshot = package("famfs-snapshot", &["famfs-common", "famfs-media"]);
        let common = package("famfs-common", &[]);
        let media = package("famfs-media", &["libc"]);
        assert_eq!(findings(&[snapshot, common, media]).len(), 2);
        assert_eq!(findings(&[package("famfs-more", &[])]).len(), 1);
    }
}
