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
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logplay {
    /// At most this part of a play's instructions is user space's.
    pub(super) ours_percent: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Creat {
    /// A file of many by one command is at least so many times cheaper than one by its own.
    pub(super) times_cheaper: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cp {
    /// At most so many times the instructions of memcpy and flush.
    pub(super) by_memcpy: f64,
    /// At most so many times their time, by the median of the pairs.
    pub(super) time_by_memcpy: f64,
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
        assert!((limits.creat.times_cheaper - 100.0).abs() < 1e-9);
        assert!((limits.cp.by_memcpy - 1.10).abs() < 1e-9);
        assert!((limits.cp.time_by_memcpy - 1.10).abs() < 1e-9);
    }

    #[test]
    fn limits_that_mean_nothing_are_refused() {
        let with = |ours: &str, cheaper: &str, by: &str, time: &str| {
            Limits::parse(&format!(
                "logplay = {{ ours_percent = {ours} }}\ncreat = {{ times_cheaper = {cheaper} }}\n\
                 cp = {{ by_memcpy = {by}, time_by_memcpy = {time} }}"
            ))
        };
        with("20.0", "100.0", "1.1", "1.1").unwrap();
        for (ours, cheaper, by, time) in [
            ("100.0", "100.0", "1.1", "1.1"),
            ("nan", "100.0", "1.1", "1.1"),
            ("20.0", "0.5", "1.1", "1.1"),
            ("20.0", "inf", "1.1", "1.1"),
            ("20.0", "100.0", "0.9", "1.1"),
            ("20.0", "100.0", "11.0", "1.1"),
            ("20.0", "100.0", "1.1", "nan"),
        ] {
            let limits = with(ours, cheaper, by, time);
            assert!(limits.is_err(), "{ours} {cheaper} {by} {time}");
        }
        Limits::parse("logplay = { ours_percent = 20.0 }").unwrap_err();
    }
}
