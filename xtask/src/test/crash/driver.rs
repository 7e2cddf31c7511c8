//! Makes the master work, stops it, and says what must be left.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::histogram::Histogram;
use super::judge::Left;
use super::place::{Place, first_stored_at, place};
use super::plan::{self, Command, Kind, Plan};
use super::{Job, Judged};
use crate::lab::host::{Host, Said};
use crate::lab::shared::{Shared, Snapshot};
use crate::paths;
use crate::test::ledger::Ledger;
use crate::test::look::{MOUNT, Names};
use crate::test::stage::{NEXT_INDEX_AT, clean, mount, sees, slot_crc_at};

/// What a command takes, until the first of its kind was seen.
const UNKNOWN: Duration = Duration::from_millis(100);

/// How many more points may come after the acknowledgement, where they do not count.
const LATE: u32 = 3;

/// Whoever makes the master work, and stops it.
pub(super) struct Driver<'d> {
    host: &'d mut Host,
    memory: &'d Shared,
    plan: Plan,
    /// What is on the master's file system, which is mounted; none at first.
    names: Option<Names>,
    /// What a command takes.
    usual: BTreeMap<Kind, Duration>,
    /// And from its first store on.
    usual_rest: BTreeMap<Kind, Duration>,
    pub(super) histogram: Histogram,
    outcomes: Receiver<Judged>,
    /// Verdicts to count at the end: after an emulator died, all points are tried again.
    pub(super) passed: Vec<String>,
    ledger: &'d Ledger,
}

/// The master stood.
struct Stop {
    stopped: Snapshot,
    place: Result<Place>,
    killed: bool,
    /// What the command came to, where the host knew that before.
    said: Option<Said>,
    /// The time from the command's start to the stop.
    ran: Duration,
    /// And to its first store, where that was waited for.
    stored: Option<Duration>,
}

#[derive(Default)]
struct Waited {
    said: Option<Said>,
    stored: Option<Duration>,
}

/// Numbers the memories that are kept, also of runs side by side.
static IMAGES: AtomicU32 = AtomicU32::new(0);

impl<'d> Driver<'d> {
    pub(super) fn new(
        host: &'d mut Host,
        memory: &'d Shared,
        seed: u64,
        outcomes: Receiver<Judged>,
        ledger: &'d Ledger,
    ) -> Self {
        Self {
            host,
            memory,
            plan: Plan::new(seed),
            names: None,
            usual: BTreeMap::new(),
            usual_rest: BTreeMap::new(),
            histogram: Histogram::default(),
            outcomes,
            passed: Vec::new(),
            ledger,
        }
    }

    /// Stops the master at so many instants before the acknowledgement.
    pub(super) fn drive(
        &mut self,
        points: u32,
        direction: &str,
        jobs: SyncSender<Job>,
    ) -> Result<()> {
        let kills = kills(points);
        let (mut hits, mut late) = (0, 0);
        while hits < points && late <= points * LATE {
            let (command, instant) = self.plan.next();
            if command.kind == Kind::Mkfs && self.names.is_some() {
                self.host.must(&format!("cd /; famfs umount {MOUNT}"))?;
            }
            let before = self.memory.snapshot()?;
            let kill = kills.contains(&hits);
            let stop = self.stop(&command, instant, &before, kill)?;
            let place = match &stop.place {
                Ok(place) => place.to_string(),
                Err(_) => "nowhere".to_owned(),
            };
            let how = if stop.killed { ", killed" } else { "" };
            let name = format!(
                "crash::{} {hits} [{direction}] ({place}{how})",
                command.kind
            );
            let left = match &stop.place {
                Ok(place) => {
                    self.histogram.add(command.kind, *place);
                    if *place == Place::Told {
                        late += 1;
                    } else {
                        hits += 1;
                    }
                    let left = self.left(&command, *place);
                    let job = Job {
                        name: name.clone(),
                        stopped: stop.stopped,
                        left: left.clone(),
                    };
                    if jobs.send(job).is_err() {
                        self.settle()?;
                        anyhow::bail!("the judge is gone");
                    }
                    Some(left)
                }
                Err(error) => {
                    hits += 1;
                    self.fail(&name, &stop.stopped, &format!("{error:#}"))?;
                    None
                }
            };
            let went_on = if stop.killed {
                self.come_back(&command, left)
            } else {
                self.finish(&command, stop.said, stop.ran, stop.stored)
            };
            if let Err(error) = went_on {
                if self.host.is_lost()? {
                    return Err(error);
                }
                let now = self.memory.snapshot()?;
                self.fail(&format!("{name}, going on"), &now, &format!("{error:#}"))?;
                self.start_over()?;
            }
            while let Ok(outcome) = self.outcomes.try_recv() {
                self.hear(outcome)?;
            }
        }
        drop(jobs);
        self.settle()?;
        ensure!(
            hits == points,
            "only {hits} of {points} points came before the acknowledgement"
        );
        self.host
            .must(&format!("cd /; famfs umount {MOUNT}"))
            .map(drop)
    }

