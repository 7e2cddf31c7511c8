//! Latencies by powers of two: over time as a heat map, of one interval as a histogram.

use std::collections::BTreeMap;

use super::{Hist, Moment};

/// How many levels of heat there are above nothing.
pub const HOTTEST: u8 = 4;

/// Counts by octave, that is, by the power of two that a latency reaches; 0 ns is in the first.
pub fn octaves(hist: &Hist) -> BTreeMap<u32, u64> {
    let mut octaves = BTreeMap::new();
    for bucket in &hist.buckets {
        let count: &mut u64 = octaves.entry(bucket.lower_ns.max(1).ilog2()).or_default();
        *count = count.saturating_add(bucket.n);
    }
    octaves
}

/// The faults of a file over time and latency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heat {
    /// The octave of the first row.
    pub lowest: u32,
    /// A row for each octave, the fastest first, and in it a count for each interval, the oldest
    /// first.
    pub rows: Vec<Vec<u64>>,
    /// The greatest count.
    pub most: u64,
}

/// Returns the map of the last `columns` intervals; `None` if no latency is known.
pub fn heat(moments: &[Moment], columns: usize) -> Option<Heat> {
    let moments = &moments[moments.len().saturating_sub(columns)..];
    let columns: Vec<BTreeMap<u32, u64>> = moments
        .iter()
        .map(|moment| {
            let mut all = Hist::default();
            for hist in moment.file.faults.values() {
                all.merge(hist);
            }
            octaves(&all)
        })
        .collect();
    let lowest = columns
        .iter()
        .filter_map(|c| c.keys().next().copied())
        .min()?;
    let highest = columns
        .iter()
        .filter_map(|c| c.keys().next_back().copied())
        .max()?;
    let count = |column: &BTreeMap<u32, u64>, octave| column.get(&octave).copied().unwrap_or(0);
    let rows: Vec<Vec<u64>> = (lowest..=highest)
        .map(|octave| columns.iter().map(|c| count(c, octave)).collect())
        .collect();
    let most = rows.iter().flatten().copied().max().unwrap_or(0);
    Some(Heat { lowest, rows, most })
}

/// Returns the level from 0 for nothing to [`HOTTEST`]; each is a few times as much as the one below.
pub fn level(count: u64, most: u64) -> u8 {
    let steps = [0.25, 0.5, 0.75].map(|part| (most as f64).powf(part));
    match count as f64 {
        _ if count == 0 => 0,
        _ if count >= most => HOTTEST,
        n => 1 + u8::from(n > steps[0]) + u8::from(n > steps[1]) + u8::from(n > steps[2]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::model::{Access, Bucket, FileKey, FileRow, Order};

    fn moment(buckets: &[(u64, u64)]) -> Moment {
        let mut hist = Hist::default();
        for &(lower_ns, n) in buckets {
            hist.add(Bucket {
                lower_ns,
                upper_ns: lower_ns,
                n,
            });
        }
        let mut file = FileRow::new(FileKey::OTHER);
        file.faults.insert((Order::Pte, Access::Read), hist);
        Moment {
            time: SystemTime::UNIX_EPOCH,
            elapsed_ns: 1,
            file,
        }
    }

    #[test]
    fn rows_are_octaves_and_columns_are_intervals() {
        let moments = [
            moment(&[(1 << 20, 9)]),
            moment(&[(2048, 1), (2304, 2)]),
            moment(&[]),
            moment(&[(8192, 7)]),
        ];
        let heat = heat(&moments, 3).unwrap();
        assert_eq!((heat.lowest, heat.most), (11, 7));
        assert_eq!(heat.rows, [[3, 0, 0], [0, 0, 0], [0, 0, 7]]);
        assert_eq!(super::heat(&moments[2..3], 9), None);
        assert_eq!(super::heat(&[], 9), None);
        assert_eq!(super::heat(&moments, 0), None);
    }

    #[test]
    fn any_latency_has_an_octave() {
        let all = octaves(
            &moment(&[(0, 1), (1, 1), (u64::MAX, u64::MAX)]).file.faults
                [&(Order::Pte, Access::Read)],
        );
        assert_eq!(all, BTreeMap::from([(0, 2), (63, u64::MAX)]));
    }

    #[test]
    fn something_is_never_nothing_and_the_most_is_the_hottest() {
        assert_eq!(level(0, 0), 0);
        assert_eq!(level(1, 1), HOTTEST);
        assert_eq!(level(1, u64::MAX), 1);
        assert_eq!(level(u64::MAX, u64::MAX), HOTTEST);
        let levels: Vec<_> = [1, 11, 101, 1_001, 10_000].map(|n| level(n, 10_000)).into();
        assert_eq!(levels, [1, 2, 3, 4, 4]);
    }
}
