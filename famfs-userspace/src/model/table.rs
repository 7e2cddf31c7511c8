//! The live table: one row a file, each value derived from one interval.

use std::cmp::Ordering;

use super::{FIELDS, FileKey, FileRow, Hist, Order, Snapshot};

/// One file in one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: FileKey,
    /// The path, or `dev:ino` in brackets while that is all that is known.
    pub path: String,
    pub pmd: u64,
    pub pte: u64,
    pub fallback: u64,
    pub errors: u64,
    /// Seconds, never zero.
    interval_s: f64,
    /// All latencies, whatever the size of the mapping and the access.
    latency: Hist,
}

impl Row {
    fn new(file: &FileRow, interval_s: f64) -> Self {
        let mut latency = Hist::default();
        let (mut pmd, mut pte) = (0, 0);
        for ((order, _), hist) in &file.faults {
            match order {
                Order::Pmd => pmd += hist.count(),
                Order::Pte => pte += hist.count(),
            }
            latency.merge(hist);
        }
        for ((order, _), n) in &file.untimed {
            match order {
                Order::Pmd => pmd += n,
                Order::Pte => pte += n,
            }
        }
        Self {
            key: file.key,
            path: file.path.clone().unwrap_or_else(|| nameless(file.key)),
            pmd,
            pte,
            fallback: file.fallback.values().sum(),
            errors: file.failed(),
            interval_s,
            latency,
        }
    }

    pub fn faults(&self) -> u64 {
        self.pmd + self.pte
    }

    /// `count` per second of the interval.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.interval_s
    }

    /// The part of the faults that 2 MiB mappings served, if there were faults.
    pub fn pmd_share(&self) -> Option<f64> {
        (self.faults() > 0).then(|| self.pmd as f64 / self.faults() as f64)
    }

    /// The upper bound of the bucket that holds the `q`-quantile, if a latency is known.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        (!self.latency.buckets.is_empty()).then(|| self.latency.quantile_ns(q))
    }
}

/// What stands for the path of a file that has none.
pub fn nameless(key: FileKey) -> String {
    let FileKey {
        dev: (major, minor),
        ino,
    } = key;
    if key == FileKey::OTHER {
        "(other files)".into()
    } else {
        format!("[{major}:{minor} inode {ino}]")
    }
}

/// How rows are ordered: by a field of [`FIELDS`], and in its natural direction or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// An index into [`FIELDS`].
    pub field: usize,
    pub reverse: bool,
}

impl Default for Sort {
    /// The busiest file first.
    fn default() -> Self {
        Self {
            field: FIELDS
                .iter()
                .position(|f| f.key == "faults_per_s")
                .unwrap_or(0),
            reverse: false,
        }
    }
}

/// The rows of `interval` whose path contains `filter`, in the order of `sort`. Equal rows keep
/// the order of their paths, so that a quiet table does not jump.
pub fn rows(interval: &Snapshot, sort: Sort, filter: &str) -> Vec<Row> {
    let interval_s = (interval.elapsed_ns as f64 / 1e9).max(1e-9);
    let mut rows: Vec<Row> = interval
        .files
        .iter()
        .map(|f| Row::new(f, interval_s))
        .collect();
    rows.retain(|row| row.path.contains(filter));
    let field = &FIELDS[sort.field.min(FIELDS.len() - 1)];
    rows.sort_by(|a, b| {
        let order = field.compare(a, b);
        let order = if sort.reverse { order.reverse() } else { order };
        order
            .then_with(|| a.path.cmp(&b.path))
            .then_with(|| a.key.cmp(&b.key))
    });
    rows
}

/// The order of two numbers, the greater first; a missing one comes last.
pub(super) fn greater_first(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
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

    fn interval() -> Snapshot {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(2));
        let (a, b) = (source.poll().unwrap(), source.poll().unwrap());
        delta(&a, &b)
    }

    fn inodes(sort: Sort, filter: &str) -> Vec<u64> {
        rows(&interval(), sort, filter)
            .iter()
            .map(|r| r.key.ino)
            .collect()
    }

    fn by(key: &str, reverse: bool) -> Sort {
        Sort {
            field: FIELDS.iter().position(|f| f.key == key).unwrap(),
            reverse,
        }
    }

    #[test]
    fn rates_are_per_second_and_the_share_is_of_all_faults() {
        let rows = rows(&interval(), by("path", false), "ring");
        assert_eq!(rows.len(), 1);
        let ring = &rows[0];
        assert_eq!((ring.pmd, ring.pte, ring.fallback), (240, 720, 360));
        assert!((ring.rate(ring.faults()) - 480.0).abs() < 1e-9);
        assert_eq!(ring.pmd_share(), Some(0.25));
    }

    #[test]
    fn every_field_sorts_both_ways() {
        assert_eq!(inodes(Sort::default(), ""), [8, 7, 9, 7, 12]);
        assert_eq!(inodes(by("faults_per_s", true), ""), [12, 7, 9, 7, 8]);
        assert_eq!(inodes(by("pmd_share", false), "/mnt/famfs"), [7, 9, 8]);
        assert_eq!(inodes(by("path", false), ""), [8, 7, 9, 7, 12]);
        for (field, declared) in FIELDS.iter().enumerate() {
            let mut up = inodes(
                Sort {
                    field,
                    reverse: false,
                },
                "",
            );
            let mut down = inodes(
                Sort {
                    field,
                    reverse: true,
                },
                "",
            );
            up.sort_unstable();
            down.sort_unstable();
            assert_eq!(up, down, "{}", declared.key);
        }
    }

    #[test]
    fn a_file_without_faults_has_no_latency_and_comes_last() {
        let mut quiet = interval();
        quiet.files[0].faults.clear();
        let rows = rows(&quiet, by("p50", false), "");
        let last = rows.last().unwrap();
        assert_eq!(
            (last.key.ino, last.quantile_ns(0.5), last.pmd_share()),
            (7, None, None)
        );
    }

    #[test]
    fn an_unresolved_file_is_named_by_device_and_inode() {
        assert_eq!(
            rows(&interval(), Sort::default(), "[0:43 inode 12]").len(),
            1
        );
    }

    #[test]
    fn an_interval_of_no_length_gives_no_infinities() {
        let mut interval = interval();
        interval.elapsed_ns = 0;
        assert!(
            rows(&interval, Sort::default(), "")
                .iter()
                .all(|r| r.rate(r.pte).is_finite())
        );
    }
}