    /// Starts the command and stops the master at the instant.
    fn stop(
        &mut self,
        command: &Command,
        instant: plan::Instant,
        before: &Snapshot,
        kill: bool,
    ) -> Result<Stop> {
        self.host.start(&command.script)?;
        let start = Instant::now();
        let Waited { mut said, stored } =
            self.await_instant(command.kind, instant, before, start)?;
        if said.is_none() {
            said = self.host.done()?;
        }
        let ran = start.elapsed();
        let killed = kill && said.is_none();
        if killed {
            self.host.kill()?;
        } else {
            self.host.freeze()?;
        }
        let stopped = self.memory.snapshot()?;
        if !killed {
            self.host.thaw()?;
        }
        let place = place(before, &stopped, command, said.is_some());
        Ok(Stop {
            stopped,
            place,
            killed,
            said,
            ran,
            stored,
        })
    }

    /// Waits; less, where the command has ended.
    fn await_instant(
        &mut self,
        kind: Kind,
        instant: plan::Instant,
        before: &Snapshot,
        start: Instant,
    ) -> Result<Waited> {
        let mut waited = Waited::default();
        match instant {
            plan::Instant::Part(part) => {
                thread::sleep(part_of(self.usual.get(&kind), part).saturating_sub(start.elapsed()));
            }
            plan::Instant::Stored(part) => {
                waited.said = self.await_store(first_stored_at(kind, before), before)?;
                waited.stored = Some(start.elapsed());
                if waited.said.is_none() {
                    thread::sleep(part_of(self.usual_rest.get(&kind), part));
                }
            }
            plan::Instant::Entry(linger) => {
                let slot = slot_crc_at(before.field(NEXT_INDEX_AT));
                waited.said = self.await_store(slot, before)?;
                let seen = Instant::now();
                while seen.elapsed() < linger {
                    std::hint::spin_loop();
                }
            }
        }
        Ok(waited)
    }

