//! `bench/limits.toml`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::judged;

/// The row of the limit on munmap(2).
pub(super) const UNMAP: &str = "unmap";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Part of the cheaper file system's instructions, by row.
    ratio: BTreeMap<String, f64>,
    /// Instructions to stay below, by kernel line and row.
    #[serde(default)]
    below: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Limits {
    pub(super) fn read(path: &Path) -> Result<Self> {
        judged::limits(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let limits: Self = toml::from_str(text)?;
        let rows = limits
            .ratio
            .keys()
            .chain(limits.below.values().flat_map(BTreeMap::keys));
        for row in rows {
            ensure!(
                row == UNMAP || is_row(row),
                "`{row}` is no row: {{pmd,pte}}/{{read,write}}/{{first,steady}} or {UNMAP}"
            );
        }
        for (row, ratio) in &limits.ratio {
            ensure!(
                (0.01..=2.0).contains(ratio),
                "{row} = {ratio} is no ratio between 0.01 and 2"
            );
        }
        ensure!(!limits.ratio.is_empty(), "there is no limit in it");
        Ok(limits)
    }

    pub(super) fn ratio(&self, row: &str) -> Option<f64> {
        self.ratio.get(row).copied()
    }

    /// Returns the limit for a kernel's release, which begins with its line.
    pub(super) fn below(&self, release: &str, row: &str) -> Option<u64> {
        judged::of_line(&self.below, release)?.get(row).copied()
    }
}

fn is_row(row: &str) -> bool {
    let parts: Vec<_> = row.split('/').collect();
    matches!(
        parts.as_slice(),
        ["pmd" | "pte", "read" | "write", "first" | "steady"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_limits_name_the_rows_and_both_kernels() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("limits.toml");
        let limits = Limits::read(&path).unwrap();
        assert_eq!(limits.ratio("pmd/write/steady"), Some(0.86));
        assert_eq!(limits.ratio(UNMAP), Some(1.02));
        let below = |release: &str| limits.below(release, "pmd/write/steady");
        assert_eq!(below("6.12.95+deb12-amd64"), Some(4282));
        assert_eq!(below("7.3.4+deb13-amd64"), Some(4253));
        assert_eq!(below("7.30.1"), None);
        assert_eq!(below("5.15.0"), None);
    }

    #[test]
    fn limits_that_mean_nothing_are_refused() {
        for text in [
            "",
            "ratio = {}",
            "ratio = { 'pmd/write' = 0.9 }",
            "ratio = { unmap = 100.0 }",
            "ratio = { unmap = nan }",
            "ratio = { unmap = 1.0 }\nbelow = { '6.12' = { x = 1 } }",
            "ratio = { unmap = 1.0 }\nabove = { }",
        ] {
            assert!(Limits::parse(text).is_err(), "{text}");
        }
    }
}
