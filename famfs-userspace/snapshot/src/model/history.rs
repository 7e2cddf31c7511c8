//! The last intervals, kept small: what sparklines, heat maps and the recent view are made of.

use std::{collections::VecDeque, time::SystemTime};

use super::{FileKey, FileRow, ModuleFaults, Mount, ProbeHealth, Process, Snapshot};

mod pack;

/// How many intervals are kept at most.
pub const MOST_INTERVALS: usize = 600;
/// How much memory they may take, in bytes. The newest interval is kept whatever it takes.
const MOST_BYTES: usize = 8 << 20;

/// One interval. Files in which nothing happened are left out.
#[derive(Debug)]
struct Record {
    /// Counts up over all intervals of a history.
    number: u64,
    /// Everything but the files and the events.
    rest: Snapshot,
    /// Where each file's words begin in `words`, by key.
    files: Vec<(FileKey, usize)>,
    words: Vec<u64>,
    processes: Vec<(FileKey, Vec<Process>)>,
}

impl Record {
    fn bytes(&self) -> usize {
        let processes = self.processes.iter().map(|(_, p)| 64 + 64 * p.len());
        1024 + 32 * self.files.len() + 8 * self.words.len() + processes.sum::<usize>()
    }

    /// Adds what happened to the file in this interval.
    fn add_to(&self, file: &mut FileRow) {
        let Ok(place) = self.files.binary_search_by_key(&file.key, |(key, _)| *key) else {
            return;
        };
        let end = self
            .files
            .get(place + 1)
            .map_or(self.words.len(), |(_, at)| *at);
        pack::unpack(&self.words[self.files[place].1..end], file);
        if let Ok(place) = self
            .processes
            .binary_search_by_key(&file.key, |(key, _)| *key)
        {
            merge(&mut file.processes, &self.processes[place].1);
        }
    }
}

fn merge(all: &mut Vec<Process>, more: &[Process]) {
    for process in more {
        let same = |p: &&mut Process| (p.pid, &p.comm) == (process.pid, &process.comm);
        match all.iter_mut().find(same) {
            Some(known) => known.faults = known.faults.saturating_add(process.faults),
            None => all.push(process.clone()),
        }
    }
    all.sort_by_key(|p| (std::cmp::Reverse(p.faults), p.pid));
}

/// One interval of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Its end.
    pub time: SystemTime,
    /// The length of the interval in nanoseconds.
    pub elapsed_ns: u64,
    /// What happened; no state.
    pub file: FileRow,
}

/// The last intervals, the oldest first.
#[derive(Debug, Default)]
pub struct History {
    records: VecDeque<Record>,
    bytes: usize,
    /// The number of the newest interval; 0 before the first.
    newest: u64,
}

impl History {
    /// Remembers an interval, and forgets the oldest ones where there is no room.
    pub fn push(&mut self, interval: &Snapshot) {
        self.newest += 1;
        let record = record(self.newest, interval);
        self.bytes += record.bytes();
        self.records.push_back(record);
        while self.records.len() > MOST_INTERVALS
            || (self.bytes > MOST_BYTES && self.records.len() > 1)
        {
            let oldest = self.records.pop_front();
            self.bytes -= oldest.map_or(0, |record| record.bytes());
        }
    }

    /// Forgets all intervals.
    pub fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    /// The number of the newest interval. Numbers are never given twice.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The last `most` intervals up to the one of this number, as one. Names, layouts and states
    /// are those of `state`; without any interval nothing has happened.
    pub fn sum(&self, most: usize, until: u64, state: &Snapshot) -> Snapshot {
        let mut sum = nothing_since(state);
        for record in self.last(most, until) {
            sum.elapsed_ns = sum.elapsed_ns.saturating_add(record.rest.elapsed_ns);
            add_rest(&mut sum, &record.rest);
            for file in &mut sum.files {
                record.add_to(file);
            }
        }
        sum
    }

    /// The last `most` intervals of one file, the oldest first.
    pub fn of(&self, key: FileKey, most: usize, until: u64) -> Vec<Moment> {
        let moment = |record: &Record| {
            let mut file = FileRow::new(key);
            record.add_to(&mut file);
            Moment {
                time: record.rest.time,
                elapsed_ns: record.rest.elapsed_ns,
                file,
            }
        };
        self.last(most, until).map(moment).collect()
    }

    fn last(&self, most: usize, until: u64) -> impl Iterator<Item = &Record> {
        let end = self
            .records
            .partition_point(|record| record.number <= until);
        self.records.range(end.saturating_sub(most)..end)
    }
}

fn record(number: u64, interval: &Snapshot) -> Record {
    let mut sorted: Vec<&FileRow> = interval.files.iter().collect();
    sorted.sort_by_key(|file| file.key);
    let (mut files, mut words) = (Vec::new(), Vec::new());
    for file in &sorted {
        let at = words.len();
        pack::pack(file, &mut words);
        if words.len() > at {
            files.push((file.key, at));
        }
    }
    let processes = sorted.iter().filter(|file| !file.processes.is_empty());
    let processes = processes
        .map(|file| (file.key, file.processes.clone()))
        .collect();
    files.shrink_to_fit();
    words.shrink_to_fit();
    Record {
        number,
        rest: Snapshot {
            time: interval.time,
            kernel: String::new(),
            mounts: interval.mounts.clone(),
            files: Vec::new(),
            probes: interval.probes.clone(),
            events: Vec::new(),
            ..*interval
        },
        files,
        words,
        processes,
    }
}

