//! A made-up system that is the same in every run: to try the screen without a guest, and to
//! test what the views make of a snapshot.

use std::time::{Duration, SystemTime};

use famfs_common::hist;

use super::{Error, Extra, Source};
use crate::model::{Bucket, Cost, Hist, Snapshot};

mod hostile;
mod huge;
mod mixed;

/// 2026-01-01 00:00:00 UTC, when the made-up system attached.
const EPOCH: Duration = Duration::from_hours(490_896);
const MIB: u64 = 1 << 20;

/// What the made-up system shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Nothing is mounted.
    Empty,
    /// Two mounts; files mapped by 2 MiB, by 4 KiB and by both.
    Mixed,
    /// The same as `Mixed`, but a memory error disables the second mount at the fifth second.
    Poison,
    /// One mount with thousands of files.
    Huge,
    /// Names that steer terminals, very long and very wide ones, numbers at the end of their
    /// range, everything disabled and every probe in trouble.
    Hostile,
}

/// Each poll is `step` later than the one before, whatever the wall clock says.
#[derive(Debug)]
pub struct Synthetic {
    scene: Scene,
    step: Duration,
    elapsed: Duration,
    processes: bool,
    run_time: bool,
}

impl Synthetic {
    /// The first poll shows the instant of attach. Processes are counted and probes timed until
    /// that is switched off.
    pub fn new(scene: Scene, step: Duration) -> Self {
        Self {
            scene,
            step,
            elapsed: Duration::ZERO,
            processes: true,
            run_time: true,
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            time: SystemTime::UNIX_EPOCH + EPOCH + self.elapsed,
            elapsed_ns: nanos(self.elapsed),
            kernel: "6.12.0-synthetic".into(),
            mounts: Vec::new(),
            files: Vec::new(),
            unattributed: 0,
            lost: 0,
            probes: mixed::probes(Duration::ZERO),
            events: Vec::new(),
            cost: cost(self.elapsed),
        };
        match self.scene {
            Scene::Empty => {}
            Scene::Mixed => mixed::fill(&mut snapshot, self.elapsed, false),
            Scene::Poison => mixed::fill(&mut snapshot, self.elapsed, true),
            Scene::Huge => huge::fill(&mut snapshot, self.elapsed),
            Scene::Hostile => hostile::fill(&mut snapshot, self.elapsed),
        }
        if !self.processes {
            for file in &mut snapshot.files {
                file.processes.clear();
            }
        }
        if !self.run_time {
            for probe in &mut snapshot.probes {
                probe.run_ns = None;
            }
        }
        snapshot
    }
}

impl Source for Synthetic {
    fn poll(&mut self) -> Result<Snapshot, Error> {
        let snapshot = self.snapshot();
        self.elapsed += self.step;
        Ok(snapshot)
    }

    fn extra(&self, extra: Extra) -> Option<bool> {
        Some(match extra {
            Extra::Processes => self.processes,
            Extra::RunTime => self.run_time,
        })
    }

    fn is_fixed(&self) -> bool {
        false
    }

    fn switch(&mut self, extra: Extra, on: bool) -> Result<(), Error> {
        match extra {
            Extra::Processes => self.processes = on,
            Extra::RunTime => self.run_time = on,
        }
        Ok(())
    }
}

/// Four thousandths of a CPU.
fn cost(elapsed: Duration) -> Cost {
    Cost {
        cpu_ns: nanos(elapsed) / 250,
        rss_bytes: 21 * MIB,
        map_bytes: 8 * MIB,
        poll_ns: 180_000,
    }
}

/// `count` latencies around `ns`: nearly all there, one in 64 twice as long, one in 1024 eight
/// times.
fn spread(count: u64, ns: u64) -> Hist {
    let (slow, stuck) = (count / 64, count / 1024);
    let mut hist = Hist::default();
    for (n, times) in [(count - slow - stuck, 1), (slow, 2), (stuck, 8)] {
        if n > 0 {
            let ns = ns.saturating_mul(times);
            hist.add(bucket(ns, n));
            hist.sum_ns = hist.sum_ns.saturating_add(n.saturating_mul(ns));
        }
    }
    hist
}

/// `n` latencies in the bucket of `ns`, as the BPF programs choose it.
fn bucket(ns: u64, n: u64) -> Bucket {
    let bucket = hist::index(ns);
    Bucket {
        lower_ns: hist::lower(bucket).unwrap_or(0),
        upper_ns: hist::upper(bucket).unwrap_or(u64::MAX),
        n,
    }
}

/// How many events happened in `time` at `rate` per second.
fn millis_of(rate: u64, time: Duration) -> u64 {
    rate.saturating_mul(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)) / 1000
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MountState, delta};

    const SCENES: [Scene; 5] = [
        Scene::Empty,
        Scene::Mixed,
        Scene::Poison,
        Scene::Huge,
        Scene::Hostile,
    ];

    #[test]
    fn counts_never_go_backwards() {
        for scene in SCENES {
            let mut source = Synthetic::new(scene, Duration::from_millis(700));
            let mut before = source.poll().unwrap();
            for _ in 0..9 {
                let now = source.poll().unwrap();
                let backwards = delta(&now, &before);
                for file in &backwards.files {
                    assert_eq!(file.accounted(), 0, "{scene:?}: {file:?}");
                }
                before = now;
            }
        }
    }

    #[test]
    fn extras_can_be_switched() {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        source.poll().unwrap();
        for extra in Extra::ALL {
            assert_eq!(source.extra(extra), Some(true));
            source.switch(extra, false).unwrap();
            assert_eq!(source.extra(extra), Some(false));
        }
        let snapshot = source.poll().unwrap();
        assert!(snapshot.files.iter().all(|f| f.processes.is_empty()));
        assert!(snapshot.probes.iter().all(|p| p.run_ns.is_none()));
    }

    #[test]
    fn two_runs_are_the_same() {
        for scene in SCENES {
            let mut a = Synthetic::new(scene, Duration::from_secs(3));
            let mut b = Synthetic::new(scene, Duration::from_secs(3));
            for _ in 0..3 {
                assert_eq!(a.poll().unwrap(), b.poll().unwrap());
            }
        }
    }

    #[test]
    fn poison_disables_one_mount_at_the_fifth_second() {
        let mut source = Synthetic::new(Scene::Poison, Duration::from_secs(4));
        let states: Vec<_> = (0..3)
            .map(|_| source.poll().unwrap().mounts[1].state)
            .collect();
        assert_eq!(
            states,
            [MountState::Ok, MountState::Ok, MountState::Disabled]
        );
    }
}
