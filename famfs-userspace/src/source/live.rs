//! The running kernel as a source of snapshots.

use std::{
    collections::{HashMap, VecDeque},
    fmt, fs,
    path::Path,
    time::{Instant, SystemTime},
};

use famfs_common::{
    fault::{Order as Size, Outcome},
    hist,
};

use super::{Error, Source};
use crate::{
    model::{
        Access, Bucket, Cost, Event, EventKind, Failure, Fallback, FileKey, FileRow, Hist, Mount,
        Order, ProbeHealth, Snapshot,
    },
    mounts,
    probe::{self, Attached, Counts, Latencies, Names, Told, wall_time},
};

pub use probe::Options;

/// Events kept; older ones are forgotten.
const MOST_EVENTS: usize = 256;

/// The programs in the kernel, and what they have told so far.
pub struct Live {
    attached: Attached,
    names: Names,
    events: VecDeque<Event>,
    since: Instant,
    kernel: String,
    /// Skipped runs that an event has told of.
    told_skipped: u64,
}

impl Live {
    /// Puts the programs into the kernel; they count from now on.
    pub fn attach(options: Options) -> Result<Self, Error> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Self {
            attached: Attached::new(options)?,
            names: Names::default(),
            events: VecDeque::new(),
            since: Instant::now(),
            kernel: kernel.trim().to_owned(),
            told_skipped: 0,
        })
    }

    fn read_events(&mut self, mounts: &[Mount]) {
        let (now, now_ns) = (SystemTime::now(), probe::monotonic_ns());
        while let Some(told) = self.attached.events.next() {
            match told {
                Told::Name {
                    key,
                    path: Some(path),
                } => self.names.learn(key, path),
                Told::Rare {
                    time_ns,
                    file,
                    text,
                } => {
                    let path = file.and_then(|key| self.path(&key, mounts));
                    let text = path.map_or(text.clone(), |path| format!("{path}: {text}"));
                    self.remember(Event {
                        time: wall_time(time_ns, now, now_ns),
                        kind: EventKind::FaultFailed,
                        file,
                        process: None,
                        text,
                    });
                }
                Told::Name { path: None, .. } | Told::Unknown => {}
            }
        }
        for text in self.attached.events.log_lines() {
            self.remember(Event::new(now, EventKind::Instrument, text));
        }
    }

    /// Says why faults are unattributed, again at every doubling.
    fn explain_skipped(&mut self, skipped: u64) {
        if skipped <= self.told_skipped * 2 {
            return;
        }
        self.told_skipped = skipped;
        let text = format!(
            "the kernel skipped {skipped} runs of probes, because a task was preempted inside \
             one: as many faults are unattributed"
        );
        self.remember(Event::new(SystemTime::now(), EventKind::Instrument, text));
    }

    fn remember(&mut self, event: Event) {
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn path(&self, key: &FileKey, mounts: &[Mount]) -> Option<String> {
        let mount = mounts.iter().find(|mount| mount.dev == key.dev)?;
        self.names.path(key, &mount.mountpoint)
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
        self.attached.follow_module();
        let mounts = mounts::read();
        let totals = self.attached.drain.drain()?;
        let in_no_row = totals.outside_rows();
        let counts: HashMap<FileKey, Counts> = totals.files.clone();
        // After the drain: a name was sent before its file's first count.
        self.read_events(&mounts);
        for mount in &mounts {
            self.names
                .search(mount.dev, Path::new(&mount.mountpoint), counts.keys());
        }
        let beside = self.attached.drain.beside();
        let skipped: u64 = (self.attached.health.iter())
            .filter(|health| health.ends_a_fault())
            .map(probe::Health::misses)
            .sum();
        self.explain_skipped(skipped);
        let mut files: Vec<_> = counts
            .iter()
            .map(|(key, counts)| row(*key, self.path(key, &mounts), counts))
            .collect();
        files.sort_by_key(|file| file.key);
        let probes = (self.attached.health.iter())
            .map(|health| ProbeHealth {
                name: health.info.target.to_owned(),
                kind: health.info.attach.name().to_owned(),
                problem: health.problem.clone(),
                warning: None,
                hits: beside.hits[health.info.hook as usize],
                misses: health.misses(),
                run_ns: None,
            })
            .collect();
        Ok(Snapshot {
            time: SystemTime::now(),
            elapsed_ns: u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX),
            kernel: self.kernel.clone(),
            mounts,
            files,
            unattributed: in_no_row + beside.faults_without_room() + skipped,
            lost: beside.dropped,
            probes,
            events: self.events.iter().cloned().collect(),
            cost: Cost::default(),
        })
    }
}

