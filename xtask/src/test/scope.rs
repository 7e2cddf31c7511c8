//! What a run takes and what it leaves out, from the options and the seed.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::boot::Boot;
use super::choice::Seed;
use super::pool::Job;
use super::suites::{self, Kind, Test};
use super::{Args, Place, crash, host, hosts, promises};
use crate::setup::kernels::{Line, Survey};
use crate::{paths, process};

/// Some seconds; the long run is `cargo xtask fuzz`.
const FUZZ_OPS: u32 = 3000;

/// The seconds that these boots take on a quiet machine of two cores, roughly.
const FUZZ_SECONDS: u32 = 60;
const LOCKDOWN_SECONDS: u32 = 20;
const PROMISE_SECONDS: u32 = 10;

/// The jobs of a run.
pub(crate) struct Scope {
    /// What kind of run it is, in words.
    pub name: &'static str,
    pub jobs: Vec<Job<'static>>,
    /// What cannot run here, each a `SKIP` line with its reason.
    pub skipped: Vec<String>,
    pub left_out: Vec<LeftOut>,
}

/// Tests that a short run does not take on some kind of guest.
#[derive(Debug)]
pub(crate) struct LeftOut {
    place: String,
    tests: Vec<String>,
}

/// Returns what the options ask for.
pub(crate) fn of(args: &Args, kernels: &Survey, seed: Seed) -> Result<Scope> {
    let full = args.all || !args.filters.is_empty() || args.only == Some(Place::Crash);
    let mut scope = Scope {
        name: if full {
            "every test on every kind of guest"
        } else {
            "each test once"
        },
        jobs: Vec::new(),
        skipped: Vec::new(),
        left_out: Vec::new(),
    };
    let wanted = |place| args.only.is_none_or(|only| only == place);
    if wanted(Place::Lab) {
        scope.lab(&args.filters, kernels, full, seed)?;
    }
    if wanted(Place::Hosts) {
        if full {
            scope.jobs.extend(hosts::jobs(&args.filters));
        } else {
            scope.jobs.extend(hosts::short(seed));
            scope.left_out.push(LeftOut::of_hosts(seed));
        }
    }
    if wanted(Place::Crash) && (args.filters.is_empty() || args.only == Some(Place::Crash)) {
        scope.jobs.extend(if full {
            let usual = if args.all { crash::FEW } else { crash::MANY };
            crash::jobs(args.points.unwrap_or(usual), seed, &args.filters)?
        } else {
            crash::short(args.points.unwrap_or(crash::SHORT), seed)?
        });
    }
    // Last: a job of the same length that boots a guest is the better one to start with.
    if wanted(Place::Host) {
        scope.jobs.extend(host::jobs()?);
    }
    Ok(scope)
}

impl Scope {
    /// Adds the guests that run one at a time. A kernel that is missing is one skip, which was
    /// counted already.
    fn lab(&mut self, filters: &[String], kernels: &Survey, full: bool, seed: Seed) -> Result<()> {
        let mut kinds = suites::kinds(kernels);
        if !has_cxl()? {
            let reason = "this QEMU has no cxl-type3 device";
            let without = kinds.iter().filter(|kind| kind.is_cxl());
            self.skipped
                .extend(without.map(|kind| format!("SKIP {}: {reason}", kind.name)));
            kinds.retain(|kind| !kind.is_cxl());
        }
        let can_run = |boot: &Boot| kernels.can_run(&words(&boot.lab));
        let [fuzzers, lockdowns, promises] = [fuzzers(seed), lockdowns(), promises::all()]
            .map(|boots| boots.into_iter().filter(can_run).collect::<Vec<_>>());
        if full {
            self.jobs.extend(kinds.iter().map(|kind| kind.job(filters)));
            let named = |name: &str| filters.iter().any(|filter| name.contains(filter.as_str()));
            if filters.is_empty() || named("fuzz") {
                self.jobs.extend(jobs(fuzzers, FUZZ_SECONDS));
            }
            if filters.is_empty() {
                self.jobs.extend(jobs(lockdowns, LOCKDOWN_SECONDS));
                self.jobs.extend(jobs(promises, PROMISE_SECONDS));
            }
            return Ok(());
        }
        let tests = suites::list()?;
        let shares = suites::shares(&tests, &kinds, seed);
        for share in &shares {
            self.jobs.push(share.job(tests.len()));
        }
        for kind in &kinds {
            let taken = shares.iter().find(|share| share.kind.name == kind.name);
            let taken = taken.map_or(&[][..], |share| share.tests.as_slice());
            self.left_out.push(LeftOut::of_kind(kind, &tests, taken));
        }
        for (boots, seconds) in [(fuzzers, FUZZ_SECONDS), (lockdowns, LOCKDOWN_SECONDS)] {
            let (picked, others) = pick(boots, seed);
            self.jobs.extend(picked.map(|boot| boot.job(seconds)));
            self.left_out
                .extend(others.into_iter().map(LeftOut::of_boot));
        }
        self.jobs.extend(jobs(promises, PROMISE_SECONDS));
        Ok(())
    }
}

