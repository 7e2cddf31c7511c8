//! The guest tests: which there are, on which kinds of guest, and who runs what.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use lab_init::Memory;

use super::boot::Boot;
use super::choice::Seed;
use super::pool::Job;
use crate::lab::{self, image};
use crate::process;
use crate::setup::kernels::{Line, Survey};

/// A kind of guest that runs the tests.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What it is called in verdicts, such as `lab 7.3 cxl`.
    pub name: String,
    line: Line,
    memory: Memory,
}

/// Returns the kinds of guests that the kernels of this machine make: every way to present memory
/// that a kernel has.
pub(crate) fn kinds(kernels: &Survey) -> Vec<Kind> {
    let lines = kernels.present.iter().map(|kernel| kernel.line);
    lines.flat_map(of_line).collect()
}

fn of_line(line: Line) -> impl Iterator<Item = Kind> {
    line.memories().iter().map(move |memory| Kind {
        name: format!("lab {} {}", line.series(), lab::memory_name(*memory)),
        line,
        memory: *memory,
    })
}

/// A test of `lab-guest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub name: String,
    pub need: Need,
}

/// What a test needs beyond what every guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    SecondDevice,
    BlockDevice,
    /// A boot of its own: it changes the kernel for good.
    OwnBoot,
}

/// Asks `lab-guest`, which was built before, for its tests.
pub(crate) fn list() -> Result<Vec<Test>> {
    let program = image::binaries().join("lab-guest");
    parse(&process::stdout(Command::new(program).arg("--list"))?)
}

fn parse(text: &str) -> Result<Vec<Test>> {
    text.lines()
        .map(|line| {
            let (name, need) = line
                .split_once('\t')
                .with_context(|| format!("lab-guest --list says {line:?}"))?;
            let need = match need {
                "" => Need::Nothing,
                "second-device" => Need::SecondDevice,
                "block-device" => Need::BlockDevice,
                "own-boot" => Need::OwnBoot,
                other => bail!("lab-guest --list: {name} needs `{other}`, which is not known"),
            };
            Ok(Test {
                name: name.to_owned(),
                need,
            })
        })
        .collect()
}

/// The tests of one kind of guest in a short run.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    pub kind: &'a Kind,
    pub tests: Vec<&'a Test>,
}

/// Gives each test to one of the kinds that can run it.
pub(crate) fn shares<'a>(tests: &'a [Test], kinds: &'a [Kind], seed: Seed) -> Vec<Share<'a>> {
    let mut shares: Vec<_> = kinds
        .iter()
        .map(|kind| Share {
            kind,
            tests: Vec::new(),
        })
        .collect();
    for test in tests {
        let weights: Vec<u32> = kinds.iter().map(|kind| kind.weight_for(test)).collect();
        if let Some(picked) = seed.pick(&test.name, &weights) {
            shares[picked].tests.push(test);
        }
    }
    shares.retain(|share| !share.tests.is_empty());
    shares
}

impl Kind {
    pub(crate) fn is_cxl(&self) -> bool {
        self.memory == Memory::Cxl
    }

    /// Returns a job that runs the tests whose name contains a filter; all without one.
    pub(crate) fn job(&self, filters: &[String]) -> Job<'static> {
        let command = std::iter::once("lab-guest".to_owned()).chain(filters.iter().cloned());
        self.boot(command.collect()).job(self.seconds())
    }

    /// Says whether such a guest can run a test beside others.
    pub(crate) fn can_run(&self, test: &Test) -> bool {
        match test.need {
            Need::Nothing => true,
            Need::SecondDevice => !self.is_cxl(),
            Need::BlockDevice => self.memory == Memory::Pmem,
            Need::OwnBoot => false,
        }
    }

    fn boot(&self, command: Vec<String>) -> Boot {
        let mut lab = vec![
            "--kernel",
            self.line.name(),
            "--memory",
            lab::memory_name(self.memory),
        ];
        lab.extend(if self.is_cxl() {
            // Its memory is ten times as slow.
            ["--timeout", "1800"]
        } else {
            ["--devices", "2"]
        });
        Boot::of_tests(self.name.clone(), &lab, command)
    }

    /// Returns about how many seconds all tests take, alone on a quiet machine of two cores.
    fn seconds(&self) -> u32 {
        if self.is_cxl() { 600 } else { 300 }
    }

    /// Returns how often a short run picks it for a test, beside the others.
    fn weight(&self) -> u32 {
        if self.is_cxl() { 1 } else { 3 }
    }

    fn weight_for(&self, test: &Test) -> u32 {
        if self.can_run(test) { self.weight() } else { 0 }
    }
}

impl Share<'_> {
    /// Returns a job that runs exactly these tests; `all` is how many the kind would run.
    pub(crate) fn job(&self, all: usize) -> Job<'static> {
        let command = ["lab-guest", "--exact"].map(str::to_owned).into_iter();
        let names = self.tests.iter().map(|test| test.name.clone());
        let boot = self.kind.boot(command.chain(names).collect());
        let part = self
            .tests
            .len()
            .saturating_mul(self.kind.seconds() as usize)
            / all.max(1);
        boot.job(u32::try_from(part).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests() -> Vec<Test> {
        let text: String = (0..200)
            .map(|n| match n % 20 {
                0 => format!("devices::t{n}\tsecond-device\n"),
                1 => format!("many::t{n}\tblock-device\n"),
                2 => format!("lockdown::t{n}\town-boot\n"),
                _ => format!("a::t{n}\t\n"),
            })
            .collect();
        parse(&text).unwrap()
    }

    fn kinds() -> Vec<Kind> {
        Line::ALL.into_iter().flat_map(of_line).collect()
    }

    #[test]
    fn a_short_run_takes_each_test_once_where_it_can_run() {
        let (tests, kinds) = (tests(), kinds());
        for seed in 0..50 {
            let shares = shares(&tests, &kinds, Seed(seed));
            let mut names: Vec<_> = shares
                .iter()
                .flat_map(|share| share.tests.iter().map(|test| test.name.as_str()))
                .collect();
            names.sort_unstable();
            let mut wanted: Vec<_> = tests
                .iter()
                .filter(|test| test.need != Need::OwnBoot)
                .map(|test| test.name.as_str())
                .collect();
            wanted.sort_unstable();
            assert_eq!(names, wanted);
            for share in &shares {
                for test in &share.tests {
                    assert!(share.kind.weight_for(test) > 0, "{share:?}");
                }
            }
        }
    }

    #[test]
    fn every_kind_sees_every_test_it_can_run_with_some_seed() {
        let (tests, kinds) = (tests(), kinds());
        for kind in &kinds {
            let mut left: Vec<_> = tests
                .iter()
                .filter(|test| kind.weight_for(test) > 0)
                .collect();
            for seed in 0..200 {
                let shares = shares(&tests, &kinds, Seed(seed));
                if let Some(share) = shares.iter().find(|share| share.kind.name == kind.name) {
                    left.retain(|test| !share.tests.contains(test));
                }
            }
            assert!(left.is_empty(), "{}: {left:?}", kind.name);
        }
    }

    #[test]
    fn a_list_that_is_not_understood_is_an_error() {
        for bad in ["faults::x", "faults::x\ta-miracle"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
