//! What must agree for two results to be comparable.
//!
//! The module under test is left out on purpose: it is what the comparison is about.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use famfs_cli::env;
use sha2::{Digest as _, Sha256};

use crate::stats;

pub(crate) type Fingerprint = BTreeMap<String, String>;

/// What this machine, or the guest that is one, can tell.
pub(crate) fn guest() -> Result<Fingerprint> {
    let read = |path: &str| {
        fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .with_context(|| format!("cannot read {path}"))
    };
    let cpu = read("/proc/cpuinfo")?;
    let kernel = [
        read("/proc/sys/kernel/osrelease")?,
        read("/proc/sys/kernel/version")?,
    ]
    .join(" ");
    Ok([
        ("kernel", kernel),
        ("cmdline", read("/proc/cmdline")?),
        ("cpu", cpu_model(&cpu).unwrap_or("unknown").to_owned()),
        (
            "device",
            env::DEVICE.text().unwrap_or_else(|| "none".to_owned()),
        ),
        ("bench", env!("CARGO_PKG_VERSION").to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect())
}

/// What only the host can tell: QEMU, the module's compiler, the harness. It comes by the
/// environment, where `FAMFS_FINGERPRINT_QEMU` is the entry `qemu`.
pub(crate) fn host(told: impl Iterator<Item = (String, String)>) -> Fingerprint {
    told.map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

/// A short name of the whole.
pub(crate) fn id(fingerprint: &Fingerprint) -> String {
    let mut hash = Sha256::new();
    for (name, value) in fingerprint {
        for part in [name, value] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    stats::hex(&hash.finalize()[..8])
}

/// The entries in which two fingerprints differ, for a person.
pub(crate) fn differences(left: &Fingerprint, right: &Fingerprint) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .map(|name| {
            let show =
                |side: &Fingerprint| side.get(name).map_or("(none)", String::as_str).to_owned();
            format!("{name}: {} / {}", show(left), show(right))
        })
        .collect()
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Fingerprint {
        pairs
            .iter()
            .map(|&(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn the_id_depends_on_every_name_and_value() {
        let base = of(&[("cpu", "Haswell"), ("kernel", "6.12")]);
        assert_eq!(id(&base), id(&base.clone()));
        assert_eq!(id(&base).len(), 16);
        for other in [
            of(&[("cpu", "Haswell"), ("kernel", "7.3")]),
            of(&[("cpu", "Haswellkernel"), ("", "6.12")]),
            of(&[("cpu", "Haswell")]),
        ] {
            assert_ne!(id(&base), id(&other));
        }
    }

    #[test]
    fn differences_name_the_entry_and_both_sides() {
        let left = of(&[("cpu", "a"), ("qemu", "10")]);
        let right = of(&[("cpu", "b"), ("qemu", "10"), ("new", "x")]);
        assert_eq!(
            differences(&left, &right),
            ["cpu: a / b", "new: (none) / x"]
        );
        assert!(differences(&left, &left).is_empty());
    }

    #[test]
    fn the_host_s_entries_come_by_environment() {
        let env = of(&[("QEMU", "10.0.2")]);
        assert_eq!(host(env.into_iter()), of(&[("qemu", "10.0.2")]));
    }

    #[test]
    fn the_model_is_read_from_cpuinfo() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Intel Core Processor (Haswell, no TSX)\n";
        assert_eq!(
            cpu_model(cpuinfo),
            Some("Intel Core Processor (Haswell, no TSX)")
        );
        assert_eq!(cpu_model(""), None);
    }

    #[test]
    fn this_machine_has_a_fingerprint() {
        assert!(guest().unwrap()["kernel"].contains('.'));
    }
}
