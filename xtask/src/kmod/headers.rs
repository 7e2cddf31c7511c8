//! `cargo xtask build-kmod --all-headers`: the module against every kernel's headers that the
//! Debian suites offer today, from 6.12 to 7.3.
//!
//! One set of headers after the other is unpacked into the workshop, built against with W=1, and
//! removed. A result is kept until the module's sources change.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{source, warnings};
use crate::process::{self, Log};
use crate::setup::apt::{self, Apt, remove_dir};
use crate::setup::workshop;
use crate::{paths, setup};

/// Where kernels of these lines may be. One that cannot be read is named and left out.
const SUITES: &[&str] = &[
    "bookworm-backports",
    "trixie",
    "trixie-updates",
    "trixie-security",
    "trixie-backports",
    "testing",
    "testing-security",
    "sid",
    "experimental",
];

const FIRST: (u64, u64) = (6, 12);
const LAST: (u64, u64) = (7, 3);

const COMPILER: &str = "gcc-14";

/// What one set of headers gave.
#[derive(Debug)]
struct Row {
    release: String,
    suite: String,
    result: Result<Vec<String>>,
}

/// Builds against all of them; a warning or a failure anywhere is a failure.
pub(crate) fn main() -> Result<()> {
    setup::ensure()?;
    workshop::ensure(&setup::Args::default())?;
    let dir = paths::target("kmod/headers");
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let log = Log::create(dir.join("headers.log"))?;
    let mut found: Vec<(String, &str, Apt)> = Vec::new();
    for suite in SUITES {
        let index = match index(suite, &log) {
            Ok(index) => index,
            Err(error) => {
                let first = error.to_string();
                let first = first.lines().next().unwrap_or_default();
                eprintln!("suite {suite} cannot be read, left out: {first}");
                continue;
            }
        };
        for release in releases(&index.names("^linux-headers-[0-9].*-amd64$")?) {
            if !found.iter().any(|(known, ..)| *known == release) {
                found.push((release, suite, index.clone()));
            }
        }
    }
    found.sort_by_key(|(release, ..)| numbers(release));
    if found.is_empty() {
        bail!("no suite offers headers between {FIRST:?} and {LAST:?}");
    }
    let compiler = process::stdout(workshop::command([None, None]).args([COMPILER, "--version"]))?;
    let compiler = compiler.lines().next().unwrap_or_default().to_owned();
    let mut bad = 0;
    println!(
        "{:<28} {:<20} {:<36} warnings",
        "headers", "suite", "compiler"
    );
    for (release, suite, index) in &found {
        let row = Row {
            release: release.clone(),
            suite: (*suite).to_owned(),
            result: build(release, index, &compiler, &log),
        };
        bad += usize::from(!row.result.as_ref().is_ok_and(Vec::is_empty));
        print(&row, &compiler);
    }
    if bad > 0 {
        bail!("{bad} of {} sets of headers fail or warn", found.len());
    }
    Ok(())
}

fn print(row: &Row, compiler: &str) {
    let outcome = match &row.result {
        Ok(warnings) => warnings.len().to_string(),
        Err(_) => "FAILED".to_owned(),
    };
    println!(
        "{:<28} {:<20} {compiler:<36} {outcome}",
        row.release, row.suite
    );
    match &row.result {
        Ok(warnings) => warnings
            .iter()
            .for_each(|warning| println!("    {warning}")),
        Err(error) => println!("    {error:#}"),
    }
}

fn index(suite: &str, log: &Log) -> Result<Apt> {
    let mirror = if suite.ends_with("-security") {
        apt::security_mirror()?
    } else {
        apt::mirror(None)?
    };
    let index = Apt::of_suite(&mirror, suite)?;
    index.update(log)?;
    Ok(index)
}

/// `RELEASE` of the plain `linux-headers-RELEASE` in range.
fn releases(names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-headers-"))
        .filter(|release| {
            let version = release.trim_end_matches("-amd64");
            let line = numbers(version);
            let Some(&[major, minor]) = line.get(..2) else {
                return false;
            };
            // Flavours such as cloud and rt have the same headers but for their configuration.
            !version.contains('-') && (FIRST..=LAST).contains(&(major, minor))
        })
        .map(str::to_owned)
        .collect()
}

