//! What happened between two observations of the same source.

use std::collections::{BTreeMap, HashMap};

use super::{
    Cost, FileKey, FileRow, Hist, Io, Kinds, ModuleFaults, Mount, ProbeHealth, Process, Snapshot,
};

/// The interval from `earlier` to `later` as a snapshot of its own: counts and histograms hold
/// only what is new, `elapsed_ns` is the interval's length, and everything that is a state
/// (paths, mounts, events) is `later`'s. A count that went backwards reads as zero.
pub fn delta(earlier: &Snapshot, later: &Snapshot) -> Snapshot {
    let mut before = Finder::new(&earlier.files);
    Snapshot {
        time: later.time,
        elapsed_ns: later.elapsed_ns.saturating_sub(earlier.elapsed_ns),
        kernel: later.kernel.clone(),
        mounts: later
            .mounts
            .iter()
            .map(|mount| mount_since(&earlier.mounts, mount))
            .collect(),
        files: later
            .files
            .iter()
            .map(|file| file_delta(before.find(file.key), file))
            .collect(),
        unattributed: later.unattributed.saturating_sub(earlier.unattributed),
        lost: later.lost.saturating_sub(earlier.lost),
        probes: later
            .probes
            .iter()
            .map(|probe| probe_since(&earlier.probes, probe))
            .collect(),
        events: later.events.clone(),
        cost: Cost {
            cpu_ns: later.cost.cpu_ns.saturating_sub(earlier.cost.cpu_ns),
            ..later.cost
        },
    }
}

/// Finds rows that are asked for in nearly the order in which they stand.
struct Finder<'a> {
    rows: &'a [FileRow],
    next: usize,
    /// Where each is, worked out once one was not where it was expected.
    places: Option<HashMap<FileKey, usize>>,
}

impl<'a> Finder<'a> {
    fn new(rows: &'a [FileRow]) -> Self {
        Self {
            rows,
            next: 0,
            places: None,
        }
    }

    fn find(&mut self, key: FileKey) -> Option<&'a FileRow> {
        if self.rows.get(self.next).is_none_or(|row| row.key != key) {
            let rows = self.rows.iter().enumerate();
            let places = self
                .places
                .get_or_insert_with(|| rows.map(|(i, row)| (row.key, i)).collect());
            self.next = *places.get(&key)?;
        }
        let row = self.rows.get(self.next);
        self.next += 1;
        row
    }
}

fn mount_since(old: &[Mount], new: &Mount) -> Mount {
    let before = old
        .iter()
        .find(|m| (m.dev, &m.mountpoint) == (new.dev, &new.mountpoint))
        .and_then(|m| m.totals)
        .unwrap_or_default();
    Mount {
        totals: new.totals.map(|now| ModuleFaults {
            pte: now.pte.saturating_sub(before.pte),
            pmd: now.pmd.saturating_sub(before.pmd),
            pud_try: now.pud_try.saturating_sub(before.pud_try),
            fallback: now.fallback.saturating_sub(before.fallback),
            refused: now.refused.saturating_sub(before.refused),
        }),
        ..new.clone()
    }
}

fn probe_since(old: &[ProbeHealth], new: &ProbeHealth) -> ProbeHealth {
    // One function may have two: at its entry and at its return.
    let same = |p: &&ProbeHealth| (&p.name, &p.kind) == (&new.name, &new.kind);
    let Some(old) = old.iter().find(same) else {
        return new.clone();
    };
    ProbeHealth {
        hits: new.hits.saturating_sub(old.hits),
        misses: new.misses.saturating_sub(old.misses),
        run_ns: new
            .run_ns
            .map(|ns| ns.saturating_sub(old.run_ns.unwrap_or(0))),
        ..new.clone()
    }
}

/// What happened to one file since it was `old`; to a file that was not there, all of it.
pub fn file_delta(old: Option<&FileRow>, new: &FileRow) -> FileRow {
    old.map_or_else(|| new.clone(), |old| since(old, new))
}

fn since(old: &FileRow, new: &FileRow) -> FileRow {
    let none = Hist::default();
    let mut faults = Kinds::default();
    for (class, hist) in new.faults.iter() {
        let hist = hist.since(old.faults.get(&class).unwrap_or(&none));
        if !hist.buckets.is_empty() {
            faults.insert(class, hist);
        }
    }
    FileRow {
        key: new.key,
        path: new.path.clone(),
        faults,
        untimed: counts_since(&old.untimed, &new.untimed),
        fallback: counts_since(&old.fallback, &new.fallback),
        errors: counts_since(&old.errors, &new.errors),
        retried: new.retried.saturating_sub(old.retried),
        io: new
            .io
            .iter()
            .map(|(access, io)| (*access, io_since(old.io.get(access), io)))
            .filter(|(_, io)| *io != Io::default())
            .collect(),
        processes: processes_since(&old.processes, &new.processes),
        layout: new.layout.clone(),
    }
}

