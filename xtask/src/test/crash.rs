//! The master stops at any instant, and the other host finds whole files or none: see
//! `docs/reference/crash.md`.

mod driver;
mod histogram;
mod judge;
mod place;
mod plan;

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};

use self::driver::Driver;
use self::histogram::Histogram;
use self::judge::{Left, judge};
use super::stage::{self, Setting, Stage};
use super::{report, show, tally::Tally};
use crate::lab::hosts::UUIDS;
use crate::lab::shared::Snapshot;

/// Points of a run that is asked for by itself, and of one among all tests.
pub(crate) const MANY: u32 = 500;
pub(crate) const FEW: u32 = 24;

/// The plan of every run that does not name another.
pub(crate) const SEED: u64 = 0xfa3f5;

/// The same part of the points with each kernel as the master, and on fsdev; or on those whose
/// name contains a filter.
pub(crate) fn run(points: u32, seed: u64, filters: &[String], tally: &mut Tally) -> Result<()> {
    let settings = stage::settings();
    let mut chosen = Vec::new();
    for setting in &settings {
        chosen.extend(setting.masters().iter().map(|master| (*setting, *master)));
    }
    chosen.retain(|(setting, master)| {
        let direction = setting.direction(*master);
        filters.is_empty() || filters.iter().any(|f| direction.contains(f.as_str()))
    });
    let count = u32::try_from(chosen.len())?;
    ensure!(count > 0, "no hosts match {filters:?}; try `fsdev`");
    show(&format!("crash: {points} points, seed {seed:#x}"));
    for setting in settings {
        let of_this = (0..)
            .zip(&chosen)
            .filter(|(_, (other, _))| *other == setting)
            .map(|(i, (_, master))| (*master, share(points, count, i)))
            .collect::<Vec<_>>();
        if !of_this.is_empty() {
            on(setting, &of_this, seed, tally)?;
        }
    }
    Ok(())
}

/// How many of `points` the `i`th of `count` gets.
fn share(points: u32, count: u32, i: u32) -> u32 {
    points / count + u32::from(i < points % count)
}

/// So many points with each of these masters.
fn on(setting: Setting, masters: &[(usize, u32)], seed: u64, tally: &mut Tally) -> Result<()> {
    let mut stage = Stage::apart(setting, &plan::sources())?;
    let mut directions = Vec::new();
    for (master, points) in masters {
        let start = Instant::now();
        let direction = setting.direction(*master);
        let seed = seed.wrapping_add(*master as u64);
        let histogram = one_way(&mut stage, *master, *points, seed, &direction, tally)?;
        let seconds = start.elapsed().as_secs_f64();
        show(&format!(
            "crash [{direction}]: {points} points in {seconds:.1} s\n{}",
            histogram.table().trim_end()
        ));
        directions.push(direction);
    }
    let directions = directions.join(", ");
    report(
        tally,
        &match stage.end() {
            Ok(()) => format!("PASS crash [{directions}]: both kernels are well"),
            Err(error) => format!("FAIL crash [{directions}]: {error:#}"),
        },
    );
    Ok(())
}

/// What the judge gets.
struct Job {
    name: String,
    stopped: Snapshot,
    left: Left,
}

/// A point that was judged; without a verdict the judge's host is broken.
type Judged = (Job, Result<Result<()>>);

fn one_way(
    stage: &mut Stage,
    master: usize,
    points: u32,
    seed: u64,
    direction: &str,
    tally: &mut Tally,
) -> Result<Histogram> {
    let [first, second] = stage.hosts.as_mut_slice() else {
        anyhow::bail!("a stage has two hosts");
    };
    let (maker, looker) = if master == 0 {
        (first, second)
    } else {
        (second, first)
    };
    let memory = &stage.memories[master];
    let judged = &stage.memories[1 - master];
    // The judge of the other direction used it.
    memory.clear(0)?;
    let (jobs, inbox) = mpsc::sync_channel::<Job>(1);
    let (verdicts, outcomes) = mpsc::channel::<Judged>();
    thread::scope(|scope| {
        // The guests were started by this thread, and end with it.
        scope.spawn(move || {
            for job in inbox {
                let verdict = judge(looker, judged, &job.stopped, &job.left, UUIDS[master]);
                if verdicts.send((job, verdict)).is_err() {
                    return;
                }
            }
        });
        let mut driver = Driver::new(maker, memory, seed, outcomes, tally);
        driver.drive(points, direction, jobs)?;
        Ok(driver.histogram)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_point_is_lost() {
        for points in [2, 24, 500, 1501] {
            let shares = (0..3).map(|i| share(points, 3, i));
            assert_eq!(shares.sum::<u32>(), points);
        }
        assert_eq!([0, 1, 2].map(|i| share(500, 3, i)), [167, 167, 166]);
    }
}
