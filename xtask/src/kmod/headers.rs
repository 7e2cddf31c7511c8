//! `cargo xtask build-kmod --all-headers`: the module against every kernel's headers that the
//! Debian suites offer today, from 6.12 to 7.3.
//!
//! One set of headers after the other is unpacked into the workshop, built against with W=1, and
//! removed. Each is built with the compiler it is configured for: another one complains about the
//! headers themselves. A result is kept until the module's sources change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{source, warnings};
use crate::process::{self, Log};
use crate::setup::apt::{self, Apt, remove_dir};
use crate::setup::workshop::COMPILERS;
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

/// What one set of headers gave.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// The compiler's name and version, such as `gcc-15 15.2.0-17`.
    compiler: String,
    warnings: Vec<String>,
}

/// Builds against all of them; a warning or a failure anywhere is a failure.
pub(crate) fn main() -> Result<()> {
    setup::ensure()?;
    COMPILERS.ensure(&setup::Args::default())?;
    let _lock = COMPILERS.lock()?;
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
    let mut bad = 0;
    println!(
        "{:<28} {:<20} {:<20} warnings",
        "headers", "suite", "compiler"
    );
    for (release, suite, index) in &found {
        let result = build(release, index, &log);
        bad += usize::from(!result.as_ref().is_ok_and(|done| done.warnings.is_empty()));
        print(release, suite, &result);
    }
    println!("{} sets of headers, {bad} fail or warn", found.len());
    if bad > 0 {
        bail!("{bad} of {} sets of headers fail or warn", found.len());
    }
    Ok(())
}

