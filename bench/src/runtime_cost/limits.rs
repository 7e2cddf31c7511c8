//! `bench/runtime-limits.toml`

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::judged;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) logplay: Logplay,
    pub(super) creat: Creat,
    pub(super) cp: Cp,
    pub(super) seed: Seed,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logplay {
    /// The largest part of a play's instructions that may be user space's.
    pub(super) ours_percent: f64,
    /// The largest part of the first play's instructions that a play of a log may take whose
    /// files are all there.
    pub(super) again_by_first: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Creat {
    /// How many times cheaper, at least, a file of many by one command is than one by its own.
    pub(super) times_cheaper: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cp {
    /// How many times the instructions of memcpy and flush a copy may take.
    pub(super) by_memcpy: f64,
    /// How many times their time a copy may take, by the median of the pairs.
    pub(super) time_by_memcpy: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seed {
    /// How many instructions each byte may take that is made.
    pub(super) insn_per_byte: f64,
    /// How many instructions each byte may take that is compared.
    pub(super) verify_insn_per_byte: f64,
}

impl Limits {
    pub(super) fn read(path: &Path) -> Result<Self> {
        judged::limits(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let limits: Self = toml::from_str(text)?;
        let ours = limits.logplay.ours_percent;
        ensure!(
            ours > 0.0 && ours < 100.0,
            "logplay.ours_percent = {ours} is no part between 0 and 100"
        );
        let again = limits.logplay.again_by_first;
        ensure!(
            again > 0.0 && again < 1.0,
            "logplay.again_by_first = {again} is no part between 0 and 1"
        );
        let Seed {
            insn_per_byte,
            verify_insn_per_byte,
        } = limits.seed;
        for (name, insns) in [
            ("insn_per_byte", insn_per_byte),
            ("verify_insn_per_byte", verify_insn_per_byte),
        ] {
            ensure!(
                insns > 0.0 && insns.is_finite(),
                "seed.{name} = {insns} is no number of instructions"
            );
        }
        let cheaper = limits.creat.times_cheaper;
        ensure!(
            cheaper >= 1.0 && cheaper.is_finite(),
            "creat.times_cheaper = {cheaper} is no number from 1 on"
        );
        let Cp {
            by_memcpy,
            time_by_memcpy,
        } = limits.cp;
        for (name, by) in [("by_memcpy", by_memcpy), ("time_by_memcpy", time_by_memcpy)] {
            ensure!(
                (1.0..=10.0).contains(&by),
                "cp.{name} = {by} is no ratio between 1 and 10"
            );
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_limits_are_the_targets() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime-limits.toml");
        let limits = Limits::read(&path).unwrap();
        assert!((limits.logplay.ours_percent - 20.0).abs() < 1e-9);
        assert!((limits.logplay.again_by_first - 0.95).abs() < 1e-9);
        assert!((limits.seed.insn_per_byte - 1.5).abs() < 1e-9);
        assert!((limits.seed.verify_insn_per_byte - 2.6).abs() < 1e-9);
        assert!((limits.creat.times_cheaper - 100.0).abs() < 1e-9);
        assert!((limits.cp.by_memcpy - 1.10).abs() < 1e-9);
        assert!((limits.cp.time_by_memcpy - 1.10).abs() < 1e-9);
    }

    #[test]
    fn limits_that_mean_nothing_are_refused() {
        const SHIPPED: &str = include_str!("../../runtime-limits.toml");
        Limits::parse(SHIPPED).unwrap();
        for (name, values) in [
            ("ours_percent", &["0.0", "100.0", "nan"] as &[_]),
            ("again_by_first", &["0.0", "1.0", "nan"]),
            ("times_cheaper", &["0.5", "inf"]),
            ("by_memcpy", &["0.9", "11.0"]),
            ("time_by_memcpy", &["nan"]),
            ("insn_per_byte", &["0.0", "inf", "nan"]),
            ("verify_insn_per_byte", &["0.0", "nan"]),
        ] {
            for value in values {
                let lines = SHIPPED.lines().map(|line| match line.split_once(" = ") {
                    Some((key, _)) if key == name => format!("{name} = {value}"),
                    _ => line.to_owned(),
                });
                let limits = lines.collect::<Vec<_>>().join("\n");
                assert!(limits.contains(&format!("{name} = {value}")), "{name}");
                assert!(Limits::parse(&limits).is_err(), "{name} = {value}");
            }
        }
        Limits::parse("logplay = { ours_percent = 20.0 }").unwrap_err();
    }
}
