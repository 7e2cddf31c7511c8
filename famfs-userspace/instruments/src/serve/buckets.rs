//! The buckets of a scrape: fixed for ever, each the union of whole buckets of the kernel.

use famfs_common::hist;

use famfs_snapshot::model::Hist;

/// How fine the buckets of a scrape are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buckets {
    /// One per power of two.
    #[default]
    Octave,
    /// The kernel's own buckets: eight for every power of two.
    Fine,
}

/// The lowest bound is 2 to this power, less one nanosecond; so is the highest finite one.
const LOWEST: u32 = 7;
const HIGHEST: u32 = 36;

/// The upper bounds of the finite buckets, in nanoseconds. A latency equal to a bound is in its
/// bucket: the kernel's bucket from 2^k on ends at 2^(k+1) - 1, and so does ours.
pub fn bounds(buckets: Buckets) -> Vec<u64> {
    match buckets {
        Buckets::Octave => (LOWEST..=HIGHEST).map(|k| (1 << k) - 1).collect(),
        Buckets::Fine => {
            let (first, last) = ((1 << LOWEST) - 1, (1 << HIGHEST) - 1);
            (0..hist::BUCKETS)
                .filter_map(hist::upper)
                .filter(|upper| (first..=last).contains(upper))
                .collect()
        }
    }
}

/// How many of `hist` are in each bucket, and beyond the last, with bounds in seconds.
pub(super) fn fold(hist: &Hist, buckets: Buckets) -> Vec<(f64, u64)> {
    let bounds = bounds(buckets);
    let mut counts = vec![0_u64; bounds.len() + 1];
    for bucket in &hist.buckets {
        let place = bounds.partition_point(|bound| *bound < bucket.upper_ns);
        counts[place] = counts[place].saturating_add(bucket.n);
    }
    let seconds = bounds
        .iter()
        .map(|ns| *ns as f64 / 1e9)
        .chain([f64::INFINITY]);
    seconds.zip(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use famfs_snapshot::model::Bucket;

    #[test]
    fn there_are_always_as_many_buckets() {
        assert_eq!(bounds(Buckets::Octave).len(), 30);
        assert_eq!(bounds(Buckets::Fine).len(), 1 + 29 * 8);
        for buckets in [Buckets::Octave, Buckets::Fine] {
            let bounds = bounds(buckets);
            assert_eq!((bounds[0], *bounds.last().unwrap()), (127, (1 << 36) - 1));
            assert!(bounds.is_sorted());
            assert_eq!(fold(&Hist::default(), buckets).len(), bounds.len() + 1);
        }
    }

    #[test]
    fn each_bucket_of_the_kernel_is_in_one_of_ours() {
        for buckets in [Buckets::Octave, Buckets::Fine] {
            let bounds = bounds(buckets);
            for i in 0..hist::BUCKETS {
                let (lower, upper) = (hist::lower(i).unwrap(), hist::upper(i).unwrap());
                let place = |ns: u64| bounds.partition_point(|bound| *bound < ns);
                assert_eq!(place(lower), place(upper), "bucket {i}");
            }
        }
    }

    #[test]
    fn a_latency_on_a_bound_is_in_its_bucket() {
        let mut all = Hist::default();
        for ns in [127, 128, 255, 256, u64::MAX] {
            let i = hist::index(ns);
            all.add(Bucket {
                lower_ns: hist::lower(i).unwrap(),
                upper_ns: hist::upper(i).unwrap(),
                n: 1,
            });
        }
        let folded = fold(&all, Buckets::Octave);
        let counts: Vec<u64> = folded.iter().map(|(_, n)| *n).collect();
        assert_eq!((&counts[..3], counts[30]), (&[1, 2, 1][..], 1));
    }
}