fn numbers(release: &str) -> Vec<u64> {
    release
        .trim_end_matches("-amd64")
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Warnings of one build, from the last time if nothing has changed since.
fn build(release: &str, index: &Apt, compiler: &str, log: &Log) -> Result<Vec<String>> {
    let tree = paths::workspace().join("famfs-kmod");
    let key = format!("{release} {compiler} {:016x}", source::digest(&tree)?);
    let kept = paths::target("kmod/headers").join(format!("{release}.warnings"));
    if let Some(text) = fs::read_to_string(&kept).ok().as_deref()
        && let Some(rest) = text.strip_prefix(&key)
    {
        return Ok(rest.lines().skip(1).map(str::to_owned).collect());
    }
    let folders = unpack(release, index, log)?;
    let copy = paths::target("kmod/headers/src");
    remove_dir(&copy)?;
    source::copy(&tree, &copy)?;
    let build_log = Log::create(paths::target("kmod/headers").join(format!("{release}.log")))?;
    let mut make = workshop::command([Some(&copy), None]);
    make.args(["make", "-C"])
        .arg(format!("/usr/src/linux-headers-{release}"))
        .args(["M=/mnt", "W=1", "modules"])
        .arg(format!("CC={COMPILER}"))
        .env_remove("MAKEFLAGS");
    let built = build_log.run(&mut make);
    for folder in folders {
        remove_dir(&folder)?;
    }
    built?;
    let found: Vec<String> = warnings(&build_log.text()?, &copy)
        .into_iter()
        .filter(|warning| is_ours(warning))
        .collect();
    let mut text = key;
    for warning in &found {
        text = format!("{text}\n{warning}");
    }
    fs::write(&kept, text).with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(found)
}

/// Headers made for a newer compiler than ours make it complain about themselves.
fn is_ours(warning: &str) -> bool {
    // Headers configured for gcc 15 use an attribute that gcc 14 does not take there.
    let compiler_is_older =
        warning.contains("counted_by") && warning.contains("attribute directive ignored");
    !warning.starts_with("/usr/src/")
        && !warning.contains("pahole version differs")
        && !compiler_is_older
}

/// Puts a set of headers into the workshop; returns the folders to remove afterwards.
fn unpack(release: &str, index: &Apt, log: &Log) -> Result<Vec<PathBuf>> {
    let version = release.trim_end_matches("-amd64");
    let root = workshop::root();
    let headers = format!("linux-headers-{release}");
    let common = format!("linux-headers-{version}-common");
    let kbuild = format!("linux-kbuild-{version}");
    for package in [&headers, &common] {
        index.unpack_folder(package, "usr/src", &root, log)?;
    }
    index.unpack_folder(&kbuild, "usr/lib", &root, log)?;
    let source = root.join("usr/src");
    // Older packages link to it from beside the headers.
    let link = source.join(&kbuild);
    if !link.exists() {
        let _ = Command::new("ln")
            .arg("-s")
            .arg(format!("../lib/{kbuild}"))
            .arg(&link)
            .status();
    }
    Ok(vec![
        source.join(headers),
        source.join(common),
        root.join("usr/lib").join(kbuild),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_releases_in_range_are_taken() {
        let names: Vec<String> = [
            "linux-headers-6.1.0-40-amd64",
            "linux-headers-6.11.10+bpo-amd64",
            "linux-headers-6.12.95+deb12-amd64",
            "linux-headers-6.12.95+deb12-cloud-amd64",
            "linux-headers-7.2.13+deb14-amd64",
            "linux-headers-7.3-amd64",
            "linux-headers-7.4.1+deb14-amd64",
            "linux-headers-amd64",
        ]
        .map(String::from)
        .to_vec();
        assert_eq!(
            releases(&names),
            ["6.12.95+deb12-amd64", "7.2.13+deb14-amd64", "7.3-amd64"]
        );
    }

    #[test]
    fn what_headers_say_of_themselves_is_not_ours() {
        let header = "/usr/src/linux-headers-7.2.13+deb14-common/include/linux/fs.h:1:2: \
                      warning: 'counted_by' attribute directive ignored [-Wattributes]";
        assert!(!is_ours(header));
        assert!(!is_ours(
            "warning: pahole version differs from the one used to build the kernel"
        ));
        assert!(is_ours(
            "famfs-kmod/fault.c:3:5: warning: unused variable 'x'"
        ));
        assert!(is_ours(
            "WARNING: modpost: missing MODULE_DESCRIPTION() in famfs.o"
        ));
    }

    #[test]
    fn releases_are_sorted_by_number() {
        let mut releases = [
            "6.12.115+deb13.1-amd64",
            "6.12.95+deb12-amd64",
            "6.12.115+deb13-amd64",
        ];
        releases.sort_by_key(|release| numbers(release));
        assert_eq!(
            releases,
            [
                "6.12.95+deb12-amd64",
                "6.12.115+deb13-amd64",
                "6.12.115+deb13.1-amd64"
            ]
        );
    }
}