fn words(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

fn jobs(boots: Vec<Boot>, seconds: u32) -> impl Iterator<Item = Job<'static>> {
    boots.into_iter().map(move |boot| boot.job(seconds))
}

/// Picks one of several boots that differ in their kernel.
fn pick(mut boots: Vec<Boot>, seed: Seed) -> (Option<Boot>, Vec<Boot>) {
    let name = boots.first().map(|boot| boot.name.clone());
    let picked = name.and_then(|name| seed.pick(&name, &vec![1; boots.len()]));
    let picked = picked.map(|index| boots.swap_remove(index));
    (picked, boots)
}

/// A short run of the fuzzer with a seed that stays, and one with the run's.
fn fuzzers(seed: Seed) -> Vec<Boot> {
    let seed = seed.0;
    let script =
        format!("lab-fuzz --ops {FUZZ_OPS} --seed 1 && lab-fuzz --ops {FUZZ_OPS} --seed {seed}");
    let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    Line::ALL
        .map(|line| {
            let lab = ["--kernel", line.name(), "--devices", "2"];
            Boot::of_tests(format!("fuzz {}", line.series()), &lab, command.clone())
        })
        .into()
}

/// A lockdown lasts until the next boot, so its tests have guests of their own. (With a filter
/// that names them the suites run them.)
fn lockdowns() -> Vec<Boot> {
    let command = ["lab-guest", "lockdown"].map(str::to_owned).to_vec();
    Line::ALL
        .map(|line| {
            let name = format!("lockdown {}", line.series());
            Boot::of_tests(name, &["--kernel", line.name()], command.clone())
        })
        .into()
}

fn has_cxl() -> Result<bool> {
    let mut qemu = std::process::Command::new("qemu-system-x86_64");
    Ok(process::stdout(qemu.args(["-device", "help"]))?.contains("cxl-type3"))
}

impl LeftOut {
    fn of_kind(kind: &Kind, tests: &[Test], taken: &[&Test]) -> Self {
        let left = tests
            .iter()
            .filter(|test| kind.can_run(test))
            .filter(|test| !taken.contains(test));
        Self {
            place: kind.name.clone(),
            tests: left.map(|test| test.name.clone()).collect(),
        }
    }

    fn of_boot(boot: Boot) -> Self {
        Self {
            place: "boots of their own".to_owned(),
            tests: vec![boot.name],
        }
    }

    fn of_hosts(seed: Seed) -> Self {
        Self {
            place: "two hosts".to_owned(),
            tests: hosts::left_out(seed),
        }
    }
}

/// Says in a few lines what a run left out; nothing if it left out nothing.
pub(crate) fn summary(left_out: &[LeftOut]) -> Vec<String> {
    if left_out.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        "left out, because another kind of guest ran the same tests (other commits choose \
         otherwise; --all runs everything; the names are in target/test/left-out):"
            .to_owned(),
    ];
    let mut places: Vec<(&str, usize)> = Vec::new();
    for left in left_out {
        match places.iter_mut().find(|(place, _)| *place == left.place) {
            Some((_, count)) => *count += left.tests.len(),
            None => places.push((&left.place, left.tests.len())),
        }
    }
    for (place, count) in places {
        lines.push(format!("  {place}: {count} tests"));
    }
    lines
}

/// Writes the names of what was left out, a line each with its place.
pub(crate) fn keep(left_out: &[LeftOut]) -> Result<()> {
    let mut text = String::new();
    for left in left_out {
        for test in &left.tests {
            let _ = writeln!(text, "{}: {test}", left.place);
        }
    }
    let file = paths::target("test/left-out");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_adds_up_by_place() {
        let left = |place: &str, tests: &[&str]| LeftOut {
            place: place.to_owned(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
        };
        let lines = summary(&[left("a", &["x", "y"]), left("b", &["x"]), left("a", &["z"])]);
        assert_eq!(lines[1..], ["  a: 3 tests", "  b: 1 tests"]);
        assert!(summary(&[]).is_empty());
    }

    #[test]
    fn one_of_several_boots_is_picked_and_the_rest_is_left_out() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let (picked, others) = pick(lockdowns(), Seed(seed));
            assert_eq!(others.len(), 1);
            seen.insert(picked.unwrap().name);
        }
        assert_eq!(seen.len(), 2);
    }
}
