//! Counts by file, class and bucket, in one sorted list.
//!
//! What was drained is kept as it comes, and sorted and merged into the list when that is read:
//! memory is gone through in order, where a table by file costs a miss of the cache or two for every
//! entry.

use famfs_common::keys::{Tag, major_minor};

use famfs_snapshot::model::FileKey;

/// Device, inode number, class and bucket as one number, in this order from its top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u128);

impl Key {
    pub(super) fn new(ino: u64, tag: u64) -> Self {
        let tag = u128::from(Tag::of_any_cpu(tag));
        Self((tag >> 32) << 96 | u128::from(ino) << 32 | tag & 0xffff_ffff)
    }

    pub(super) fn file(self) -> FileKey {
        FileKey {
            dev: major_minor(self.tag().dev),
            ino: self.word(32),
        }
    }

    /// Returns the tag without a CPU.
    pub(super) fn tag(self) -> Tag {
        Tag::unpack(self.word(96) << 32 | self.word(0) & 0xffff_ffff)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "it takes the word at `shift`"
    )]
    fn word(self, shift: u32) -> u64 {
        (self.0 >> shift) as u64
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) key: Key,
    pub(super) n: u64,
    pub(super) sum: u64,
}

impl Cell {
    fn add(&mut self, more: &Self) {
        self.n = self.n.saturating_add(more.n);
        self.sum = self.sum.saturating_add(more.sum);
    }
}

/// So many are kept unmerged, which takes 8 MiB.
const MOST_FRESH: usize = 1 << 18;

#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Each key once.
    sorted: Vec<Cell>,
    /// What is not merged yet.
    fresh: Vec<Cell>,
}

impl Cells {
    /// All of them, in the order of their keys.
    pub(super) fn sorted(&mut self) -> &[Cell] {
        self.merge();
        &self.sorted
    }

    pub(super) fn put(&mut self, cell: Cell) {
        if self.fresh.len() == MOST_FRESH {
            self.merge();
        }
        self.fresh.push(cell);
    }

    /// Adds what was put.
    fn merge(&mut self) {
        // By those bytes of the keys in which any two differ, a pass each: half the time that sorting
        // by comparison takes.
        radsort::sort_by_key(&mut self.fresh, |cell| cell.key.0);
        let known = self.sorted.len();
        let mut at = 0;
        for cell in self.fresh.drain(..) {
            at += before(cell.key, &self.sorted[at..known]);
            let known_cell = self.sorted[at..known].first().map(|found| found.key);
            let place = if known_cell == Some(cell.key) {
                Some(at)
            } else {
                // New, or the same as the last new one.
                self.sorted.len().checked_sub(1)
            };
            match place.and_then(|place| self.sorted.get_mut(place)) {
                Some(found) if found.key == cell.key => found.add(&cell),
                _ => self.sorted.push(cell),
            }
        }
        if self.sorted.len() > known {
            // Two runs that are sorted already, which this sort merges.
            self.sorted.sort_by_key(|cell| cell.key);
        }
    }
}

/// How many of the sorted `cells` stand before `key`. Quick where they are few.
fn before(key: Key, cells: &[Cell]) -> usize {
    let is_before = |cell: &Cell| cell.key < key;
    let mut end = 1;
    while cells.get(end - 1).is_some_and(is_before) {
        end *= 2;
    }
    let start = end / 2;
    let end = (end - 1).min(cells.len());
    start + cells[start..end].partition_point(is_before)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_its_parts_again() {
        let tag = Tag {
            dev: 0xfff0_0042,
            class: 0xc1,
            bucket: 0x3ff,
            cpu: 0,
        };
        let key = Key::new(u64::MAX - 1, Tag { cpu: 77, ..tag }.pack());
        assert_eq!(key.tag(), tag);
        let (dev, ino) = ((0xfff, 0x42), u64::MAX - 1);
        assert_eq!(key.file(), FileKey { dev, ino });
    }

    #[test]
    fn what_stands_before_a_key_is_counted() {
        let cell = |i: u32| Cell {
            key: Key::new(2 * u64::from(i), 0),
            n: 1,
            sum: 0,
        };
        for len in 0..40 {
            let cells: Vec<Cell> = (0..len).map(cell).collect();
            for ino in 0..u64::from(2 * len + 2) {
                let want = usize::try_from(ino.div_ceil(2)).unwrap().min(cells.len());
                assert_eq!(before(Key::new(ino, 0), &cells), want, "{ino} of {len}");
            }
        }
    }

    proptest! {
        #[test]
        fn merged_cells_are_a_map(
            drains in prop::collection::vec(
                prop::collection::vec((0_u64..40, 0_u64..4, 1_u64..9), 0..60), 1..6)
        ) {
            let mut cells = Cells::default();
            let mut want = BTreeMap::new();
            for drain in drains {
                for (ino, dev, n) in drain {
                    let key = Key::new(ino, dev << 32);
                    cells.put(Cell { key, n, sum: 10 * n });
                    *want.entry((dev, ino)).or_insert(0) += n;
                }
                let got: Vec<_> = cells.sorted().iter().map(|c| (c.key, c.n, c.sum)).collect();
                let want: Vec<_> = (want.iter())
                    .map(|((dev, ino), n)| (Key::new(*ino, dev << 32), *n, 10 * n))
                    .collect();
                prop_assert_eq!(got, want);
            }
        }
    }
}
