//! The running kernel as a source of snapshots.

mod cost;
mod layout;
mod naming;
pub mod rehearsed;
mod row;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt, fs,
    time::{Instant, SystemTime},
};

use famfs_common::probe::HOOKS;

use crate::probe::{self, Attached, Happening, Told, wall_time};
use famfs_machine::mounts;
use famfs_snapshot::model::{
    Event, EventKind, FileKey, FileRow, ModuleFaults, Mount, ProbeHealth, Snapshot,
};
use famfs_snapshot::source::{Error, Extra, Source};

use naming::Naming;
pub use probe::Options;

/// Events kept; older ones are forgotten.
const MOST_EVENTS: usize = 256;

/// The programs in the kernel, and what they have told so far.
pub struct Live {
    attached: Attached,
    options: Options,
    naming: Naming,
    events: VecDeque<Event>,
    since: Instant,
    kernel: String,
    /// What the famfs module had counted when the programs were attached, by mount.
    before: BTreeMap<(u32, u32), ModuleFaults>,
    /// Skipped runs that an event has told of, and counts without a file.
    told_skipped: u64,
    told_overflow: u64,
}

/// What one look at the kernel's counters gave.
struct Counted {
    rows: Vec<FileRow>,
    hits: [u64; HOOKS],
    dropped: u64,
    outside_rows: u64,
    overflowed: u64,
    repaired: u64,
}

impl Live {
    /// Puts the programs into the kernel; they count from now on.
    pub fn attach(options: Options) -> Result<Self, Error> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let attached = Attached::new(options)?;
        let totals = |mount: Mount| Some((mount.dev, mount.totals?));
        Ok(Self {
            attached,
            options,
            naming: Naming::default(),
            events: VecDeque::new(),
            since: Instant::now(),
            kernel: kernel.trim().to_owned(),
            before: mounts::read().into_iter().filter_map(totals).collect(),
            told_skipped: 0,
            told_overflow: 0,
        })
    }

    fn count(&mut self) -> Result<Counted, Error> {
        let counted = self.attached.drain.drain(|totals, beside| {
            let mut hits = beside.hits;
            for (hook, runs) in totals.runs() {
                hits[hook as usize] = runs;
            }
            let rows = totals.files().map(|(key, counts)| row::row(key, counts));
            Counted {
                rows: rows.collect(),
                hits,
                dropped: beside.dropped,
                outside_rows: totals.outside_rows(),
                overflowed: totals.overflowed(),
                repaired: totals.repaired(),
            }
        })?;
        Ok(counted)
    }

    /// Everything in the ring buffers: names are learnt, the rest is returned.
    fn read_events(&mut self) -> Vec<Happening> {
        let mut happened = Vec::new();
        while let Some(told) = self.attached.events.next() {
            match told {
                Told::Name {
                    key,
                    path: Some(path),
                } => self.naming.names.learn(key, path),
                Told::Rare(happening) => happened.push(happening),
                Told::Name { path: None, .. } | Told::Unknown => {}
            }
        }
        happened
    }

    /// Says what happened, in the words of mount points and paths.
    fn tell(&mut self, happened: Vec<Happening>, mounts: &[Mount]) {
        let (now, now_ns) = (SystemTime::now(), probe::monotonic_ns());
        for happening in happened {
            let (pid, comm) = happening.process;
            let mount = happening.mount.or(happening.file.map(|file| file.dev));
            let mount = mounts.iter().find(|found| Some(found.dev) == mount);
            let about = match (happening.file, happening.mount) {
                (Some(file), _) => self.naming.path(&file, mounts),
                (None, Some(_)) => mount.map(|mount| mount.mountpoint.as_str().into()),
                (None, None) => None,
            };
            let about = about.map_or_else(String::new, |about| format!("{about}: "));
            self.remember(Event {
                time: wall_time(happening.time_ns, now, now_ns),
                kind: happening.kind,
                file: happening.file,
                text: format!("{about}{comm}[{pid}]: {}", happening.text),
                process: Some((pid, comm)),
            });
        }
        for text in self.attached.events.log_lines() {
            self.remember(Event::new(now, EventKind::Instrument, text));
        }
    }

    /// Says why detail is missing, again at every doubling.
    fn explain(&mut self, skipped: u64, overflowed: u64) {
        if skipped > self.told_skipped.saturating_mul(2) {
            self.told_skipped = skipped;
            let text = format!(
                "the kernel skipped {skipped} runs of probes, because a task was preempted \
                 inside one: as many faults are unattributed"
            );
            self.remember(Event::new(SystemTime::now(), EventKind::Instrument, text));
        }
        if overflowed > self.told_overflow.saturating_mul(2) {
            self.told_overflow = overflowed;
            let text = format!(
                "the kernel's table was full: {overflowed} counts are in the row of all other \
                 files, without latency"
            );
            self.remember(Event::new(SystemTime::now(), EventKind::Instrument, text));
        }
    }

    fn remember(&mut self, event: Event) {
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The famfs mounts, and with `all_dax` those of every file in `rows`.
    fn mounts(&self, rows: &[FileRow]) -> Vec<Mount> {
        let mut mounts = mounts::read();
        if self.options.all_dax {
            let devs: BTreeSet<_> = rows.iter().map(|row| row.key.dev).collect();
            mounts.extend(mounts::others(&devs));
        }
        mounts
    }

    fn probes(&self, hits: &[u64; HOOKS], mounts: &[Mount]) -> Vec<ProbeHealth> {
        let module_faults: u64 = mounts
            .iter()
            .filter_map(|mount| {
                let (now, before) = (mount.totals?, self.before.get(&mount.dev));
                // A mount made since has counted from zero, perhaps under an old number.
                let before = before.copied().unwrap_or_default();
                let count = |faults: &ModuleFaults| {
                    let all = [faults.pte, faults.pmd, faults.fallback];
                    all.into_iter().fold(0, u64::saturating_add)
                };
                Some(count(&now).saturating_sub(count(&before)))
            })
            .fold(0, u64::saturating_add);
        let warnings = probe::silent(hits, module_faults);
        (self.attached.health.iter().zip(warnings))
            .map(|(health, warning)| ProbeHealth {
                name: health.info.name().to_owned(),
                kind: health.kind().to_owned(),
                problem: health.problem.clone(),
                warning: warning.filter(|_| health.problem.is_none()),
                hits: hits[health.info.hook as usize],
                misses: health.misses(),
                run_ns: health.run_ns().filter(|_| self.options.run_stats),
            })
            .collect()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("kernel", &self.kernel)
            .finish_non_exhaustive()
    }
}

