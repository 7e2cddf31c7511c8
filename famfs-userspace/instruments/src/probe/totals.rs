//! What all drained entries add up to: a number and a sum for each file, class and bucket. Pure.

mod cells;

use famfs_common::{
    fault::{Class, Order},
    keys::{CLASSES, Entry, TIMELESS, Tag, UNTIMED},
    probe::Hook,
};

use self::cells::{Cell, Cells, Key};
use famfs_snapshot::model::FileKey;

/// What was counted of one file in one class and bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) class: Class,
    /// A bucket number of `famfs_common::hist`; `None` without a latency: a start or an end was
    /// not seen, or latencies are not kept of what ended so.
    pub(crate) bucket: Option<u16>,
    pub(crate) n: u64,
    /// Nanoseconds, or bytes.
    pub(crate) sum: u64,
}

/// All files since attach.
#[derive(Debug)]
pub(crate) struct Totals {
    cells: Cells,
    /// Entries that no program of ours could have written.
    strange: u64,
    /// The counts by class, and the part of each whose start was not seen.
    classes: [(u64, u64); CLASSES],
    /// What `overflow` has told so far.
    overflowed: [(u64, u64); CLASSES],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            cells: Cells::default(),
            strange: 0,
            classes: [(0, 0); CLASSES],
            overflowed: [(0, 0); CLASSES],
        }
    }
}

impl Totals {
    /// Adds drained entries, in whatever order they come.
    pub(crate) fn add(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            let Tag { class, bucket, .. } = Tag::unpack(entry.tag);
            if !is_ours(class, bucket) {
                self.strange += entry.count;
                continue;
            }
            let (all, unstarted) = &mut self.classes[usize::from(class)];
            *all += entry.count;
            if bucket == UNTIMED {
                *unstarted += entry.count;
            }
            self.cells.put(Cell {
                key: Key::new(entry.ino, entry.tag),
                n: entry.count,
                sum: entry.sum_ns,
            });
        }
    }

    /// Counts what found no room for the row of all other files, where it was not counted yet:
    /// numbers and sums by class, cumulative.
    pub(crate) fn overflow(&mut self, now: &[(u64, u64); CLASSES]) {
        let before = std::mem::replace(&mut self.overflowed, *now);
        for (byte, (now, before)) in (0..=u8::MAX).zip(now.iter().zip(&before)) {
            let n = now.0.saturating_sub(before.0);
            let sum = now.1.saturating_sub(before.1);
            if n == 0 {
                continue;
            }
            if !is_ours(byte, UNTIMED) {
                self.strange += n;
                continue;
            }
            self.classes[usize::from(byte)].0 += n;
            // The number of all other files is no device's, and 0 no file's.
            let tag = Tag {
                dev: 0,
                class: byte,
                bucket: UNTIMED,
                cpu: 0,
            };
            self.cells.put(Cell {
                key: Key::new(FileKey::OTHER.ino, tag.pack()),
                n,
                sum,
            });
        }
    }

    /// All counts by file, and of each file by class and bucket, in order of their numbers.
    pub(crate) fn files(
        &mut self,
    ) -> impl Iterator<Item = (FileKey, impl Iterator<Item = Count> + '_)> + '_ {
        let same = |a: &Cell, b: &Cell| a.key.file() == b.key.file();
        let files = self.cells.sorted().chunk_by(same);
        files.map(|cells| (cells[0].key.file(), cells.iter().filter_map(count)))
    }

    /// Faults in the table that belong into no row.
    pub(crate) fn outside_rows(&self) -> u64 {
        self.strange
    }

    /// What the table had no room for, all classes together.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.iter().map(|(n, _)| n).sum()
    }

    /// Faults whose end was not seen, but that the next one of their thread told of: so many of
    /// the skipped runs are in rows.
    pub(crate) fn repaired(&self) -> u64 {
        self.sum(Class::is_repair).0
    }

    /// How often the four fault programs ran for a watched file, which they do not count apart:
    /// every end has left an entry, and so has every start by its end.
    pub(crate) fn runs(&self) -> [(Hook, u64); 4] {
        let of = |order| {
            let (ends, unstarted) = self.sum(|class| class.order == order && class.is_end());
            let (repaired, _) = self.sum(|class| class.order == order && class.is_repair());
            (ends, ends - unstarted + repaired)
        };
        let (pte, pmd) = (of(Order::Pte), of(Order::Pmd));
        [
            (Hook::PteExit, pte.0),
            (Hook::PmdExit, pmd.0),
            (Hook::PteEnter, pte.1),
            (Hook::PmdEnter, pmd.1),
        ]
    }

    fn sum(&self, wanted: impl Fn(Class) -> bool) -> (u64, u64) {
        (0..=u8::MAX)
            .filter(|&byte| Class::unpack(byte).is_some_and(&wanted))
            .map(|byte| self.classes[usize::from(byte)])
            .fold((0, 0), |sum, (all, unstarted)| {
                (sum.0 + all, sum.1 + unstarted)
            })
    }
}

/// Whether a program of ours writes this class and bucket.
fn is_ours(class: u8, bucket: u16) -> bool {
    let bucket_is_known =
        matches!(bucket, UNTIMED | TIMELESS) || bucket < famfs_common::hist::BUCKETS;
    bucket_is_known && Class::unpack(class).is_some()
}

/// Returns the count of a cell that exists, and so of a class that is known.
fn count(cell: &Cell) -> Option<Count> {
    let tag = cell.key.tag();
    Some(Count {
        class: Class::unpack(tag.class)?,
        bucket: (tag.bucket < TIMELESS).then_some(tag.bucket),
        n: cell.n,
        sum: cell.sum,
    })
}

#[cfg(test)]
#[path = "totals/tests.rs"]
mod tests;
