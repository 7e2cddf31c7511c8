//! One file in one interval, and the numbers that follow from it.

use std::borrow::Cow;

use super::{Access, Failure, Fallback, FileKey, FileRow, Hist, Io, Order, Snapshot};

/// One file of an interval. It borrows, so that only what is looked at is computed.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The counts of the interval.
    pub file: &'a FileRow,
    /// The length of the interval in seconds, never zero.
    interval_s: f64,
}

impl<'a> Row<'a> {
    /// Returns the row of `file` in `interval`.
    pub fn new(file: &'a FileRow, interval: &Snapshot) -> Self {
        Self {
            file,
            interval_s: (interval.elapsed_ns as f64 / 1e9).max(1e-9),
        }
    }

    /// Returns which file it is.
    pub fn key(&self) -> FileKey {
        self.file.key
    }

    /// Returns the path, or `dev:ino` in brackets while that is all that is known.
    pub fn path(&self) -> Cow<'a, str> {
        match &self.file.path {
            Some(path) if !path.is_empty() => Cow::Borrowed(path),
            _ => Cow::Owned(nameless(self.file.key)),
        }
    }

    /// Returns how many faults mapped 2 MiB.
    pub fn pmd(&self) -> u64 {
        self.file.mapped(Order::Pmd)
    }

    /// Returns how many faults mapped 4 KiB.
    pub fn pte(&self) -> u64 {
        self.file.mapped(Order::Pte)
    }

    /// Returns how many faults mapped.
    pub fn faults(&self) -> u64 {
        self.pmd().saturating_add(self.pte())
    }

    /// Returns how many tries of 2 MiB fell back for this reason.
    pub fn fallback(&self, reason: Fallback) -> u64 {
        self.file.fallback.get(&reason).copied().unwrap_or(0)
    }

    /// Returns how many faults failed in this way.
    pub fn failure(&self, kind: Failure) -> u64 {
        self.file.errors.get(&kind).copied().unwrap_or(0)
    }

    /// Returns `count` per second of the interval.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.interval_s
    }

    /// Returns the share of the faults that mapped 2 MiB, from 0 to 1, if there were faults.
    pub fn pmd_share(&self) -> Option<f64> {
        (self.faults() > 0).then(|| self.pmd() as f64 / self.faults() as f64)
    }

    /// Returns all latencies, whatever the size of the mapping and the access.
    pub fn latency(&self) -> Cow<'a, Hist> {
        let mut hists = self.file.faults.values();
        match (hists.next(), hists.next()) {
            (None, _) => Cow::Owned(Hist::default()),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(_), Some(_)) => {
                let mut all = Hist::default();
                for hist in self.file.faults.values() {
                    all.merge(hist);
                }
                Cow::Owned(all)
            }
        }
    }

    /// Returns the upper bound of the bucket with the `q`-quantile in nanoseconds, if a latency is
    /// known.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        quantile(&self.latency(), q)
    }

    /// Returns the mean latency in nanoseconds from the exact sum, if a latency is known.
    pub fn mean_ns(&self) -> Option<u64> {
        let latency = self.latency();
        latency.sum_ns.checked_div(latency.count())
    }

    /// Returns the calls of read(2) or write(2), if there were any.
    pub fn io(&self, access: Access) -> Option<&'a Io> {
        self.file.io.get(&access)
    }

    /// Returns how many calls of read(2) or write(2) there were, whether or not their latency is
    /// known.
    pub fn calls(&self, access: Access) -> u64 {
        self.io(access)
            .map_or(0, |io| io.latency.count().saturating_add(io.untimed))
    }

    /// Returns how many bytes were read or written.
    pub fn io_bytes(&self, access: Access) -> u64 {
        self.io(access).map_or(0, |io| io.bytes)
    }

    /// Returns the upper bound of the bucket with the `q`-quantile of the calls' latencies in
    /// nanoseconds, if one is known.
    pub fn io_quantile_ns(&self, access: Access, q: f64) -> Option<u64> {
        quantile(&self.io(access)?.latency, q)
    }
}

impl FileRow {
    /// Faults that mappings of this size served.
    pub fn mapped(&self, order: Order) -> u64 {
        let timed = self.faults.iter().filter(|((o, _), _)| *o == order);
        let untimed = self.untimed.iter().filter(|((o, _), _)| *o == order);
        let counts = timed.map(|(_, hist)| hist.count());
        sum(counts.chain(untimed.map(|(_, n)| *n)))
    }

    /// Faults that mapped, but whose latency is not known.
    pub fn not_timed(&self) -> u64 {
        sum(self.untimed.values().copied())
    }

    /// Tries of 2 MiB that fell back.
    pub fn fell_back(&self) -> u64 {
        sum(self.fallback.values().copied())
    }

    /// Why most tries of 2 MiB fell back, if any did; of equals the one that the kernel meets
    /// first.
    pub fn main_fallback(&self) -> Option<Fallback> {
        let counted = self.fallback.iter().filter(|(_, n)| **n > 0);
        counted
            .max_by_key(|(reason, n)| (**n, std::cmp::Reverse(**reason)))
            .map(|(reason, _)| *reason)
    }
}

fn quantile(hist: &Hist, q: f64) -> Option<u64> {
    (!hist.buckets.is_empty()).then(|| hist.quantile_ns(q))
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_reason_is_the_most_frequent_and_of_equals_the_first() {
        let mut file = FileRow::new(FileKey::OTHER);
        assert_eq!(file.main_fallback(), None);
        file.fallback.insert(Fallback::Eof, 0);
        assert_eq!(file.main_fallback(), None);
        file.fallback.insert(Fallback::Extent, 2);
        file.fallback.insert(Fallback::VmaBounds, 2);
        assert_eq!(file.main_fallback(), Some(Fallback::VmaBounds));
        file.fallback.insert(Fallback::Other, 3);
        assert_eq!(file.main_fallback(), Some(Fallback::Other));
    }

    #[test]
    fn counts_at_the_end_of_their_range_do_not_wrap() {
        let mut file = FileRow::new(FileKey::OTHER);
        for access in [Access::Read, Access::Write] {
            file.untimed.insert((Order::Pte, access), u64::MAX);
        }
        file.errors.insert(Failure::Sigbus, u64::MAX);
        file.errors.insert(Failure::Oom, 1);
        let row = Row {
            file: &file,
            interval_s: 1.0,
        };
        assert_eq!((row.faults(), file.failed()), (u64::MAX, u64::MAX));
    }
}