    /// Waits until the field has changed.
    fn await_store(&mut self, at: u64, before: &Snapshot) -> Result<Option<Said>> {
        let was = before.field(at);
        let mut looks = 0_u32;
        while self.memory.field(at)? == was {
            looks += 1;
            if looks.is_multiple_of(256)
                && let Some(said) = self.host.done()?
            {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    /// What must be there after a stop at this place.
    fn left(&self, command: &Command, place: Place) -> Left {
        let old = self.names.clone();
        match (command.kind, place) {
            (Kind::Mkfs, Place::Within) => Left::None,
            (Kind::Mkfs, place) if place.is_done() => Left::Names(Names::default()),
            (_, place) if place.is_done() => {
                Left::Names(old.unwrap_or_default().with(&command.adds))
            }
            _ => old.map_or(Left::None, Left::Names),
        }
    }

    /// Lets a command that was stopped, and goes on, come to its end.
    fn finish(
        &mut self,
        command: &Command,
        said: Option<Said>,
        ran: Duration,
        stored: Option<Duration>,
    ) -> Result<()> {
        let goes_on = Instant::now();
        let told = said.is_some();
        let said = match said {
            Some(said) => said,
            None => self.host.wait()?,
        };
        ensure!(
            said.status == 0,
            "`{}` ended with {} after it was stopped:\n{}{}",
            command.script,
            said.status,
            said.out,
            said.err
        );
        if !told {
            let took = ran + goes_on.elapsed();
            learn(&mut self.usual, command.kind, took);
            if let Some(stored) = stored {
                learn(
                    &mut self.usual_rest,
                    command.kind,
                    took.saturating_sub(stored),
                );
            }
        }
        self.done(command)
    }

    fn done(&mut self, command: &Command) -> Result<()> {
        if command.kind == Kind::Mkfs {
            self.host.must(&mount())?;
        }
        let names = match (command.kind, self.names.take()) {
            (Kind::Mkfs, _) | (_, None) => Names::default(),
            (_, Some(names)) => names,
        };
        self.names = Some(names.with(&command.adds));
        Ok(())
    }

    /// Whatever is there, an empty file system is next.
    fn start_over(&mut self) -> Result<()> {
        self.host.must(&format!(
            "cd /; ! grep -q famfs /proc/mounts || famfs umount {MOUNT}; \
             famfs mkfs -f $FAMFS_DEV && {}",
            mount()
        ))?;
        self.names = Some(Names::default());
        Ok(())
    }

    /// Boots a master that was killed, which goes on where it stood.
    fn come_back(&mut self, command: &Command, left: Option<Left>) -> Result<()> {
        self.host.healthy()?;
        Host::boot([&mut *self.host])?;
        if command.kind == Kind::Mkfs {
            self.host.must(&command.script)?;
            return self.done(command);
        }
        let Some(Left::Names(left)) = left else {
            // The point has failed already.
            return self.start_over();
        };
        self.host.must(&mount())?;
        sees(self.host, &left)?;
        if self.names.as_ref() == Some(&left) {
            self.host.must(&format!("cd /; {}", command.script))?;
        }
        self.done(command)?;
        if let Some(names) = self.names.clone() {
            sees(self.host, &names)?;
        }
        clean(self.host)
    }

    /// Counts what was judged.
    fn hear(&mut self, (job, verdict): Judged) -> Result<()> {
        match verdict.with_context(|| format!("{} could not be judged", job.name))? {
            Ok(()) => {
                let line = format!("PASS {}", job.name);
                self.ledger.show(&line);
                self.passed.push(line);
                Ok(())
            }
            Err(error) => self.fail(&job.name, &job.stopped, &format!("{error:#}")),
        }
    }

    /// Counts a failure and keeps its memory.
    fn fail(&mut self, name: &str, stopped: &Snapshot, why: &str) -> Result<()> {
        let folder = paths::target("lab/crash");
        fs::create_dir_all(&folder).context("cannot create target/lab/crash")?;
        let number = IMAGES.fetch_add(1, Ordering::Relaxed);
        let image = folder.join(format!("{}-{number}.img", std::process::id()));
        stopped
            .save(&image, self.memory.size())
            .with_context(|| format!("cannot write {}", image.display()))?;
        let image = image.display();
        self.ledger
            .verdict(&format!("FAIL {name}: {why}\n    its memory is in {image}"));
        Ok(())
    }

    /// Waits for the last verdicts.
    fn settle(&mut self) -> Result<()> {
        loop {
            match self.outcomes.recv() {
                Ok(outcome) => self.hear(outcome)?,
                Err(_) => return Ok(()),
            }
        }
    }
}

/// The mean of late.
fn learn(usual: &mut BTreeMap<Kind, Duration>, kind: Kind, took: Duration) {
    usual
        .entry(kind)
        .and_modify(|usual| *usual = (*usual * 3 + took) / 4)
        .or_insert(took);
}

fn part_of(usual: Option<&Duration>, thousandths: u64) -> Duration {
    let usual = usual.copied().unwrap_or(UNKNOWN);
    usual * u32::try_from(thousandths).unwrap_or(1000) / 1000
}

/// Which points are kills of the whole guest, which has to boot again.
fn kills(points: u32) -> Vec<u32> {
    let kills = if points >= 100 { 8 } else { points / 12 };
    (0..kills)
        .map(|kill| (2 * kill + 1) * points / (2 * kills))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_spread_over_the_points() {
        assert_eq!(kills(11), Vec::<u32>::new());
        assert_eq!(kills(12), [6]);
        assert_eq!(kills(250), [15, 46, 78, 109, 140, 171, 203, 234]);
    }
}
