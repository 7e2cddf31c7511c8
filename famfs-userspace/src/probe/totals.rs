//! What all drained entries add up to, per file. Pure.

use std::collections::{BTreeMap, HashMap};

use famfs_common::{
    fault::{Class, Order, Outcome},
    keys::{CLASSES, Entry, TIMELESS, Tag, UNTIMED, major_minor},
    probe::Hook,
};

use crate::model::FileKey;

/// Latencies of one kind of fault: bucket numbers of `famfs_common::hist`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latencies {
    pub(crate) sum_ns: u64,
    pub(crate) buckets: BTreeMap<u16, u64>,
}

/// Reads, or writes, of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copies {
    pub(crate) latencies: Latencies,
    pub(crate) untimed: u64,
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
}

/// All faults and copies of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Faults that mapped, by order and whether they wrote.
    pub(crate) mapped: BTreeMap<(Order, bool), Latencies>,
    pub(crate) fallbacks: BTreeMap<Outcome, u64>,
    /// By `Sigbus`, `Oom`, `HwPoison` and `Refused`.
    pub(crate) errors: BTreeMap<Outcome, u64>,
    /// Faults without a latency: their start or their end was not seen.
    pub(crate) untimed: BTreeMap<(Order, bool), u64>,
    /// Faults that ended in no way we know, such as those to be retried.
    pub(crate) other: u64,
    /// By whether they wrote.
    pub(crate) copies: BTreeMap<bool, Copies>,
}

/// All files since attach.
#[derive(Debug)]
pub(crate) struct Totals {
    files: HashMap<FileKey, Counts>,
    /// Entries that no program of ours could have written.
    strange: u64,
    /// By class, and the part of it whose start was not seen.
    classes: [(u64, u64); CLASSES],
    /// What `overflow` has told so far.
    overflowed: [(u64, u64); CLASSES],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            files: HashMap::new(),
            strange: 0,
            classes: [(0, 0); CLASSES],
            overflowed: [(0, 0); CLASSES],
        }
    }
}

impl Totals {
    /// Adds one drained entry.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let tag = Tag::unpack(entry.tag);
        let bucket_is_known = matches!(tag.bucket, UNTIMED | TIMELESS)
            || famfs_common::hist::lower(tag.bucket).is_some();
        let Some(class) = Class::unpack(tag.class).filter(|_| bucket_is_known) else {
            self.strange += entry.count;
            return;
        };
        let (all, unstarted) = &mut self.classes[usize::from(tag.class)];
        *all += entry.count;
        *unstarted += if tag.bucket == UNTIMED {
            entry.count
        } else {
            0
        };
        let key = FileKey {
            dev: major_minor(tag.dev),
            ino: entry.ino,
        };
        let bucket = (tag.bucket < TIMELESS).then_some(tag.bucket);
        let counts = self.files.entry(key).or_default();
        counts.add(class, bucket, entry.count, entry.sum_ns);
    }

    /// Counts what found no room for the row of all other files, where it was not counted yet:
    /// numbers and sums by class, cumulative.
    pub(crate) fn overflow(&mut self, now: &[(u64, u64); CLASSES]) {
        for (byte, (now, before)) in (0..=u8::MAX).zip(now.iter().zip(&mut self.overflowed)) {
            let n = now.0.saturating_sub(before.0);
            let sum = now.1.saturating_sub(before.1);
            *before = *now;
            if n == 0 {
                continue;
            }
            match Class::unpack(byte) {
                Some(class) => {
                    self.classes[usize::from(byte)].0 += n;
                    let counts = self.files.entry(FileKey::OTHER).or_default();
                    counts.add(class, None, n, sum);
                }
                None => self.strange += n,
            }
        }
    }

    pub(crate) fn files(&self) -> &HashMap<FileKey, Counts> {
        &self.files
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

impl Counts {
    fn add(&mut self, class: Class, bucket: Option<u16>, n: u64, sum: u64) {
        let kind = (class.order, class.write);
        match class.outcome {
            Outcome::Mapped => match bucket {
                Some(bucket) => self.mapped.entry(kind).or_default().add(bucket, n, sum),
                None => *self.untimed.entry(kind).or_default() += n,
            },
            Outcome::FallbackColour
            | Outcome::FallbackPrivateWrite
            | Outcome::FallbackVmaBounds
            | Outcome::FallbackEof
            | Outcome::FallbackExtent
            | Outcome::FallbackUnseen => *self.fallbacks.entry(class.outcome).or_default() += n,
            Outcome::Sigbus | Outcome::Oom | Outcome::HwPoison | Outcome::Refused => {
                *self.errors.entry(class.outcome).or_default() += n;
            }
            Outcome::Other => self.other += n,
            Outcome::ExitMissedPte
            | Outcome::ExitMissedPmd
            | Outcome::ExitMissedPteEnd
            | Outcome::ExitMissedPmdEnd => *self.untimed.entry(kind).or_default() += n,
            Outcome::Copied | Outcome::CopiedBytes | Outcome::CopyFailed => {
                let copies = self.copies.entry(class.write).or_default();
                match (class.outcome, bucket) {
                    (Outcome::Copied, Some(bucket)) => copies.latencies.add(bucket, n, sum),
                    (Outcome::Copied, None) => copies.untimed += n,
                    (Outcome::CopiedBytes, _) => copies.bytes = copies.bytes.saturating_add(sum),
                    _ => copies.errors += n,
                }
            }
        }
    }
}

impl Latencies {
    fn add(&mut self, bucket: u16, n: u64, sum: u64) {
        self.sum_ns = self.sum_ns.saturating_add(sum);
        *self.buckets.entry(bucket).or_default() += n;
    }
}

#[cfg(test)]
#[path = "totals/tests.rs"]
mod tests;
