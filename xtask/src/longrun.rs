//! `cargo xtask long-run`: the same run many times, each kept as a row of
//! `docs/reference/long-runs.md`, so that an interrupted series goes on where it stopped.

mod load;
mod table;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use self::load::Load;
use self::table::Row;
use crate::{paths, process};

/// Run something long several times and keep each result in docs/reference/long-runs.md.
///
/// A row counts for as long as the files that its run covers are as they were at its commit, so a
/// series that was interrupted goes on: only the runs that are missing are made. Exit status 1 if a run that counts has a failure.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask long-run matrix --runs 10     ten full test runs, every second one under load
  cargo xtask long-run crash --runs 1       500 crashes
  cargo xtask long-run matrix --runs 10 --dry-run
                                            what is there already, and what is missing")]
pub(crate) struct Args {
    /// What to run
    #[arg(value_enum)]
    what: What,
    /// How many runs there shall be
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: u64,
    /// Only say which runs count and which are missing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// `cargo xtask test --all`; every second run with all CPUs loaded by something else
    Matrix,
    /// `cargo xtask test --only crash`: 500 crashes
    Crash,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Crash => "crash",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Matrix => &["test", "--all"],
            Self::Crash => &["test", "--only", "crash"],
        }
    }

    /// Says whether the run with this number has the CPUs loaded by something else.
    fn loaded(self, run: u64) -> bool {
        self == Self::Matrix && run.is_multiple_of(2)
    }
}

/// What every run covers: a change there and the rows before it no longer count. Tests read the
/// documentation too, but not the page that the rows are added to.
const COVERED: &[&str] = &[
    ".cargo",
    ".ci",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "famfs-common",
    "famfs-ebpf",
    "famfs-kmod",
    "famfs-userspace",
    "bench",
    "lab",
    "xtask",
    "packaging",
    "docs",
    ":(exclude)docs/reference/long-runs.md",
];

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let page = paths::workspace().join("docs/reference/long-runs.md");
    let _lock = process::lock(&paths::target("long-runs/lock"), "long-run")?;
    let commit = head()?;
    let mut failed = false;
    for run in 1..=args.runs {
        let loaded = args.what.loaded(run);
        if let Some(row) = valid(&page, args.what, run, loaded)? {
            say(&format!(
                "{} {run} of {}: {} failed of {}, at {:.12} on {}",
                args.what.name(),
                args.runs,
                row.failed,
                row.passed + row.failed,
                row.commit,
                row.date
            ));
            failed |= row.failed > 0;
            continue;
        }
        if args.dry_run {
            say(&format!(
                "{} {run} of {}: missing",
                args.what.name(),
                args.runs
            ));
            continue;
        }
        if !unchanged(&commit)? {
            bail!(
                "the tree is not as commit {commit} has it; commit first, and start again, so that \
                 the row can name what ran"
            );
        }
        say(&format!(
            "{} {run} of {}{}: running",
            args.what.name(),
            args.runs,
            if loaded { ", all CPUs loaded" } else { "" }
        ));
        let row = one(args.what, run, loaded, &commit)?;
        if !unchanged(&commit)? {
            bail!("the tree changed during the run, so it is no result of commit {commit}");
        }
        failed |= row.failed > 0;
        // Read again: a run takes long, and the page may have changed.
        let text = read(&page)?;
        fs::write(&page, table::append(&text, &row)?)
            .with_context(|| format!("cannot write {}", page.display()))?;
        say(&format!(
            "{} {run} of {}: {} passed, {} failed, {} minutes",
            args.what.name(),
            args.runs,
            row.passed,
            row.failed,
            row.minutes
        ));
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Returns the newest row of this run that still counts.
fn valid(page: &Path, what: What, seed: u64, loaded: bool) -> Result<Option<Row>> {
    for row in table::rows(&read(page)?)?.into_iter().rev() {
        let same = row.what == what.name() && row.seed == seed && row.loaded == loaded;
        if same && unchanged(&row.commit)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Makes one run. Its output goes to a file; the last line of that has the totals.
fn one(what: What, seed: u64, loaded: bool, commit: &str) -> Result<Row> {
    let log = log_file(what, seed)?;
    let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let xtask = std::env::current_exe().context("cannot find xtask's own binary")?;
    let start = Instant::now();
    let load = loaded.then(Load::start);
    let mut command = Command::new(xtask);
    command
        .args(what.arguments())
        .args(["--seed", &seed.to_string()])
        .stdin(Stdio::null())
        .stderr(output.try_clone().context("cannot duplicate a file")?)
        .stdout(output);
    let status = process::tied(&mut command, Signal::SIGTERM)
        .status()
        .context("cannot run xtask")?;
    drop(load);
    let text = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let text = String::from_utf8_lossy(&text);
    let Some(totals) = totals(&text) else {
        bail!(
            "the run ended with {status} and without totals, so it is no result; its output is in {}",
            log.display()
        );
    };
    Ok(Row {
        date: today()?,
        what: what.name().to_owned(),
        commit: commit.to_owned(),
        seed,
        loaded,
        passed: totals[0],
        failed: totals[1],
        skipped: totals[2],
        lost: text.lines().find_map(lost).unwrap_or(0),
        minutes: start.elapsed().as_secs().div_ceil(60),
        failures: failures(&text),
    })
}

/// Reads the numbers of the last line: `N passed, N failed, N skipped`.
fn totals(text: &str) -> Option<[u64; 3]> {
    let parts: Vec<_> = text.lines().last()?.split(", ").collect();
    let [passed, failed, skipped] = parts[..] else {
        return None;
    };
    let number = |part: &str, word: &str| part.strip_suffix(word)?.parse().ok();
    Some([
        number(passed, " passed")?,
        number(failed, " failed")?,
        number(skipped, " skipped")?,
    ])
}

/// Reads how many guests were booted again.
fn lost(line: &str) -> Option<u64> {
    let (count, _) = line.strip_prefix("test: ")?.split_once(" guests lost")?;
    count.parse().ok()
}

/// Returns the list that stands under `failed:` near the end.
fn failures(text: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| *line != "failed:").skip(1);
    lines
        .by_ref()
        .map_while(|line| line.strip_prefix("  "))
        .map(|line| line.trim_start_matches("FAIL ").to_owned())
        .collect()
}

fn log_file(what: What, seed: u64) -> Result<PathBuf> {
    let folder = paths::target("long-runs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.join(format!("{}-{seed}.log", what.name())))
}

fn read(page: &Path) -> Result<String> {
    fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))
}

fn git() -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(paths::workspace());
    git
}