fn print(release: &str, suite: &str, result: &Result<Outcome>) {
    match result {
        Ok(Outcome { compiler, warnings }) => {
            let count = warnings.len();
            println!("{release:<28} {suite:<20} {compiler:<20} {count}");
            for warning in warnings {
                println!("    {warning}");
            }
        }
        Err(error) => {
            println!("{release:<28} {suite:<20} {:<20} FAILED", "-");
            println!("    {error:#}");
        }
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
fn build(release: &str, index: &Apt, log: &Log) -> Result<Outcome> {
    let tree = paths::workspace().join("famfs-kmod");
    let key = format!("{release} {:016x}", source::digest(&tree)?);
    let kept = paths::target("kmod/headers").join(format!("{release}.warnings"));
    if let Ok(text) = fs::read_to_string(&kept)
        && let Some(outcome) = parse_kept(&text, &key)
    {
        return Ok(outcome);
    }
    let root = COMPILERS.root();
    let folders = unpack(release, index, &root, log)?;
    let built = build_unpacked(release, &tree);
    for folder in folders {
        remove_dir(&folder)?;
    }
    let outcome = built?;
    let mut text = format!("{key}\n{}", outcome.compiler);
    for warning in &outcome.warnings {
        text = format!("{text}\n{warning}");
    }
    fs::write(&kept, text).with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(outcome)
}

fn parse_kept(text: &str, key: &str) -> Option<Outcome> {
    let mut lines = text.lines();
    if lines.next() != Some(key) {
        return None;
    }
    Some(Outcome {
        compiler: lines.next()?.to_owned(),
        warnings: lines.map(str::to_owned).collect(),
    })
}

fn build_unpacked(release: &str, tree: &Path) -> Result<Outcome> {
    let folder = format!("usr/src/linux-headers-{release}");
    let config = COMPILERS.root().join(&folder).join(".config");
    let text =
        fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
    let compiler =
        configured_compiler(&text).with_context(|| format!("{} names no gcc", config.display()))?;
    // The name that kbuild compares with the kernel's begins with the architecture.
    let program = format!("x86_64-linux-gnu-{compiler}");
    let said = process::stdout(
        COMPILERS
            .command([None, None])
            .args([&program, "--version"]),
    )
    .with_context(|| {
        format!("these headers are for {compiler}, which the chroot of compilers lacks")
    })?;
    let copy = paths::target("kmod/headers/src");
    remove_dir(&copy)?;
    source::copy(tree, &copy)?;
    let log = Log::create(paths::target("kmod/headers").join(format!("{release}.log")))?;
    let mut make = COMPILERS.command([Some(&copy), None]);
    make.args(["make", "-C", &format!("/{folder}")])
        .args(["M=/mnt", "W=1", "-j2", "modules"])
        .arg(format!("CC={program}"))
        .env_remove("MAKEFLAGS");
    log.run(&mut make)?;
    let warnings = warnings(&log.text()?, &copy)
        .into_iter()
        .filter(|warning| is_a_compiler_s(warning))
        .collect();
    Ok(Outcome {
        compiler: format!("{compiler} {}", version(&said)),
        warnings,
    })
}

/// `gcc-15` of `CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-15 (Debian 15.2.0-17) 15.2.0"`.
/// Older kernels name the program without its number: the version tells it.
fn configured_compiler(config: &str) -> Option<String> {
    let text = config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT="))?
        .trim_matches('"');
    let (program, rest) = text.split_once(' ')?;
    if !program.split('-').any(|part| part == "gcc") {
        return None;
    }
    let major = rest.rsplit(' ').next()?.split('.').next()?;
    major.parse::<u32>().ok()?;
    Some(format!("gcc-{major}"))
}

/// `15.2.0-17` of the first line of what `gcc --version` says.
fn version(said: &str) -> &str {
    let first = said.lines().next().unwrap_or_default();
    first
        .split_once("(Debian ")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or(first, |(version, _)| version)
}

/// kbuild's remark that pahole, which makes type information from what was compiled, is another
/// one than the kernel's is no finding about a source.
fn is_a_compiler_s(warning: &str) -> bool {
    !warning.contains("pahole version differs")
}

/// Puts a set of headers into a chroot; returns the folders to remove afterwards.
fn unpack(release: &str, index: &Apt, root: &Path, log: &Log) -> Result<Vec<PathBuf>> {
    let version = release.trim_end_matches("-amd64");
    let headers = format!("linux-headers-{release}");
    let common = format!("linux-headers-{version}-common");
    let kbuild = format!("linux-kbuild-{version}");
    for package in [&headers, &common] {
        index.unpack_folder(package, "usr/src", root, log)?;
    }
    index.unpack_folder(&kbuild, "usr/lib", root, log)?;
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
    fn only_the_remark_on_pahole_is_left_out() {
        assert!(!is_a_compiler_s(
            "warning: pahole version differs from the one used to build the kernel"
        ));
        for finding in [
            "/usr/src/linux-headers-7.2.13+deb14-common/include/linux/fs.h:1:2: \
             warning: 'counted_by' attribute directive ignored [-Wattributes]",
            "famfs-kmod/fault.c:3:5: warning: unused variable 'x'",
            "WARNING: modpost: missing MODULE_DESCRIPTION() in famfs.o",
        ] {
            assert!(is_a_compiler_s(finding), "{finding}");
        }
    }

    #[test]
    fn headers_name_their_compiler() {
        let config = |text: &str| format!("CONFIG_A=y\nCONFIG_CC_VERSION_TEXT=\"{text}\"\n");
        let of = |text: &str| configured_compiler(&config(text));
        let trixie = "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0";
        assert_eq!(of(trixie).as_deref(), Some("gcc-14"));
        let old = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0";
        assert_eq!(of(old).as_deref(), Some("gcc-12"));
        assert_eq!(of("Debian clang version 19.1.7"), None);
        assert_eq!(of("gcc"), None);
        assert_eq!(configured_compiler("CONFIG_A=y\n"), None);
        assert_eq!(version(&format!("{trixie}\nCopyright\n")), "14.2.0-19");
        assert_eq!(version("gcc 15.1\n"), "gcc 15.1");
    }

    #[test]
    fn an_outcome_is_kept_for_the_same_sources_only() {
        let text = "7.3-amd64 00ff\ngcc-15 15.2.0-17\nfamfs-kmod/map.c:1: warning: x";
        let outcome = Outcome {
            compiler: "gcc-15 15.2.0-17".into(),
            warnings: vec!["famfs-kmod/map.c:1: warning: x".into()],
        };
        assert_eq!(parse_kept(text, "7.3-amd64 00ff"), Some(outcome));
        assert_eq!(parse_kept(text, "7.3-amd64 00fe"), None);
        assert_eq!(parse_kept("7.3-amd64 00ff", "7.3-amd64 00ff"), None);
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