/// `state` as an interval in which nothing happened.
fn nothing_since(state: &Snapshot) -> Snapshot {
    Snapshot {
        time: state.time,
        elapsed_ns: 0,
        kernel: state.kernel.clone(),
        mounts: state
            .mounts
            .iter()
            .map(|mount| Mount {
                totals: mount.totals.map(|_| ModuleFaults::default()),
                ..mount.clone()
            })
            .collect(),
        files: state
            .files
            .iter()
            .map(|file| FileRow {
                path: file.path.clone(),
                layout: file.layout.clone(),
                ..FileRow::new(file.key)
            })
            .collect(),
        unattributed: 0,
        lost: 0,
        probes: state
            .probes
            .iter()
            .map(|probe| ProbeHealth {
                hits: 0,
                misses: 0,
                run_ns: probe.run_ns.map(|_| 0),
                ..probe.clone()
            })
            .collect(),
        events: state.events.clone(),
        cost: super::Cost {
            cpu_ns: 0,
            ..state.cost
        },
    }
}

fn add_rest(sum: &mut Snapshot, interval: &Snapshot) {
    let plus = u64::saturating_add;
    sum.unattributed = plus(sum.unattributed, interval.unattributed);
    sum.lost = plus(sum.lost, interval.lost);
    sum.cost.cpu_ns = plus(sum.cost.cpu_ns, interval.cost.cpu_ns);
    for mount in &mut sum.mounts {
        let same = |m: &&Mount| (m.dev, &m.mountpoint) == (mount.dev, &mount.mountpoint);
        let then = interval.mounts.iter().find(same).and_then(|m| m.totals);
        if let (Some(sum), Some(then)) = (&mut mount.totals, then) {
            sum.pte = plus(sum.pte, then.pte);
            sum.pmd = plus(sum.pmd, then.pmd);
            sum.pud_try = plus(sum.pud_try, then.pud_try);
            sum.fallback = plus(sum.fallback, then.fallback);
            sum.refused = plus(sum.refused, then.refused);
        }
    }
    for probe in &mut sum.probes {
        if let Some(then) = interval.probes.iter().find(|p| p.name == probe.name) {
            probe.hits = plus(probe.hits, then.hits);
            probe.misses = plus(probe.misses, then.misses);
            probe.run_ns = probe.run_ns.map(|ns| plus(ns, then.run_ns.unwrap_or(0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        model::delta,
        source::{
            Source as _,
            synthetic::{Scene, Synthetic},
        },
    };

    fn observed(scene: Scene, polls: usize) -> (History, Vec<Snapshot>) {
        let mut source = Synthetic::new(scene, Duration::from_secs(1));
        let all: Vec<_> = (0..polls).map(|_| source.poll().unwrap()).collect();
        let mut history = History::default();
        for pair in all.windows(2) {
            history.push(&delta(&pair[0], &pair[1]));
        }
        (history, all)
    }

    #[test]
    fn intervals_summed_are_the_difference_of_their_ends() {
        for scene in [Scene::Mixed, Scene::Poison] {
            let (history, all) = observed(scene, 8);
            for most in [1, 3, 7] {
                let sum = history.sum(most, u64::MAX, &all[7]);
                assert_eq!(sum, delta(&all[7 - most], &all[7]), "{scene:?} {most}");
            }
            let until = history.sum(2, 4, &all[4]);
            assert_eq!(until, delta(&all[2], &all[4]));
        }
    }

    #[test]
    fn a_file_has_its_own_history() {
        let (history, all) = observed(Scene::Mixed, 5);
        let moments = history.of(all[0].files[0].key, 3, u64::MAX);
        let times: Vec<_> = moments.iter().map(|m| m.time).collect();
        assert_eq!(times, all[2..].iter().map(|s| s.time).collect::<Vec<_>>());
        assert!(moments.iter().all(|m| m.file.accounted() == 3232));
        let nobody = history.of(FileKey::OTHER, 9, u64::MAX);
        assert_eq!(nobody.len(), 4);
        assert!(nobody.iter().all(|m| m.file.accounted() == 0));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_interval_is_always_there() {
        let (_, all) = observed(Scene::Mixed, 2);
        let mut interval = delta(&all[0], &all[1]);
        let files = interval.files.clone();
        interval.files = (0..20_000)
            .map(|ino| FileRow {
                key: FileKey { dev: (0, 9), ino },
                ..files[0].clone()
            })
            .collect();
        let mut history = History::default();
        for _ in 0..20 {
            history.push(&interval);
            assert!(history.bytes <= MOST_BYTES || history.records.len() == 1);
        }
        assert!((1..20).contains(&history.records.len()));
        assert_eq!(history.newest(), 20);
        for _ in 0..2 * MOST_INTERVALS {
            history.push(&delta(&all[0], &all[1]));
        }
        assert_eq!(history.records.len(), MOST_INTERVALS);
        history.clear();
        assert_eq!((history.bytes, history.records.len()), (0, 0));
    }
}
