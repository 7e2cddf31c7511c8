//! `bench/probe-limits.toml`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::judged;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Instructions that famfs-top may add at most, by kernel line and row.
    at_most: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Limits {
    pub(super) fn read(path: &Path) -> Result<Self> {
        judged::limits(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let limits: Self = toml::from_str(text)?;
        ensure!(!limits.at_most.is_empty(), "there is no limit in it");
        for (line, rows) in &limits.at_most {
            ensure!(!rows.is_empty(), "there is no limit for {line}");
            for row in rows.keys() {
                let parts: Vec<_> = row.split('/').collect();
                ensure!(
                    matches!(parts.as_slice(), ["pmd" | "pte", "read" | "write"]),
                    "`{row}` is no row: {{pmd,pte}}/{{read,write}}"
                );
            }
        }
        Ok(limits)
    }

    /// Returns the limit for a kernel's release, which begins with its line.
    pub(super) fn at_most(&self, release: &str, row: &str) -> Option<u64> {
        judged::of_line(&self.at_most, release)?.get(row).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_limits_are_for_faults_of_4_kib_on_both_kernels() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("probe-limits.toml");
        let limits = Limits::read(&path).unwrap();
        for row in ["pte/read", "pte/write"] {
            assert!(limits.at_most("6.12.95+deb12-amd64", row) <= Some(505));
            assert!(limits.at_most("6.12.95+deb12-amd64", row).is_some());
            assert!(limits.at_most("7.3.4+deb13-amd64", row) <= Some(580));
            assert!(limits.at_most("7.3.4+deb13-amd64", row).is_some());
        }
        assert_eq!(limits.at_most("7.30.1", "pte/read"), None);
    }

    #[test]
    fn limits_that_mean_nothing_are_refused() {
        for text in [
            "",
            "at_most = {}",
            "at_most = { '6.12' = {} }",
            "at_most = { '6.12' = { 'pte/read/steady' = 1 } }",
            "at_most = { '6.12' = { 'pte/read' = -1 } }",
            "at_least = {}",
        ] {
            assert!(Limits::parse(text).is_err(), "{text}");
        }
    }
}
