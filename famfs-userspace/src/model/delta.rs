//! What happened between two observations of the same source.

use std::collections::{BTreeMap, HashMap};

use super::{FileKey, FileRow, Hist, Snapshot};

/// The interval from `earlier` to `later` as a snapshot of its own: counts and histograms hold
/// only what is new, `elapsed_ns` is the interval's length, and everything that is a state
/// (paths, mounts, events) is `later`'s. A count that went backwards reads as zero.
pub fn delta(earlier: &Snapshot, later: &Snapshot) -> Snapshot {
    let before: HashMap<FileKey, &FileRow> = earlier.files.iter().map(|f| (f.key, f)).collect();
    let hits: HashMap<&str, u64> = earlier
        .probes
        .iter()
        .map(|p| (p.name.as_str(), p.hits))
        .collect();
    let mut probes = later.probes.clone();
    for probe in &mut probes {
        let old = hits.get(probe.name.as_str()).copied().unwrap_or(0);
        probe.hits = probe.hits.saturating_sub(old);
    }
    Snapshot {
        time: later.time,
        elapsed_ns: later.elapsed_ns.saturating_sub(earlier.elapsed_ns),
        kernel: later.kernel.clone(),
        mounts: later.mounts.clone(),
        files: later
            .files
            .iter()
            .map(|file| {
                before
                    .get(&file.key)
                    .map_or_else(|| file.clone(), |old| since(old, file))
            })
            .collect(),
        unattributed: later.unattributed.saturating_sub(earlier.unattributed),
        lost: later.lost.saturating_sub(earlier.lost),
        probes,
        events: later.events.clone(),
    }
}

fn since(old: &FileRow, new: &FileRow) -> FileRow {
    let none = Hist::default();
    FileRow {
        key: new.key,
        path: new.path.clone(),
        faults: new
            .faults
            .iter()
            .map(|(class, hist)| (*class, hist.since(old.faults.get(class).unwrap_or(&none))))
            .filter(|(_, hist)| !hist.buckets.is_empty())
            .collect(),
        fallback: new
            .fallback
            .iter()
            .map(|(why, n)| {
                (
                    *why,
                    n.saturating_sub(old.fallback.get(why).copied().unwrap_or(0)),
                )
            })
            .filter(|(_, n)| *n > 0)
            .collect::<BTreeMap<_, _>>(),
        errors: new.errors.saturating_sub(old.errors),
    }
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
    fn states_are_the_later_ones() {
        let [attach, _, disabled] = polls(3);
        let interval = delta(&attach, &disabled);
        assert_eq!(interval.mounts, disabled.mounts);
        assert_eq!(interval.events, disabled.events);
        assert_eq!(interval.files[3].errors, 4);
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
