//! The result document: what `run` writes and `gate` reads.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use famfs_cli::name::MaybeFile;
use serde::{Deserialize, Serialize};

use crate::stats::Summary;
use crate::workload::clock::Unit;

pub(crate) const SCHEMA: u32 = 1;

/// One boot's measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Outcome {
    pub(crate) schema: u32,
    /// What must agree for two results to be comparable, the module under test left out.
    pub(crate) fingerprint: BTreeMap<String, String>,
    pub(crate) unit: Unit,
    pub(crate) deterministic: bool,
    /// Nanoseconds per tick of `unit`.
    pub(crate) tick_ns: f64,
    /// Ticks that the clock itself adds to each touch.
    pub(crate) clock_overhead: u64,
    pub(crate) pinned_cpu: Option<usize>,
    pub(crate) geometry: Geometry,
    pub(crate) targets: Vec<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Geometry {
    pub(crate) file_bytes: u64,
    pub(crate) pmd_touches: usize,
    pub(crate) pte_touches: usize,
    pub(crate) reps: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Target {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) file: MaybeFile,
    /// Why the target, or one size of mapping on it, was not measured.
    pub(crate) skipped: Vec<String>,
    pub(crate) scenarios: Vec<Scenario>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Scenario {
    /// `famfs/pmd/write/steady`
    pub(crate) id: String,
    pub(crate) times: Summary,
    /// `HdrHistogram` V2, base64.
    pub(crate) hdr: String,
    /// The hash of every single time.
    pub(crate) sha256: String,
    /// Ticks of munmap(2), per fault-sized piece of the mapping.
    pub(crate) unmap: u64,
    pub(crate) faults: Faults,
    /// How the fault counts differ from what was expected; empty if they do not.
    pub(crate) unexpected: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Faults {
    pub(crate) touches: u64,
    /// Minor faults that the kernel charged for these touches.
    pub(crate) minor: u64,
    /// Minor faults of a later touch of every page: none if the mapping was of the wanted size.
    pub(crate) later: u64,
    /// What famfs.ko counted meanwhile.
    pub(crate) module: Option<ModuleFaults>,
}

/// The counters of `/sys/fs/famfs/MAJ:MIN/faults`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModuleFaults {
    pub(crate) pte: u64,
    pub(crate) pmd: u64,
    pub(crate) pud_try: u64,
    pub(crate) fallback: u64,
    pub(crate) refused: u64,
}

impl ModuleFaults {
    /// Reads `pte=1 pmd=2 …`; an unknown name is a later module's business.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut faults = Self::default();
        let mut known = 0;
        for word in line.split_whitespace() {
            let (name, count) = word.split_once('=')?;
            let count = count.parse().ok()?;
            let field = match name {
                "pte" => &mut faults.pte,
                "pmd" => &mut faults.pmd,
                "pud_try" => &mut faults.pud_try,
                "fallback" => &mut faults.fallback,
                "refused" => &mut faults.refused,
                _ => continue,
            };
            *field = count;
            known += 1;
        }
        (known == 5).then_some(faults)
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            pte: self.pte.wrapping_sub(before.pte),
            pmd: self.pmd.wrapping_sub(before.pmd),
            pud_try: self.pud_try.wrapping_sub(before.pud_try),
            fallback: self.fallback.wrapping_sub(before.fallback),
            refused: self.refused.wrapping_sub(before.refused),
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            pte: self.pte.wrapping_add(other.pte),
            pmd: self.pmd.wrapping_add(other.pmd),
            pud_try: self.pud_try.wrapping_add(other.pud_try),
            fallback: self.fallback.wrapping_add(other.fallback),
            refused: self.refused.wrapping_add(other.refused),
        }
    }
}

impl Outcome {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the result {}", path.display()))?;
        let outcome: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no result of famfs-bench run", path.display()))?;
        ensure!(
            outcome.schema == SCHEMA,
            "{} has schema {}, this famfs-bench reads {SCHEMA}: measure again",
            path.display(),
            outcome.schema
        );
        Ok(outcome)
    }

    pub(crate) fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        self.targets.iter().flat_map(|target| &target.scenarios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_counters_are_read() {
        let line = "pte=1024 pmd=32 pud_try=0 fallback=2 refused=0\n";
        let faults = ModuleFaults::parse(line).unwrap();
        assert_eq!(
            faults,
            ModuleFaults {
                pte: 1024,
                pmd: 32,
                pud_try: 0,
                fallback: 2,
                refused: 0
            }
        );
        assert_eq!(faults.since(faults), ModuleFaults::default());
        assert_eq!(faults.plus(ModuleFaults::default()), faults);
    }

    #[test]
    fn a_later_modules_extra_counter_is_no_error_and_a_missing_one_is() {
        assert!(ModuleFaults::parse("pte=1 pmd=2 pud_try=3 fallback=4 refused=5 new=6").is_some());
        for line in [
            "",
            "pte=1",
            "pte=x pmd=2 pud_try=3 fallback=4 refused=5",
            "pte",
        ] {
            assert_eq!(ModuleFaults::parse(line), None, "{line}");
        }
    }
}
