//! Tests that need nothing but a Rust toolchain: each test program is a job of its own, so that
//! they run beside each other and beside the guests.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::ledger::Ledger;
use super::pool::Job;
use super::tally::Tally;
use crate::paths;

/// Programs that take more than a few seconds, and about how many.
const SLOW: &[(&str, u32)] = &[
    ("famfs-userspace pty", 30),
    ("famfs-userspace render", 20),
    ("famfs-userspace crash", 8),
    ("famfs-userspace famfs_userspace", 6),
    ("famfs-userspace prometheus", 6),
];

/// A line of `cargo test --no-run --message-format=json`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

/// A program that cargo built from tests.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    /// The package and the target, such as `famfs-userspace pty`.
    name: String,
    /// The package's folder, in which cargo runs its tests.
    folder: PathBuf,
    file: PathBuf,
}

/// Builds all test programs and returns a job for each, and one for the examples in the
/// documentation.
pub(crate) fn jobs() -> Result<Vec<Job<'static>>> {
    let output = cargo()
        .args(["test", "--workspace", "--locked", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo test")?;
    if !output.status.success() {
        bail!(
            "the tests do not build: cargo test ended with {}",
            output.status
        );
    }
    let programs = programs(&String::from_utf8_lossy(&output.stdout));
    anyhow::ensure!(!programs.is_empty(), "cargo test built no test program");
    let mut jobs: Vec<_> = programs.into_iter().map(Program::job).collect();
    jobs.push(Job {
        name: "host examples".to_owned(),
        seconds: 5,
        run: Box::new(|ledger| {
            let mut command = cargo();
            command.args(["test", "--workspace", "--locked", "--quiet", "--doc"]);
            run("examples", &mut command, ledger)
        }),
    });
    Ok(jobs)
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::workspace());
    cargo
}

/// Reads cargo's messages; lines that tell of something else are passed over.
fn programs(messages: &str) -> Vec<Program> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.profile.test)
        .filter_map(|artifact| {
            let folder = artifact.manifest_path.parent()?.to_owned();
            let package = package(&artifact.package_id)?;
            Some(Program {
                name: format!("{package} {}", artifact.target.name),
                folder,
                file: artifact.executable?,
            })
        })
        .collect()
}

/// Returns the name in a package id: `path+file:///x/bench#famfs-bench@0.1.0`, or
/// `path+file:///x/xtask#0.1.0` where the folder has the package's name.
fn package(id: &str) -> Option<&str> {
    let (place, version) = id.rsplit_once('#')?;
    match version.split_once('@') {
        Some((name, _)) => Some(name),
        None => place.rsplit('/').next(),
    }
}

impl Program {
    fn job(self) -> Job<'static> {
        let seconds = SLOW
            .iter()
            .find(|(name, _)| *name == self.name)
            .map_or(2, |(_, seconds)| *seconds);
        Job {
            name: format!("host {}", self.name),
            seconds,
            run: Box::new(move |ledger| {
                let mut command = Command::new(&self.file);
                command
                    .current_dir(&self.folder)
                    .env("CARGO_MANIFEST_DIR", &self.folder)
                    .arg("--show-output");
                run(&self.name, &mut command, ledger)
            }),
        }
    }
}

/// Runs a test program and counts what it says. What it printed is shown if a test failed;
/// otherwise one line, and each skip with its reason.
fn run(name: &str, command: &mut Command, ledger: &Ledger) -> Result<()> {
    let start = std::time::Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run the tests of {name}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut tally = Tally::default();
    let verdicts: Vec<_> = text.lines().filter(|line| tally.add(line)).collect();
    if tally.failed > 0 || !output.status.success() {
        for line in text.lines().chain(errors.lines()) {
            ledger.show(&format!("    {line}"));
        }
    }
    for line in verdicts {
        if let Some(skip) = line.trim().strip_prefix("SKIP ") {
            ledger.verdict(&format!("SKIP [host] {skip}"));
        } else {
            ledger.count(&format!("{line} [host {name}]"));
        }
    }
    for (test, verdict) in named(&text) {
        let line = format!("{verdict} [host {name}] {test}");
        ledger.name(&line);
        if verdict == "FAIL" {
            ledger.name_failure(&line);
        }
    }
    // A program that ends before its result line has failed too, whatever its status.
    let came_to_its_end = text.lines().any(|line| line.starts_with("test result: "));
    if tally.failed == 0 && !(output.status.success() && came_to_its_end) {
        ledger.verdict(&format!("FAIL host {name}: {}", output.status));
    } else {
        let seconds = start.elapsed().as_secs_f64();
        ledger.show(&format!("     host {name}: {tally} ({seconds:.1} s)"));
    }
    Ok(())
}

