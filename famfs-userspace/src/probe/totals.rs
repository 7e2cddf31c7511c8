//! What all drained entries add up to, per file. Pure.

use std::collections::{BTreeMap, HashMap};

use famfs_common::{
    fault::{Class, Order, Outcome},
    keys::{Entry, Tag, UNTIMED, major_minor},
};

use crate::model::FileKey;

/// Latencies of one kind of fault: bucket numbers of `famfs_common::hist`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latencies {
    pub(crate) sum_ns: u64,
    pub(crate) buckets: BTreeMap<u16, u64>,
}

/// All faults of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Faults that mapped, by order and whether they wrote.
    pub(crate) mapped: BTreeMap<(Order, bool), Latencies>,
    pub(crate) fallbacks: BTreeMap<Outcome, u64>,
    /// By `Sigbus`, `Oom`, `HwPoison` and `Refused`.
    pub(crate) errors: BTreeMap<Outcome, u64>,
    /// Faults that mapped, but whose start was not seen.
    pub(crate) untimed: BTreeMap<(Order, bool), u64>,
    /// Faults that ended in no way we know, such as those to be retried.
    pub(crate) other: u64,
    /// Faults whose end was not seen; the exit program's misses count them too.
    pub(crate) exit_missed: u64,
}

/// All files since attach.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) files: HashMap<FileKey, Counts>,
    /// Entries that no program of ours could have written.
    pub(crate) strange: u64,
}

impl Totals {
    /// Adds one drained entry.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let tag = Tag::unpack(entry.tag);
        let bucket_is_known =
            tag.bucket == UNTIMED || famfs_common::hist::lower(tag.bucket).is_some();
        let Some(class) = Class::unpack(tag.class).filter(|_| bucket_is_known) else {
            self.strange += entry.count;
            return;
        };
        let key = FileKey {
            dev: major_minor(tag.dev),
            ino: entry.ino,
        };
        let counts = self.files.entry(key).or_default();
        match class.outcome {
            Outcome::Mapped if tag.bucket == UNTIMED => {
                *counts
                    .untimed
                    .entry((class.order, class.write))
                    .or_default() += entry.count;
            }
            Outcome::Mapped => {
                let kind = counts.mapped.entry((class.order, class.write)).or_default();
                kind.sum_ns = kind.sum_ns.saturating_add(entry.sum_ns);
                *kind.buckets.entry(tag.bucket).or_default() += entry.count;
            }
            Outcome::FallbackColour
            | Outcome::FallbackPrivateWrite
            | Outcome::FallbackVmaBounds
            | Outcome::FallbackEof
            | Outcome::FallbackExtent => {
                *counts.fallbacks.entry(class.outcome).or_default() += entry.count;
            }
            Outcome::Sigbus | Outcome::Oom | Outcome::HwPoison | Outcome::Refused => {
                *counts.errors.entry(class.outcome).or_default() += entry.count;
            }
            Outcome::Other => counts.other += entry.count,
            Outcome::ExitMissedPte | Outcome::ExitMissedPmd => counts.exit_missed += entry.count,
        }
    }

    /// Faults in the table that belong into no row.
    pub(crate) fn outside_rows(&self) -> u64 {
        self.strange
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(class: u8, bucket: u16, cpu: u16, count: u64, sum_ns: u64) -> Entry {
        Entry {
            tag: Tag {
                dev: 25,
                class,
                bucket,
                cpu,
            }
            .pack(),
            ino: 7,
            count,
            sum_ns,
        }
    }

    fn class(order: Order, write: bool, outcome: Outcome) -> u8 {
        Class {
            order,
            write,
            outcome,
        }
        .pack()
    }

    #[test]
    fn cpus_add_up_and_classes_stay_apart() {
        let mut totals = Totals::default();
        let pmd_write = class(Order::Pmd, true, Outcome::Mapped);
        totals.add(&entry(pmd_write, 60, 0, 30, 3000));
        totals.add(&entry(pmd_write, 60, 1, 2, 200));
        totals.add(&entry(pmd_write, 61, 1, 1, 150));
        totals.add(&entry(
            class(Order::Pte, false, Outcome::Mapped),
            60,
            1,
            5,
            500,
        ));
        totals.add(&entry(
            class(Order::Pmd, true, Outcome::FallbackColour),
            UNTIMED,
            0,
            4,
            9,
        ));
        totals.add(&entry(
            class(Order::Pte, true, Outcome::Sigbus),
            UNTIMED,
            0,
            1,
            9,
        ));
        totals.add(&entry(
            class(Order::Pte, false, Outcome::Refused),
            UNTIMED,
            0,
            2,
            0,
        ));
        totals.add(&entry(
            class(Order::Pte, true, Outcome::Mapped),
            UNTIMED,
            0,
            3,
            0,
        ));
        totals.add(&entry(
            class(Order::Pte, true, Outcome::Other),
            UNTIMED,
            0,
            6,
            0,
        ));
        totals.add(&entry(
            class(Order::Pte, true, Outcome::ExitMissedPmd),
            UNTIMED,
            0,
            8,
            0,
        ));
        let counts = &totals.files[&FileKey {
            dev: (0, 25),
            ino: 7,
        }];
        let pmd = Latencies {
            sum_ns: 3350,
            buckets: BTreeMap::from([(60, 32), (61, 1)]),
        };
        let pte = Latencies {
            sum_ns: 500,
            buckets: BTreeMap::from([(60, 5)]),
        };
        let want = Counts {
            mapped: BTreeMap::from([((Order::Pmd, true), pmd), ((Order::Pte, false), pte)]),
            fallbacks: BTreeMap::from([(Outcome::FallbackColour, 4)]),
            errors: BTreeMap::from([(Outcome::Sigbus, 1), (Outcome::Refused, 2)]),
            untimed: BTreeMap::from([((Order::Pte, true), 3)]),
            other: 6,
            exit_missed: 8,
        };
        assert_eq!((totals.files.len(), counts), (1, &want));
        assert_eq!(totals.outside_rows(), 0);
    }

    #[test]
    fn what_no_program_writes_is_counted_as_strange() {
        let mut totals = Totals::default();
        totals.add(&entry(0x3f, 60, 0, 5, 0));
        totals.add(&entry(
            class(Order::Pte, true, Outcome::Mapped),
            500,
            0,
            7,
            0,
        ));
        assert_eq!(
            (totals.files.len(), totals.strange, totals.outside_rows()),
            (0, 12, 12)
        );
    }
}
