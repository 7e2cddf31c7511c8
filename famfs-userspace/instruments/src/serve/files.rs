//! The busiest files as series that only grow, and all others as one.

use std::collections::HashMap;

use famfs_snapshot::model::{FileKey, FileRow, Order, Snapshot, delta, nameless};

/// No more files than this have series of their own.
pub const FILES_MAX: usize = 100;

/// How a file's faults of one order add up while it has series of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) faults: u64,
    pub(super) ns: u64,
}

impl Sums {
    /// Counts stop at their greatest value: a recording or a kernel may hold any number.
    fn add(&mut self, other: Self) {
        self.faults = self.faults.saturating_add(other.faults);
        self.ns = self.ns.saturating_add(other.ns);
    }
}

/// The sums by order: 4 KiB, 2 MiB.
type ByOrder = [Sums; 2];

/// Keeps the busiest files apart. A file that becomes one of them counts from there on, and one
/// that ceases to be leaves; what it counts while it is none is in `other`. So each series only
/// grows, and together they grow by what happened.
#[derive(Clone, Debug)]
pub struct TopFiles {
    most: usize,
    busiest: HashMap<FileKey, ByOrder>,
    other: ByOrder,
    last: Option<Snapshot>,
}

impl TopFiles {
    /// Keeps `most` files apart, at most [`FILES_MAX`]; none at all where that is 0.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.min(FILES_MAX),
            busiest: HashMap::new(),
            other: ByOrder::default(),
            last: None,
        }
    }

    /// Takes what is new in `now`.
    pub fn observe(&mut self, now: &Snapshot) {
        if self.most == 0 {
            return;
        }
        let mut ranked: Vec<&FileRow> = (now.files.iter())
            .filter(|file| file.key != FileKey::OTHER && file.path.is_some())
            .collect();
        ranked.sort_by_cached_key(|file| {
            let [pte, pmd] = sums(file);
            (
                std::cmp::Reverse(pte.faults.saturating_add(pmd.faults)),
                file.key,
            )
        });
        ranked.truncate(self.most);
        let before = std::mem::take(&mut self.busiest);
        for file in ranked {
            let sums = before.get(&file.key).copied().unwrap_or_default();
            self.busiest.insert(file.key, sums);
        }
        let new = match &self.last {
            Some(last) => delta(last, now),
            None => now.clone(),
        };
        for file in &new.files {
            let into = self.busiest.get_mut(&file.key).unwrap_or(&mut self.other);
            for (into, by) in into.iter_mut().zip(sums(file)) {
                into.add(by);
            }
        }
        self.last = Some(now.clone());
    }

    /// A path and its sums, ordered by path, `other` last; nothing where none were asked for.
    pub(super) fn series(&self) -> Vec<(String, ByOrder)> {
        if self.most == 0 {
            return Vec::new();
        }
        let files = self.last.iter().flat_map(|last| &last.files);
        let mut series: Vec<(String, ByOrder)> = files
            .filter_map(|file| {
                let sums = self.busiest.get(&file.key)?;
                let path = file
                    .path
                    .as_ref()
                    .map_or_else(|| nameless(file.key), ToString::to_string);
                Some((path, *sums))
            })
            .collect();
        series.sort();
        // Two files of one path, such as a new one after an unlinked one, are one series.
        series.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                for (kept, later) in kept.1.iter_mut().zip(later.1) {
                    kept.add(later);
                }
            }
            same
        });
        series.push(("other".into(), self.other));
        series
    }
}

impl PartialOrd for Sums {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sums {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.faults, self.ns).cmp(&(other.faults, other.ns))
    }
}

fn sums(file: &FileRow) -> ByOrder {
    [Order::Pte, Order::Pmd].map(|order| {
        let timed = file.faults.iter().filter(|((o, _), _)| *o == order);
        let untimed = file.untimed.iter().filter(|((o, _), _)| *o == order);
        let mut sums = Sums::default();
        for (_, hist) in timed {
            sums.add(Sums {
                faults: hist.count(),
                ns: hist.sum_ns,
            });
        }
        for (_, faults) in untimed {
            sums.add(Sums {
                faults: *faults,
                ns: 0,
            });
        }
        sums
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use famfs_snapshot::source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    };

    fn total(series: &[(String, ByOrder)]) -> u64 {
        series.iter().flat_map(|(_, s)| s).map(|s| s.faults).sum()
    }

    #[test]
    fn together_they_grow_by_what_happened() {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        let mut top = TopFiles::new(2);
        for second in 0..4 {
            let now = source.poll().unwrap();
            top.observe(&now);
            let all: u64 = now.files.iter().flat_map(sums).map(|s| s.faults).sum();
            assert_eq!(total(&top.series()), all, "second {second}");
        }
        let paths: Vec<_> = top.series().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths.len(), 3);
        assert_eq!(paths[2], "other");
    }

    #[test]
    fn a_file_that_becomes_busy_counts_from_there_on() {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        source.poll().unwrap();
        let first = source.poll().unwrap();
        let mut late = first.clone();
        // Only the second file has ever faulted.
        for file in late.files.iter_mut().skip(1) {
            file.faults.clear();
        }
        let mut top = TopFiles::new(1);
        top.observe(&late);
        let one = top.series()[0].clone();
        top.observe(&source.poll().unwrap());
        let other = top.series();
        assert_ne!(other[0].0, one.0);
        let [pte, pmd] = other[0].1;
        assert_eq!(pte.faults + pmd.faults, 82_000, "all its faults are new");
    }

    #[test]
    fn counts_past_the_end_stop_there() {
        let mut source = Synthetic::new(Scene::Hostile, Duration::from_secs(1));
        let mut top = TopFiles::new(3);
        for _ in 0..3 {
            let mut now = source.poll().unwrap();
            // One path twice, whose counts are added.
            let twice = now.files.first().cloned();
            if let Some(mut twice) = twice {
                twice.key.ino ^= 1;
                now.files.push(twice);
            }
            for file in &now.files {
                assert!(file.accounted() >= file.retried);
            }
            top.observe(&now);
        }
        let series = top.series();
        assert_eq!(series.last().map(|(path, _)| path.as_str()), Some("other"));
        assert!(
            series
                .iter()
                .flat_map(|(_, by)| by)
                .any(|s| s.faults == u64::MAX)
        );
    }

    #[test]
    fn none_are_kept_unless_asked_for_and_never_too_many() {
        let mut top = TopFiles::new(0);
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        top.observe(&source.poll().unwrap());
        assert!(top.series().is_empty());
        assert_eq!(TopFiles::new(usize::MAX).most, FILES_MAX);
    }
}
