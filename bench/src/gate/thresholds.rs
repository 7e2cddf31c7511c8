//! `bench/thresholds.toml`

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thresholds {
    pub(crate) boots: usize,
    pub(crate) growth: Growth,
}

/// How much a row may grow: it fails beyond both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Hundredths of a percent, so that the comparison is one of whole numbers.
    pub(crate) permyriad: u64,
    pub(crate) insn: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    boots: usize,
    growth: GrowthTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrowthTable {
    percent: f64,
    insn: u64,
}

impl Thresholds {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the thresholds {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the thresholds {} are wrong", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        ensure!(
            file.boots >= 2,
            "boots = {}: one boot cannot show that two agree",
            file.boots
        );
        let percent = file.growth.percent;
        ensure!(
            (0.0..=100.0).contains(&percent),
            "growth.percent = {percent} is not in 0 to 100"
        );
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 10000, by the check above"
        )]
        let permyriad = (percent * 100.0).round() as u64;
        Ok(Self {
            boots: file.boots,
            growth: Growth {
                permyriad,
                insn: file.growth.insn,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_thresholds_are_half_a_percent_and_25_instructions_over_two_boots() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("thresholds.toml");
        assert_eq!(
            Thresholds::read(&path).unwrap(),
            Thresholds {
                boots: 2,
                growth: Growth {
                    permyriad: 50,
                    insn: 25
                }
            }
        );
    }

    #[test]
    fn thresholds_that_would_pass_anything_are_refused() {
        for text in [
            "",
            "boots = 1\ngrowth = { percent = 0.5, insn = 25 }",
            "boots = 2\ngrowth = { percent = 1e9, insn = 25 }",
            "boots = 2\ngrowth = { percent = nan, insn = 25 }",
            "boots = 2\ngrowth = { percent = -1, insn = 25 }",
            "boots = 2\ngrowth = { percent = 0.5, insn = -1 }",
            "boots = 2\ngrowth = { percent = 0.5, insn = 25, off = true }",
        ] {
            assert!(Thresholds::parse(text).is_err(), "{text}");
        }
    }
}