impl Source for Live {
    fn poll(&mut self) -> Result<Snapshot, Error> {
        let begun = Instant::now();
        self.attached.follow_module();
        let mut counted = self.count()?;
        // After the drain: a name was sent before its file's first count.
        let happened = self.read_events();
        let mounts = self.mounts(&counted.rows);
        let told: Vec<FileKey> = happened.iter().filter_map(|told| told.file).collect();
        self.naming.check(&mounts);
        self.naming.name(&mut counted.rows, &told, &mounts);
        self.tell(happened, &mounts);
        // After the drain too: what was repaired is among the skipped.
        let skipped: u64 = (self.attached.health.iter())
            .filter(|health| health.ends_a_fault())
            .map(probe::Health::misses)
            .fold(0, u64::saturating_add);
        let skipped = skipped.saturating_sub(counted.repaired);
        self.explain(skipped, counted.overflowed);
        let mut files = counted.rows;
        if let Some(processes) = &self.attached.processes {
            let mut by_file = processes.read();
            for file in &mut files {
                file.processes = by_file.remove(&file.key).unwrap_or_default();
            }
        }
        let probes = self.probes(&counted.hits, &mounts);
        let mut cost = cost::now(self.attached.map_bytes);
        cost.poll_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(Snapshot {
            time: SystemTime::now(),
            elapsed_ns: u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX),
            kernel: self.kernel.clone(),
            mounts,
            files,
            unattributed: counted.outside_rows.saturating_add(skipped),
            lost: counted.dropped,
            probes,
            events: self.events.iter().cloned().collect(),
            cost,
        })
    }

    fn extra(&self, extra: Extra) -> Option<bool> {
        Some(match extra {
            Extra::Processes => self.options.processes,
            Extra::RunTime => self.options.run_stats,
        })
    }

    /// The programs are verified with what they count, and no privilege is left to load others.
    fn switch(&mut self, extra: Extra, on: bool) -> Result<(), Error> {
        let (state, with) = if on {
            ("on", "with")
        } else {
            ("off", "without")
        };
        Err(Error::Failed {
            action: format!("turn {state} {}", extra.name()),
            why: format!(
                "famfs-top gave up its privileges once it had attached; quit, and start it \
                 {with} {}",
                extra.option()
            ),
        })
    }
}

impl From<probe::Error> for Error {
    fn from(error: probe::Error) -> Self {
        let why = error.to_string();
        match error {
            probe::Error::NoObject => Self::NoPrograms,
            error if error.is_unsupported() => Self::Unsupported { why },
            _ => Self::Failed {
                action: "watch DAX faults".to_owned(),
                why,
            },
        }
    }
}
