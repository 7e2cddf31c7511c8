//! What a vector of fault times comes down to.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Exact order statistics, in ticks: taken from the vector, not from the histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) min: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
    pub(crate) mean: f64,
}

impl Summary {
    pub(crate) fn of(times: &[u64]) -> Result<Self> {
        ensure!(!times.is_empty(), "no fault was timed");
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let sum: u128 = sorted.iter().map(|&time| u128::from(time)).sum();
        Ok(Self {
            count: sorted.len() as u64,
            min: sorted[0],
            p50: rank(&sorted, 50),
            p90: rank(&sorted, 90),
            p99: rank(&sorted, 99),
            max: sorted[sorted.len() - 1],
            mean: sum as f64 / sorted.len() as f64,
        })
    }

    /// Why these cannot be the statistics of real faults, if they cannot.
    pub(crate) fn impossible(&self) -> Option<&'static str> {
        let Self {
            count,
            min,
            p50,
            p90,
            p99,
            max,
            mean,
        } = *self;
        if count == 0 {
            Some("no fault was timed")
        } else if p50 == 0 {
            Some("its p50 is 0, and no fault is free")
        } else if ![min, p50, p90, p99, max].is_sorted() {
            Some("min, p50, p90, p99 and max are not in order")
        } else if !(min as f64..=max as f64).contains(&mean) {
            Some("the mean is not between min and max")
        } else {
            None
        }
    }
}

/// The nearest rank: the smallest value that `percent` of all values do not exceed.
fn rank(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// An `HdrHistogram` of three significant digits in its V2 encoding, in base64.
pub(crate) fn hdr(times: &[u64]) -> Result<String> {
    let mut histogram = Histogram::<u64>::new(3).context("cannot make a histogram")?;
    for &time in times {
        histogram
            .record(time)
            .with_context(|| format!("cannot record a fault of {time} ticks"))?;
    }
    let mut bytes = Vec::new();
    V2Serializer::new()
        .serialize(&histogram, &mut bytes)
        .context("cannot encode a histogram")?;
    Ok(STANDARD.encode(bytes))
}

/// SHA-256 over every time in order: equal only if every fault took the same.
pub(crate) fn fingerprint(times: &[u64]) -> String {
    let mut hash = Sha256::new();
    for time in times {
        hash.update(time.to_le_bytes());
    }
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;

    use super::*;

    #[test]
    fn order_statistics_are_exact() {
        let times: Vec<u64> = (1..=200).rev().collect();
        let summary = Summary::of(&times).unwrap();
        assert_eq!(summary.count, 200);
        assert_eq!((summary.min, summary.p50, summary.p90), (1, 100, 180));
        assert_eq!((summary.p99, summary.max), (198, 200));
        assert!((summary.mean - 100.5).abs() < 1e-9);
    }

    #[test]
    fn one_value_is_every_percentile() {
        let summary = Summary::of(&[7]).unwrap();
        assert_eq!([summary.min, summary.p50, summary.p99, summary.max], [7; 4]);
        assert!(Summary::of(&[]).is_err());
    }

    #[test]
    fn the_histogram_reads_back() {
        let times = [10, 20, 20, 4_300];
        let bytes = STANDARD.decode(hdr(&times).unwrap()).unwrap();
        let back: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap();
        assert_eq!(back.len(), 4);
        assert_eq!(back.count_at(20), 2);
        assert_eq!(back.value_at_quantile(0.5), 20);
        assert!(back.max() >= 4_300 && back.max() < 4_305);
    }

    #[test]
    fn the_fingerprint_sees_order_and_every_value() {
        let of = fingerprint(&[1, 2, 3]);
        assert_eq!(of.len(), 64);
        assert_eq!(of, fingerprint(&[1, 2, 3]));
        assert_ne!(of, fingerprint(&[1, 3, 2]));
        assert_ne!(of, fingerprint(&[1, 2, 4]));
        // SHA-256 of no bytes at all, from its specification's test vectors.
        assert!(fingerprint(&[]).starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }
}
