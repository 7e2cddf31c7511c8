//! `cargo xtask long-run`: the same run many times, each kept as a row of
//! `docs/reference/long-runs.md`, so that an interrupted series goes on where it stopped.

mod load;
mod table;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use self::load::{Cpus, Load};
use self::table::Row;
use crate::setup::doctored::Doctored;
use crate::setup::kernels::{self, Kernel};
use crate::{paths, process, setup};

/// Run something long several times and keep each result in docs/reference/long-runs.md.
///
/// A row counts for as long as the files that its run covers are as they were at its commit, so a
/// series that was interrupted goes on: only the runs that are missing are made. Exit status 1 if a run that counts has a failure.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask long-run matrix --runs 10     ten full test runs, every second one under load
  cargo xtask long-run matrix --run 2 --run 4 --load elsewhere
                                            two of the loaded ones, while something else builds
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
    /// Make only the run with this number, if it is missing; may be repeated
    #[arg(long = "run", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    only: Vec<u64>,
    /// What loads the CPUs in every second run
    #[arg(long, value_enum, default_value_t)]
    load: Source,
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Source {
    /// A thread without work on every CPU
    #[default]
    Spin,
    /// Whatever else runs on this machine; it is measured whether that was enough
    Elsewhere,
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
    let wanted: BTreeSet<u64> = if args.only.is_empty() {
        (1..=args.runs).collect()
    } else {
        args.only.iter().copied().collect()
    };
    for run in &wanted {
        let said = format!("{} {run}", args.what.name());
        if let Some(row) = valid(&page, args.what, *run)? {
            say(&format!("{said}: {}", row.summary()));
        } else if args.dry_run {
            say(&format!("{said}: missing"));
        } else {
            say(&format!("{said}: {}", made(args, *run, &page)?.summary()));
        }
    }
    conclude(args, &page)
}

/// Makes a run and adds its row to the page.
fn made(args: &Args, run: u64, page: &Path) -> Result<Row> {
    let commit = head()?;
    let kernels = whole(args.what)?;
    ensure!(
        unchanged(&commit)?,
        "the tree is not as commit {commit} has it; commit first, and start again, so that the row \
         can name what ran"
    );
    let loaded = args.what.loaded(run);
    let how = if loaded { ", under load" } else { "" };
    say(&format!("{} {run}: running{how}", args.what.name()));
    let spin = loaded && args.load == Source::Spin;
    let row = one(args.what, run, spin, commit, kernels)?;
    ensure!(
        unchanged(&row.commit)?,
        "the tree changed during the run, so it is no result of commit {}",
        row.commit
    );
    // Read again: a run takes long, and the page may have changed.
    let text = read(page)?;
    fs::write(page, table::append(&text, &row)?)
        .with_context(|| format!("cannot write {}", page.display()))?;
    if loaded && !row.is_loaded() {
        say(&format!(
            "{} {run}: does not count, because it was to be made under load; try --load spin",
            args.what.name()
        ));
    }
    Ok(row)
}

/// Says what counts of the whole series.
fn conclude(args: &Args, page: &Path) -> Result<ExitCode> {
    let mut rows = Vec::new();
    let named = args.only.iter().copied();
    let runs: BTreeSet<u64> = (1..=args.runs).chain(named).collect();
    for run in &runs {
        rows.extend(valid(page, args.what, *run)?);
    }
    let failed: u64 = rows.iter().map(|row| row.failed).sum();
    say(&format!(
        "{} of {} runs count, {} of them under load; failures: {failed}",
        rows.len(),
        runs.len(),
        rows.iter().filter(|row| row.is_loaded()).count(),
    ));
    Ok(if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Returns the newest row of this run that still counts.
fn valid(page: &Path, what: What, run: u64) -> Result<Option<Row>> {
    for row in table::rows(&read(page)?)?.into_iter().rev() {
        let same = row.what == what.name() && row.seed == run;
        let loaded = row.is_loaded() || !what.loaded(run);
        if same && loaded && unchanged(&row.commit)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Returns the kernels that a run will have; an error where it would leave something out.
fn whole(what: What) -> Result<String> {
    if let Some(change) = Doctored::from_env()?.describe() {
        bail!("{change}, so a run would say nothing of the archive's kernels; unset it");
    }
    let golden = std::env::var_os("FAMFS_GOLDEN");
    ensure!(
        what != What::Matrix || golden.is_some_and(|folder| Path::new(&folder).is_dir()),
        "FAMFS_GOLDEN is not a folder, so a run would leave out the images of the upstream tools; set \
         it to their folder"
    );
    setup::ensure()?;
    let kernels = kernels::survey()?;
    if let Some(gap) = kernels.gaps.first() {
        bail!(
            "there is no {} kernel ({}), so a run would leave out its tests",
            gap.line,
            gap.reason
        );
    }
    let versions = kernels.present.iter().map(Kernel::version);
    let versions: Vec<_> = versions.collect();
    Ok(versions.join(", "))
}

/// Makes one run. Its output goes to a file; the last line of that has the totals.
fn one(what: What, seed: u64, spin: bool, commit: String, kernels: String) -> Result<Row> {
    let log = log_file(what, seed)?;
    let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let xtask = std::env::current_exe().context("cannot find xtask's own binary")?;
    let start = Instant::now();
    let before = Cpus::now()?;
    let load = spin.then(Load::start);
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
    let others = Cpus::now()?.others_since(&before);
    let text = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let text = String::from_utf8_lossy(&text);
    let mut row = Row {
        date: today()?,
        what: what.name().to_owned(),
        commit,
        seed,
        kernels,
        others,
        passed: 0,
        failed: 1,
        skipped: 0,
        lost: text.lines().find_map(lost).unwrap_or(0),
        minutes: start.elapsed().as_secs().div_ceil(60),
        failures: failures(&text),
    };
    if let Some(totals) = totals(&text) {
        [row.passed, row.failed, row.skipped] = totals;
    } else {
        let end = format!("ended without totals: {status}");
        row.failures.push(end);
    }
    Ok(row)
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
