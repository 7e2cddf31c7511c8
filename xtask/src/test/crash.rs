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
use super::again::until_kept;
use super::choice::Seed;
use super::ledger::Ledger;
use super::pool;
use super::stage::{self, Setting, Stage};
use crate::lab::hosts::UUIDS;
use crate::lab::shared::Snapshot;

/// Points of a run that is asked for by itself, of one among all tests, and of a short run, which
/// goes one way: enough for one real kill.
pub(crate) const MANY: u32 = 500;
pub(crate) const FEW: u32 = 24;
pub(crate) const SHORT: u32 = 12;

/// The seconds that a point takes, roughly, and those that two guests take to boot.
const POINT_SECONDS: u32 = 2;
const BOOT_SECONDS: u32 = 20;

/// The same part of the points with each kernel as the master, and on fsdev; or on those whose
/// name contains a filter.
pub(crate) fn jobs(points: u32, seed: Seed, filters: &[String]) -> Result<Vec<pool::Job<'static>>> {
    let mut chosen = stage::directions();
    chosen.retain(|(setting, master)| {
        let direction = setting.direction(*master);
        filters.is_empty() || filters.iter().any(|f| direction.contains(f.as_str()))
    });
    // Without any kernel there are no hosts, which is a skip that was counted already.
    ensure!(
        !chosen.is_empty() || filters.is_empty(),
        "no hosts match {filters:?}; try `fsdev`"
    );
    split(&chosen, points, seed)
}

/// One direction only, which the seed picks.
pub(crate) fn short(points: u32, seed: Seed) -> Result<Vec<pool::Job<'static>>> {
    let all = stage::directions();
    let picked = seed.pick("crash", &vec![1; all.len()]);
    let picked = picked.and_then(|index| all.get(index..=index));
    split(picked.unwrap_or_default(), points, seed)
}

/// A job for each pair of hosts.
fn split(chosen: &[(Setting, usize)], points: u32, seed: Seed) -> Result<Vec<pool::Job<'static>>> {
    let count = u32::try_from(chosen.len())?;
    let mut jobs = Vec::new();
    for setting in stage::settings() {
        let of_this = (0..)
            .zip(chosen)
            .filter(|(_, (other, _))| *other == setting)
            .map(|(i, (_, master))| (*master, share(points, count, i)))
            .collect::<Vec<_>>();
        let points: u32 = of_this.iter().map(|(_, points)| points).sum();
        if points > 0 {
            jobs.push(pool::Job {
                name: format!("crash [{}]", setting.direction(of_this[0].0)),
                seconds: BOOT_SECONDS + POINT_SECONDS * points,
                run: Box::new(move |ledger| on(setting, &of_this, seed.0, ledger)),
            });
        }
    }
    Ok(jobs)
}

/// How many of `points` the `i`th of `count` gets.
fn share(points: u32, count: u32, i: u32) -> u32 {
    points / count + u32::from(i < points % count)
}

/// So many points with each of these masters.
fn on(setting: Setting, masters: &[(usize, u32)], seed: u64, ledger: &Ledger) -> Result<()> {
    let mut stage = Stage::apart(setting, &plan::sources())?;
    let mut directions = Vec::new();
    for (master, points) in masters {
        let start = Instant::now();
        let direction = setting.direction(*master);
        let seed = seed.wrapping_add(*master as u64);
        // All points of this direction: what the lost one would have left, nobody knows.
        let histogram = until_kept(
            &mut stage,
            |stage| one_way(stage, *master, *points, seed, &direction, ledger),
            Stage::is_lost,
            |stage| {
                ledger.again(&format!("crash [{direction}]: the emulator ended"));
                *stage = Stage::apart(setting, &plan::sources())?;
                Ok(())
            },
        )?;
        let seconds = start.elapsed().as_secs_f64();
        ledger.show(&format!(
            "crash [{direction}]: {points} points in {seconds:.1} s\n{}",
            histogram.table().trim_end()
        ));
        directions.push(direction);
    }
    let directions = directions.join(", ");
    ledger.verdict(&match stage.end() {
        Ok(()) => format!("PASS crash [{directions}]: both kernels are well"),
        Err(error) => format!("FAIL crash [{directions}]: {error:#}"),
    });
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
    ledger: &Ledger,
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
        let mut driver = Driver::new(maker, memory, seed, outcomes, ledger);
        driver.drive(points, direction, jobs)?;
        driver.passed.iter().for_each(|line| ledger.count(line));
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
