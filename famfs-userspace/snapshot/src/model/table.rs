//! The table: which files, in which order, with which columns.

use std::borrow::Cow;

use super::{FIELDS, FileRow, Row, Snapshot, Value, position};

/// How rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The field to order by, an index into [`FIELDS`].
    pub field: usize,
    /// Whether the order is against the field's natural direction.
    pub reverse: bool,
}

impl Default for Sort {
    /// The busiest file first.
    fn default() -> Self {
        Self {
            field: position("faults_per_s").unwrap_or(0),
            reverse: false,
        }
    }
}

/// Returns the places in `interval.files` of the files whose path contains `filter`, in the order
/// of `sort`. Equal rows keep the order of their paths, so that a table in which nothing happens
/// does not jump. One value is computed for each file, and no text is written.
pub fn sorted(interval: &Snapshot, sort: Sort, filter: &str) -> Vec<usize> {
    let value = FIELDS[sort.field.min(FIELDS.len() - 1)].value;
    let kept = interval
        .files
        .iter()
        .enumerate()
        .filter(|(_, file)| path_of(file, interval).contains(filter));
    let mut keyed: Vec<(Value<'_>, usize)> = kept
        .map(|(place, file)| (value(&Row::new(file, interval)), place))
        .collect();
    keyed.sort_by(|(a, i), (b, j)| {
        let order = a.compare(b);
        let order = if sort.reverse { order.reverse() } else { order };
        let (a, b) = (&interval.files[*i], &interval.files[*j]);
        order
            .then_with(|| path_of(a, interval).cmp(&path_of(b, interval)))
            .then_with(|| a.key.cmp(&b.key))
    });
    keyed.into_iter().map(|(_, place)| place).collect()
}

fn path_of<'a>(file: &'a FileRow, interval: &Snapshot) -> Cow<'a, str> {
    Row::new(file, interval).path()
}

/// Returns the rows of `interval` whose path contains `filter`, in the order of `sort`.
pub fn rows<'a>(interval: &'a Snapshot, sort: Sort, filter: &str) -> Vec<Row<'a>> {
    sorted(interval, sort, filter)
        .into_iter()
        .map(|place| Row::new(&interval.files[place], interval))
        .collect()
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
            .map(|r| r.key().ino)
            .collect()
    }

    fn by(key: &str, reverse: bool) -> Sort {
        Sort {
            field: position(key).unwrap(),
            reverse,
        }
    }

    #[test]
    fn rates_are_per_second_and_the_share_is_of_all_faults() {
        let interval = interval();
        let rows = rows(&interval, by("path", false), "ring");
        assert_eq!(rows.len(), 1);
        let ring = &rows[0];
        assert_eq!(
            (ring.pmd(), ring.pte(), ring.file.fell_back()),
            (240, 720, 360)
        );
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
            (last.key().ino, last.quantile_ns(0.5), last.pmd_share()),
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
                .all(|r| r.rate(r.pte()).is_finite())
        );
    }
}