/// Returns the tests that a program names, each with its verdict.
fn named(text: &str) -> impl Iterator<Item = (&str, &'static str)> {
    text.lines().filter_map(|line| {
        let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        let verdict = match outcome {
            "ok" => "PASS",
            "FAILED" => "FAIL",
            _ if outcome.starts_with("ignored") => "SKIP",
            _ => return None,
        };
        Some((name.trim(), verdict))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_in_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/bench#famfs-bench@0.1.0","manifest_path":"/w/bench/Cargo.toml","target":{"kind":["bin"],"name":"famfs-bench"},"profile":{"test":true},"executable":"/w/target/debug/deps/famfs_bench-1"}
{"reason":"compiler-artifact","package_id":"path+file:///w/bench#famfs-bench@0.1.0","manifest_path":"/w/bench/Cargo.toml","target":{"kind":["bin"],"name":"famfs-bench"},"profile":{"test":false},"executable":"/w/target/debug/famfs-bench"}
{"reason":"compiler-artifact","package_id":"registry+https://x#anyhow@1.0.0","manifest_path":"/r/Cargo.toml","target":{"kind":["lib"],"name":"anyhow"},"profile":{"test":false},"executable":null}
not json
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            programs(messages),
            [Program {
                name: "famfs-bench famfs-bench".to_owned(),
                folder: "/w/bench".into(),
                file: "/w/target/debug/deps/famfs_bench-1".into(),
            }]
        );
    }

    #[test]
    fn a_package_is_named_by_its_id() {
        assert_eq!(package("path+file:///w/xtask#0.1.0"), Some("xtask"));
        assert_eq!(package("path+file:///w/a#b@0.1.0"), Some("b"));
        assert_eq!(package("odd"), None);
    }

    fn tally_of(script: &str) -> (Tally, Vec<String>) {
        let ledger = Ledger::new(std::io::sink());
        run("x", Command::new("sh").args(["-c", script]), &ledger).unwrap();
        (ledger.tally(), ledger.failures())
    }

    #[test]
    fn results_and_skips_of_a_program_are_counted() {
        let (tally, _) = tally_of(
            "echo 'test result: ok. 3 passed; 0 failed; 1 ignored;'; echo 'SKIP golden: not set'",
        );
        assert_eq!((tally.passed, tally.failed, tally.skipped), (3, 0, 2));
    }

    #[test]
    fn tests_are_named_with_their_verdict() {
        let text = "test a::b ... ok\ntest c - d (line 3) ... FAILED\ntest e ... ignored, why\n\
                    test result: ok. 1 passed\ntest f ...\ntest g has been running\n";
        let wanted = [("a::b", "PASS"), ("c - d (line 3)", "FAIL"), ("e", "SKIP")];
        assert!(named(text).eq(wanted));
    }

    #[test]
    fn a_program_that_dies_without_a_result_has_failed() {
        assert_eq!(tally_of("exit 0").0.failed, 1);
        let (tally, failures) = tally_of("kill -9 $$");
        assert_eq!(tally.failed, 1);
        assert!(
            failures[0].starts_with("FAIL host x: signal: 9"),
            "{failures:?}"
        );
        let (tally, failures) = tally_of(
            "echo 'test a::b ... FAILED'; echo 'test result: FAILED. 1 passed; 1 failed;'; exit 101",
        );
        assert_eq!((tally.passed, tally.failed), (1, 1));
        assert_eq!(failures, ["FAIL [host x] a::b"]);
    }
}