fn head() -> Result<String> {
    let hash = process::stdout(git().args(["rev-parse", "HEAD"]))?;
    Ok(hash.trim().to_owned())
}

/// Says whether what the runs cover is, in this tree, as it was at a commit. A commit that is not
/// known here counts as another state.
fn unchanged(commit: &str) -> Result<bool> {
    let status = git()
        .args(["diff", "--quiet", commit, "--"])
        .args(COVERED)
        .stderr(Stdio::null())
        .status()
        .context("cannot run git")?;
    let new = process::stdout(
        git()
            .args(["ls-files", "--others", "--exclude-standard", "--"])
            .args(COVERED),
    )?;
    Ok(status.success() && new.is_empty())
}

fn today() -> Result<String> {
    let date = process::stdout(Command::new("date").args(["-u", "+%F"]))?;
    Ok(date.trim().to_owned())
}

fn say(line: &str) {
    eprintln!("long-run: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_output_says_what_came_of_it() {
        let text = "PASS a\nfailed:\n  FAIL [a] x\n  FAIL b\ntest: 2 guests lost to the emulator \
                    and booted again, 9 s, what ran is in target/test/ran\n3 passed, 2 failed, 1 skipped\n";
        assert_eq!(totals(text), Some([3, 2, 1]));
        assert_eq!(text.lines().find_map(lost), Some(2));
        assert_eq!(failures(text), ["[a] x", "b"]);
        assert_eq!(failures("PASS a\n"), Vec::<String>::new());
        for cut in ["", "3 passed, 2 failed", "PASS a\n"] {
            assert_eq!(totals(cut), None, "{cut}");
        }
    }

    #[test]
    fn every_second_run_of_the_matrix_is_under_load() {
        let loaded = (1..=10).filter(|run| What::Matrix.loaded(*run)).count();
        assert_eq!(loaded, 5);
    }

    #[test]
    fn the_page_can_be_read() {
        let page = paths::workspace().join("docs/reference/long-runs.md");
        table::rows(&read(&page).unwrap()).unwrap();
    }
}
