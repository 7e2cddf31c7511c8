//! The result document of `runtime`, which `runtime-cost` reads.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::mark::Window;
use crate::workload::clock::Unit;

pub(crate) const SCHEMA: u32 = 1;

/// One boot's measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Outcome {
    pub(crate) schema: u32,
    /// Release and build.
    pub(crate) kernel: String,
    pub(crate) unit: Unit,
    /// Nanoseconds per tick of `unit`.
    pub(crate) tick_ns: f64,
    /// Where this program, and so any other that is linked like it, ends in memory.
    pub(crate) image_end: u64,
    pub(crate) rows: Vec<Row>,
}

/// One thing that was measured, once or several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row {
    pub(crate) what: Window,
    /// Files, log entries or pages of 4 KiB that each run was about.
    pub(crate) count: u64,
    /// One number for each run, in the order in which they were made.
    pub(crate) ticks: Vec<u64>,
}

impl Row {
    /// The cost of one file, entry or page, by the median run.
    pub(crate) fn each(&self) -> f64 {
        median(&self.ticks) / self.count.max(1) as f64
    }
}

impl Outcome {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the result {}", path.display()))?;
        let outcome: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no result of famfs-bench runtime", path.display()))?;
        ensure!(
            outcome.schema == SCHEMA,
            "{} has schema {}, this famfs-bench reads {SCHEMA}: measure again",
            path.display(),
            outcome.schema
        );
        Ok(outcome)
    }

    pub(crate) fn row(&self, what: Window) -> Result<&Row> {
        self.rows
            .iter()
            .find(|row| row.what == what && !row.ticks.is_empty())
            .with_context(|| format!("{what:?} was not measured"))
    }
}

/// The middle one, or the mean of the two; 0 of none.
fn median(ticks: &[u64]) -> f64 {
    let mut sorted = ticks.to_vec();
    sorted.sort_unstable();
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[half] as f64,
        _ => f64::midpoint(sorted[half - 1] as f64, sorted[half] as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_any_number() {
        assert!((median(&[5, 1, 3]) - 3.0).abs() < 1e-9);
        assert!((median(&[5, 1, 3, 4]) - 3.5).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }
}
