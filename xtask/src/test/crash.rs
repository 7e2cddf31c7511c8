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

use anyhow::Result;

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

/// A third of the points with each kernel as the master, and a third on fsdev.
pub(crate) fn run(points: u32, seed: u64, tally: &mut Tally) -> Result<()> {
    show(&format!("crash: {points} points, seed {seed:#x}"));
    let (third, rest) = (points / 3, points - points / 3 * 2);
    on(stage::MIXED, &[(0, rest), (1, third)], seed, tally)?;
    on(stage::FSDEV, &[(0, third)], seed, tally)
}

/// So many points with each of these masters.
fn on(setting: Setting, masters: &[(usize, u32)], seed: u64, tally: &mut Tally) -> Result<()> {
    let mut stage = Stage::apart(setting, &plan::sources())?;
    let mut directions = Vec::new();
    for (master, points) in masters {
        let start = Instant::now();
        let direction = stage.direction(*master);
        let seed = seed.wrapping_add(*master as u64);
        let histogram = one_way(&mut stage, *master, *points, seed, tally)?;
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
    tally: &mut Tally,
) -> Result<Histogram> {
    let direction = stage.direction(master);
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
        driver.drive(points, &direction, jobs)?;
        Ok(driver.histogram)
    })
}