fn row(key: FileKey, path: Option<String>, counts: &Counts) -> FileRow {
    let faults = (counts.mapped.iter())
        .map(|(&class, latencies)| (class_of(class), histogram(latencies)))
        .collect();
    let fallback = (counts.fallbacks.iter())
        .map(|(&outcome, &n)| (reason(outcome), n))
        .collect();
    let untimed = (counts.untimed.iter())
        .map(|(&class, &n)| (class_of(class), n))
        .collect();
    let errors = (counts.errors.iter())
        .filter_map(|(&outcome, &n)| Some((failure(outcome)?, n)))
        .collect();
    FileRow {
        path,
        faults,
        untimed,
        fallback,
        errors,
        retried: counts.other,
        ..FileRow::new(key)
    }
}

fn class_of((size, write): (Size, bool)) -> (Order, Access) {
    let order = match size {
        Size::Pte => Order::Pte,
        Size::Pmd => Order::Pmd,
    };
    (order, if write { Access::Write } else { Access::Read })
}

fn failure(outcome: Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Sigbus => Some(Failure::Sigbus),
        Outcome::Oom => Some(Failure::Oom),
        Outcome::HwPoison => Some(Failure::HwPoison),
        Outcome::Refused => Some(Failure::Refused),
        _ => None,
    }
}

fn histogram(latencies: &Latencies) -> Hist {
    let buckets = (latencies.buckets.iter())
        .filter_map(|(&i, &n)| {
            Some(Bucket {
                lower_ns: hist::lower(i)?,
                upper_ns: hist::upper(i)?,
                n,
            })
        })
        .collect();
    Hist {
        sum_ns: latencies.sum_ns,
        buckets,
    }
}

fn reason(outcome: Outcome) -> Fallback {
    match outcome {
        Outcome::FallbackColour => Fallback::Colour,
        Outcome::FallbackPrivateWrite => Fallback::PrivateWrite,
        Outcome::FallbackVmaBounds => Fallback::VmaBounds,
        Outcome::FallbackEof => Fallback::Eof,
        Outcome::FallbackExtent => Fallback::Extent,
        _ => Fallback::Other,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_row_keeps_every_count() {
        let latencies = Latencies {
            sum_ns: 40_000,
            buckets: BTreeMap::from([(72, 31), (80, 1)]),
        };
        let counts = Counts {
            mapped: BTreeMap::from([((Size::Pmd, true), latencies)]),
            fallbacks: BTreeMap::from([(Outcome::FallbackColour, 2), (Outcome::FallbackEof, 1)]),
            errors: BTreeMap::from([(Outcome::Sigbus, 3)]),
            untimed: BTreeMap::from([((Size::Pte, false), 5)]),
            ..Counts::default()
        };
        let key = FileKey {
            dev: (0, 25),
            ino: 7,
        };
        let row = row(key, Some("/mnt/f".to_owned()), &counts);
        let hist = &row.faults[&(Order::Pmd, Access::Write)];
        assert_eq!((hist.count(), hist.sum_ns), (32, 40_000));
        assert_eq!(
            hist.buckets[0],
            Bucket {
                lower_ns: 2048,
                upper_ns: 2303,
                n: 31
            }
        );
        assert_eq!(
            hist.buckets[1],
            Bucket {
                lower_ns: 4096,
                upper_ns: 4607,
                n: 1
            }
        );
        assert_eq!(
            row.fallback,
            BTreeMap::from([(Fallback::Colour, 2), (Fallback::Eof, 1)])
        );
        assert_eq!((row.failed(), row.faults.len()), (3, 1));
        assert_eq!(row.untimed[&(Order::Pte, Access::Read)], 5);
    }
}