fn counts_since<K: Copy + Ord>(old: &BTreeMap<K, u64>, new: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    new.iter()
        .map(|(key, n)| (*key, n.saturating_sub(old.get(key).copied().unwrap_or(0))))
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn io_since(old: Option<&Io>, new: &Io) -> Io {
    let Some(old) = old else { return new.clone() };
    Io {
        latency: new.latency.since(&old.latency),
        untimed: new.untimed.saturating_sub(old.untimed),
        bytes: new.bytes.saturating_sub(old.bytes),
        errors: new.errors.saturating_sub(old.errors),
    }
}

/// The busiest of the interval first; a pid that another command has now is another process.
fn processes_since(old: &[Process], new: &[Process]) -> Vec<Process> {
    let before: HashMap<(u32, &str), u64> = old
        .iter()
        .map(|p| ((p.pid, p.comm.as_str()), p.faults))
        .collect();
    let mut since: Vec<Process> = new
        .iter()
        .map(|p| Process {
            faults: p
                .faults
                .saturating_sub(before.get(&(p.pid, p.comm.as_str())).copied().unwrap_or(0)),
            ..p.clone()
        })
        .filter(|p| p.faults > 0)
        .collect();
    since.sort_by_key(|p| (std::cmp::Reverse(p.faults), p.pid));
    since
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::{Access, Bucket, Order},
        source::{
            Source as _,
            synthetic::{Scene, Synthetic},
        },
    };

    fn polls(step_s: u64) -> [Snapshot; 3] {
        let mut source = Synthetic::new(Scene::Poison, Duration::from_secs(step_s));
        std::array::from_fn(|_| source.poll().unwrap())
    }

    #[test]
    fn an_interval_counts_only_what_is_new() {
        let [_, first, second] = polls(1);
        let interval = delta(&first, &second);
        assert_eq!(interval.elapsed_ns, 1_000_000_000);
        let pmd = &interval.files[0].faults[&(Order::Pmd, Access::Read)];
        assert_eq!(pmd.count(), 3200);
        assert_eq!(interval.files[0].faults.len(), 1);
        assert_eq!(interval.probes[0].hits, 41_362);
    }

    #[test]
    fn two_probes_of_one_function_are_told_apart() {
        let [attach, mut first, mut second] = polls(1);
        for (snapshot, hits) in [(&mut first, [7, 5]), (&mut second, [10, 6])] {
            let mut entry = attach.probes[0].clone();
            let mut exit = entry.clone();
            (entry.kind, exit.kind) = ("fentry".into(), "fexit".into());
            [entry.hits, exit.hits] = hits;
            snapshot.probes = vec![entry, exit];
        }
        let hits: Vec<u64> = (delta(&first, &second).probes.iter())
            .map(|probe| probe.hits)
            .collect();
        assert_eq!(hits, [3, 1]);
    }

    #[test]
    fn states_are_the_later_ones() {
        let [attach, _, disabled] = polls(3);
        let interval = delta(&attach, &disabled);
        assert_eq!(interval.mounts, disabled.mounts);
        assert_eq!(interval.events, disabled.events);
        assert_eq!(interval.files[3].failed(), 4);
    }

    #[test]
    fn a_file_seen_for_the_first_time_is_all_new() {
        let [attach, first, _] = polls(1);
        let empty = Snapshot {
            files: Vec::new(),
            ..attach
        };
        assert_eq!(delta(&empty, &first).files, first.files);
    }

    #[test]
    fn counts_that_went_backwards_read_as_zero() {
        let [_, first, second] = polls(1);
        let interval = delta(&second, &first);
        assert_eq!(interval.elapsed_ns, 0);
        assert!(
            interval
                .files
                .iter()
                .all(|f| f.faults.is_empty() && f.fallback.is_empty())
        );
    }

    fn hist() -> impl Strategy<Value = Hist> {
        let bucket = (0_u64..40, 1_u64..1_000_000);
        prop::collection::btree_map(bucket.0, bucket.1, 0..20).prop_map(|buckets| Hist {
            sum_ns: buckets.values().sum(),
            buckets: buckets
                .into_iter()
                .map(|(lower_ns, n)| Bucket {
                    lower_ns,
                    upper_ns: lower_ns,
                    n,
                })
                .collect(),
        })
    }

    proptest! {
        #[test]
        fn subtracting_undoes_merging(old in hist(), new in hist()) {
            let mut both = old.clone();
            both.merge(&new);
            prop_assert_eq!(both.since(&old), new);
        }
    }
}
