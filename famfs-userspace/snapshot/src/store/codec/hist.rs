//! Histograms: the sum, and those buckets whose count is another than before.

use famfs_common::hist;

use super::{Fault, In, Out};
use crate::model::{Bucket, Hist};

/// More than the kernel's histogram has.
const BUCKETS_MAX: usize = 1024;

/// A value of the lowest bits of a bucket's name: the bucket no longer exists.
const GONE: u64 = 1;
/// Its bounds follow, because it is not one of the kernel's buckets.
const BOUNDS: u64 = 2;

pub(super) fn put(out: &mut Out, old: &Hist, new: &Hist) -> Result<(), Fault> {
    out.step(old.sum_ns, new.sum_ns);
    let find = |hist: &Hist, bucket: &Bucket| {
        let at = (hist.buckets).binary_search_by_key(&bucket.lower_ns, |b| b.lower_ns);
        at.ok()
            .map(|i| hist.buckets[i])
            .filter(|b| b.upper_ns == bucket.upper_ns)
    };
    let gone = (old.buckets.iter())
        .filter(|b| find(new, b).is_none())
        .map(|b| (b, None));
    let changed = (new.buckets.iter())
        .filter(|b| find(old, b).is_none_or(|o| o.n != b.n))
        .map(|b| (b, Some(b.n)));
    // What goes goes first: another may take its lower bound.
    let edits: Vec<_> = gone.chain(changed).collect();
    out.count(edits.len(), 2 * BUCKETS_MAX)?;
    for (bucket, n) in edits {
        name(out, bucket, n.is_none());
        if let Some(n) = n {
            out.step(find(old, bucket).map_or(0, |o| o.n), n);
        }
    }
    Ok(())
}

fn name(out: &mut Out, bucket: &Bucket, gone: bool) {
    let gone = if gone { GONE } else { 0 };
    let index = hist::index(bucket.lower_ns);
    let bounds = (hist::lower(index), hist::upper(index));
    if bounds == (Some(bucket.lower_ns), Some(bucket.upper_ns)) {
        out.number(u64::from(index) << 2 | gone);
    } else {
        out.number(BOUNDS | gone);
        out.number(bucket.lower_ns);
        out.number(bucket.upper_ns);
    }
}

pub(super) fn take(input: &mut In<'_>, old: &Hist) -> Result<Hist, Fault> {
    let mut hist = Hist {
        sum_ns: input.step(old.sum_ns)?,
        buckets: old.buckets.clone(),
    };
    for _ in 0..input.count(2 * BUCKETS_MAX, 1)? {
        let (lower_ns, upper_ns, gone) = take_name(input)?;
        let at = (hist.buckets).binary_search_by_key(&lower_ns, |b| b.lower_ns);
        let known = at.is_ok_and(|i| hist.buckets[i].upper_ns == upper_ns);
        match (at, gone) {
            (Ok(i), true) if known => {
                hist.buckets.remove(i);
            }
            (_, true) => return Err("a bucket goes that is not there"),
            (Ok(i), false) if known => hist.buckets[i].n = input.step(hist.buckets[i].n)?,
            (Ok(_), false) => return Err("two buckets begin at the same latency"),
            (Err(i), false) => {
                let n = input.step(0)?;
                hist.buckets.insert(
                    i,
                    Bucket {
                        lower_ns,
                        upper_ns,
                        n,
                    },
                );
            }
        }
        if hist.buckets.len() > BUCKETS_MAX {
            return Err("a histogram has too many buckets");
        }
    }
    Ok(hist)
}

fn take_name(input: &mut In<'_>) -> Result<(u64, u64, bool), Fault> {
    let name = input.number()?;
    let (lower, upper) = if name & BOUNDS != 0 {
        (Some(input.number()?), Some(input.number()?))
    } else {
        let index = u16::try_from(name >> 2).unwrap_or(u16::MAX);
        (hist::lower(index), hist::upper(index))
    };
    let bounds = lower.zip(upper).filter(|(lower, upper)| lower <= upper);
    let (lower, upper) = bounds.ok_or("a bucket has no bounds")?;
    Ok((lower, upper, name & GONE != 0))
}
