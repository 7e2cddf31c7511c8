//! Two hosts that share one memory: what the master does, and what the client sees of it.

mod killed;
mod replaced;
mod sharing;
mod stale;

use std::time::Instant;

use anyhow::{Context as _, Result};

use super::again::until_kept;
use super::choice::Seed;
use super::ledger::Ledger;
use super::pool::Job;
use super::stage::{self, Pair, Setting, Stage};

struct Test {
    name: &'static str,
    run: fn(&mut Pair<'_>) -> Result<()>,
}

const TESTS: &[&[Test]] = &[sharing::TESTS, stale::TESTS, replaced::TESTS, killed::TESTS];

/// A test and who is the master in it.
struct Run {
    master: usize,
    name: String,
    test: &'static Test,
}

/// The seconds that one test takes, roughly, and those that two guests take to boot.
const TEST_SECONDS: u32 = 5;
const BOOT_SECONDS: u32 = 20;

/// Every test whose name or hosts contain a filter, with each kernel as the master once, and on
/// fsdev: two hosts of one kernel are alike, so one direction is both.
pub(crate) fn jobs(filters: &[String]) -> Vec<Job<'static>> {
    let matches =
        |run: &Run| filters.is_empty() || filters.iter().any(|f| run.name.contains(f.as_str()));
    stage::settings()
        .into_iter()
        .filter_map(|setting| {
            let runs = setting
                .masters()
                .iter()
                .flat_map(|master| all().map(|test| run(setting, *master, test)))
                .filter(matches);
            job(setting, runs.collect())
        })
        .collect()
}

/// Every test once: the seed picks the pair of hosts, and for each test who is the master.
pub(crate) fn short(seed: Seed) -> Vec<Job<'static>> {
    let chosen = chosen(seed);
    let job = chosen.and_then(|(setting, runs)| job(setting, runs));
    job.into_iter().collect()
}

/// Returns the names of the tests that a short run does not take.
pub(crate) fn left_out(seed: Seed) -> Vec<String> {
    let taken = chosen(seed).map_or_else(Vec::new, |(_, runs)| runs);
    stage::directions()
        .into_iter()
        .flat_map(|(setting, master)| all().map(move |test| run(setting, master, test).name))
        .filter(|name| taken.iter().all(|run| run.name != *name))
        .collect()
}

/// Picks a pair of hosts, one with two masters as often as two with one, and who is the master
/// in each test.
fn chosen(seed: Seed) -> Option<(Setting, Vec<Run>)> {
    let mut directions = stage::directions();
    let picked = seed.pick("hosts", &vec![1; directions.len()])?;
    let (setting, _) = directions.swap_remove(picked);
    let masters = setting.masters();
    let weights = vec![1; masters.len()];
    let runs = all().map(|test| {
        let picked = seed.pick(test.name, &weights).unwrap_or(0);
        run(setting, masters[picked], test)
    });
    Some((setting, runs.collect()))
}

fn all() -> impl Iterator<Item = &'static Test> {
    TESTS.iter().copied().flatten()
}

fn run(setting: Setting, master: usize, test: &'static Test) -> Run {
    Run {
        master,
        name: format!("{} [{}]", test.name, setting.direction(master)),
        test,
    }
}

/// One pair of hosts runs its tests one after the other.
fn job(setting: Setting, runs: Vec<Run>) -> Option<Job<'static>> {
    let direction = setting.direction(runs.first()?.master);
    let count = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    Some(Job {
        name: format!("hosts [{direction}]"),
        seconds: count.saturating_mul(TEST_SECONDS) + BOOT_SECONDS,
        run: Box::new(move |ledger| on(setting, &runs, &direction, ledger)),
    })
}

fn on(setting: Setting, runs: &[Run], direction: &str, ledger: &Ledger) -> Result<()> {
    let start = Instant::now();
    let mut stage = Stage::sharing(setting)?;
    for Run { master, name, test } in runs {
        let start = Instant::now();
        let again = |stage: &mut Stage| {
            ledger.again(&format!("{name}: the emulator ended"));
            stage.renew()
        };
        let work = |stage: &mut Stage| (test.run)(&mut stage.pair(*master)?);
        let outcome = until_kept(&mut stage, work, Stage::is_lost, again);
        let seconds = start.elapsed().as_secs_f64();
        ledger.verdict(&match outcome {
            Ok(()) => format!("PASS {name} ({seconds:.1} s)"),
            Err(error) => format!("FAIL {name} ({seconds:.1} s): {error:#}"),
        });
        // A host that failed a test may be in any state.
        let reset = |stage: &mut Stage| stage.pair(*master)?.reset();
        until_kept(&mut stage, reset, Stage::is_lost, again)
            .context("cannot go on with the other tests")?;
    }
    let seconds = start.elapsed().as_secs_f64();
    ledger.verdict(&match stage.end() {
        Ok(()) => format!("PASS hosts [{direction}]: both kernels are well ({seconds:.1} s)"),
        Err(error) => format!("FAIL hosts [{direction}]: {error:#}"),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_test() {
        let path = crate::paths::workspace().join("docs/reference/crash.md");
        let text = std::fs::read_to_string(path).unwrap();
        for test in TESTS.iter().copied().flatten() {
            let named = text.contains(&format!("| `{}` |", test.name))
                || text.contains(&format!("`{}`,", test.name))
                || text.contains(&format!(", `{}`", test.name));
            assert!(named, "{}", test.name);
        }
    }
}
