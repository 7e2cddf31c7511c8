//! A latency histogram as it leaves the kernel: log-linear buckets with true bounds.

use smallvec::SmallVec;

/// One bucket: `n` faults took `lower_ns <= t <= upper_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The lower bound in nanoseconds.
    pub lower_ns: u64,
    /// The upper bound in nanoseconds.
    pub upper_ns: u64,
    /// How many faults there are.
    pub n: u64,
}

/// Buckets sorted by bound. There are thousands of these lists in every snapshot, and one with few
/// latencies, such as that of a file in an interval, takes no memory of its own.
pub type Buckets = SmallVec<[Bucket; 3]>;

/// A histogram of fault latencies. Buckets are sorted by bound and never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hist {
    /// The exact sum of all latencies, in nanoseconds.
    pub sum_ns: u64,
    /// The buckets that are not empty, sorted by bound.
    pub buckets: Buckets,
}

impl Hist {
    /// Returns how many faults the histogram has.
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum, b| sum.saturating_add(b.n))
    }

    /// Returns the upper bound of the bucket with the `q`-quantile in nanoseconds, or 0 if the
    /// histogram is empty. `q` is from 0 to 1. It is never too low, and at most 12.5 % too high.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        let count = self.count();
        // The smallest rank that covers the quantile; at least one.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= q <= 1 keeps the product within count"
        )]
        let rank = ((count as f64 * q.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0_u64;
        for bucket in &self.buckets {
            seen = bucket.n.saturating_add(seen);
            if seen >= rank {
                return bucket.upper_ns;
            }
        }
        self.max_ns()
    }

    /// Returns the upper bound of the highest bucket in nanoseconds, or 0 if the histogram is
    /// empty.
    pub fn max_ns(&self) -> u64 {
        self.buckets.last().map_or(0, |b| b.upper_ns)
    }

    /// Adds the faults of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        for bucket in &other.buckets {
            self.add(*bucket);
        }
    }

    /// Returns the faults since `earlier`, an older state of the same histogram. If `earlier` has
    /// more than this one, the difference is zero.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        // Both are sorted.
        let mut left = earlier.buckets.as_slice();
        let mut before = |lower_ns| {
            while let Some((first, rest)) = left.split_first()
                && first.lower_ns <= lower_ns
            {
                left = rest;
                if first.lower_ns == lower_ns {
                    return first.n;
                }
            }
            0
        };
        let buckets = self
            .buckets
            .iter()
            .map(|b| Bucket {
                n: b.n.saturating_sub(before(b.lower_ns)),
                ..*b
            })
            .filter(|b| b.n > 0)
            .collect();
        Self {
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
            buckets,
        }
    }

    /// Adds `bucket.n` faults to the bucket with the same lower bound.
    pub fn add(&mut self, bucket: Bucket) {
        if self
            .buckets
            .last()
            .is_none_or(|last| last.lower_ns < bucket.lower_ns)
        {
            // As they come from a sorted source.
            self.buckets.push(bucket);
            return;
        }
        match self
            .buckets
            .binary_search_by_key(&bucket.lower_ns, |b| b.lower_ns)
        {
            Ok(i) => self.buckets[i].n = self.buckets[i].n.saturating_add(bucket.n),
            Err(i) => self.buckets.insert(i, bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(lower_ns: u64, upper_ns: u64, n: u64) -> Bucket {
        Bucket {
            lower_ns,
            upper_ns,
            n,
        }
    }

    #[test]
    fn an_empty_histogram_has_no_latency() {
        let hist = Hist::default();
        assert_eq!(
            (hist.count(), hist.quantile_ns(0.5), hist.max_ns()),
            (0, 0, 0)
        );
    }

    #[test]
    fn quantiles_are_upper_bucket_bounds() {
        let mut hist = Hist::default();
        hist.add(bucket(1024, 1151, 98));
        hist.add(bucket(4096, 4607, 1));
        hist.add(bucket(2048, 2303, 1));
        assert_eq!(hist.count(), 100);
        assert_eq!(hist.quantile_ns(0.5), 1151);
        assert_eq!(hist.quantile_ns(0.98), 1151);
        assert_eq!(hist.quantile_ns(0.99), 2303);
        assert_eq!(hist.quantile_ns(1.0), 4607);
        assert_eq!(hist.max_ns(), 4607);
    }

    #[test]
    fn merging_adds_counts_and_sums() {
        let mut a = Hist {
            sum_ns: 10,
            buckets: smallvec::smallvec![bucket(8, 8, 1)],
        };
        let b = Hist {
            sum_ns: 30,
            buckets: smallvec::smallvec![bucket(4, 4, 1), bucket(8, 8, 2)],
        };
        a.merge(&b);
        assert_eq!(
            a,
            Hist {
                sum_ns: 40,
                buckets: smallvec::smallvec![bucket(4, 4, 1), bucket(8, 8, 3)]
            }
        );
    }
}
