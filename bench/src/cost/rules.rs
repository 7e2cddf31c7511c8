//! One kernel's result, held against the limits. Pure: a result in, rows out.

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::limits::{Limits, UNMAP};
use crate::result::{Outcome, Scenario};

const SUBJECT: &str = "famfs";
/// The file systems whose cheaper one is the measure.
const RIVALS: [&str; 2] = ["ext4", "xfs"];
/// What a fault costs without any file system.
const FLOOR: &str = "devdax";

/// What was measured on one kernel.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Kernel {
    /// Its release and build.
    pub(super) kernel: String,
    pub(super) rows: Vec<Row>,
}

/// One kind of fault, or the unmapping after it.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Row {
    /// `pmd/write/steady`, or `unmap pmd/write/steady`.
    pub(super) name: String,
    pub(super) famfs: u64,
    pub(super) ext4: u64,
    pub(super) xfs: u64,
    pub(super) devdax: Option<u64>,
    /// famfs by the cheaper of ext4 and xfs.
    pub(super) ratio: f64,
    pub(super) at_most: Option<f64>,
    pub(super) below: Option<u64>,
    /// famfs by the raw device.
    pub(super) by_devdax: Option<f64>,
    /// Why the limits are missed; empty if they are met.
    pub(super) missed: Vec<String>,
}

pub(super) fn judge(outcome: &Outcome, limits: &Limits) -> Result<Kernel> {
    for scenario in outcome.scenarios() {
        ensure!(
            scenario.unexpected.is_empty(),
            "{} did not measure what it is called: {}",
            scenario.id,
            scenario.unexpected.join("; ")
        );
    }
    let kernel = outcome.fingerprint.get("kernel").cloned();
    let kernel = kernel.context("the result does not name its kernel")?;
    let subject = outcome
        .targets
        .iter()
        .find(|target| target.name == SUBJECT && !target.scenarios.is_empty())
        .context("famfs was not measured")?;
    let mut faults = Vec::new();
    let mut unmaps = Vec::new();
    for scenario in &subject.scenarios {
        let name = scenario.id.split_once('/').map_or("", |(_, name)| name);
        let of = |value: fn(&Scenario) -> u64| row(outcome, name, value);
        let mut fault = of(|scenario| scenario.times.p50)?;
        fault.hold(limits.ratio(name), limits.below(&kernel, name));
        faults.push(fault);
        let mut unmap = of(|scenario| scenario.unmap)?;
        unmap.name = format!("{UNMAP} {name}");
        unmap.hold(limits.ratio(UNMAP), limits.below(&kernel, UNMAP));
        unmaps.push(unmap);
    }
    faults.extend(unmaps);
    Ok(Kernel {
        kernel,
        rows: faults,
    })
}

fn row(outcome: &Outcome, name: &str, value: fn(&Scenario) -> u64) -> Result<Row> {
    let of = |target: &str| {
        let id = format!("{target}/{name}");
        let mut all = outcome.scenarios();
        all.find(|scenario| scenario.id == id).map(value)
    };
    let needed = |target: &str| {
        of(target).with_context(|| {
            let skipped = outcome.targets.iter().find(|known| known.name == target);
            let why = skipped.map(|target| target.skipped.join("; "));
            format!(
                "{target}/{name} was not measured: {}",
                why.unwrap_or_default()
            )
        })
    };
    let famfs = needed(SUBJECT)?;
    let [ext4, xfs] = [needed(RIVALS[0])?, needed(RIVALS[1])?];
    let devdax = of(FLOOR);
    let by = |other: u64| famfs as f64 / other.max(1) as f64;
    Ok(Row {
        name: name.to_owned(),
        famfs,
        ext4,
        xfs,
        devdax,
        ratio: by(ext4.min(xfs)),
        at_most: None,
        below: None,
        by_devdax: devdax.map(by),
        missed: Vec::new(),
    })
}

impl Row {
    fn hold(&mut self, at_most: Option<f64>, below: Option<u64>) {
        self.at_most = at_most;
        self.below = below;
        if let Some(limit) = at_most.filter(|limit| self.ratio > *limit) {
            let excess = self.famfs as f64 - limit * self.ext4.min(self.xfs) as f64;
            let missed = format!("ratio {:.3} > {limit:.2}, by {excess:.0} insn", self.ratio);
            self.missed.push(missed);
        }
        if let Some(limit) = below.filter(|limit| self.famfs >= *limit) {
            self.missed
                .push(format!("{} is not below {limit}", self.famfs));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::parse(
            "ratio = { 'pmd/write/steady' = 0.86, unmap = 1.02 }\n\
             below = { '6.12' = { 'pmd/write/steady' = 4282 } }",
        )
        .unwrap()
    }

    fn outcome(p50: [u64; 4], unmap: [u64; 4]) -> Outcome {
        let names = ["famfs", "ext4", "xfs", "devdax"];
        let targets: Vec<_> = names
            .iter()
            .zip(p50.into_iter().zip(unmap))
            .map(|(name, (p50, unmap))| {
                serde_json::json!({
                    "name": name, "file": null, "skipped": [],
                    "scenarios": [{
                        "id": format!("{name}/pmd/write/steady"),
                        "times": { "count": 1, "min": p50, "p50": p50, "p90": p50, "p99": p50,
                                   "max": p50, "mean": 1.0 },
                        "hdr": "", "sha256": "", "unmap": unmap,
                        "faults": { "touches": 1, "minor": 1, "later": 0, "module": null },
                        "unexpected": []
                    }]
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "schema": 1, "fingerprint": { "kernel": "6.12.95+deb12-amd64 #1" },
            "unit": "insn", "deterministic": true, "tick_ns": 1.0, "clock_overhead": 3,
            "pinned_cpu": 0,
            "geometry": { "file_bytes": 2_097_152, "pmd_touches": 1, "pte_touches": 1, "reps": 2 },
            "targets": targets
        }))
        .unwrap()
    }

    #[test]
    fn the_cheaper_file_system_is_the_measure() {
        let outcome = outcome([4281, 5500, 5000, 2000], [100, 110, 100, 90]);
        let kernel = judge(&outcome, &limits()).unwrap();
        assert_eq!(kernel.rows.len(), 2);
        let fault = &kernel.rows[0];
        assert_eq!(fault.missed, [] as [&str; 0]);
        assert!((fault.ratio - 0.8562).abs() < 1e-9);
        assert!((fault.by_devdax.unwrap() - 2.1405).abs() < 1e-9);
        assert_eq!(kernel.rows[1].name, "unmap pmd/write/steady");
    }

    #[test]
    fn every_limit_is_missed_by_one() {
        let slow = outcome([4301, 5500, 5000, 2000], [103, 110, 100, 90]);
        let kernel = judge(&slow, &limits()).unwrap();
        assert_eq!(
            kernel.rows[0].missed,
            ["ratio 0.860 > 0.86, by 1 insn", "4301 is not below 4282"]
        );
        assert_eq!(kernel.rows[1].missed, ["ratio 1.030 > 1.02, by 1 insn"]);
        let equal = outcome([4282, 5500, 5000, 2000], [102, 110, 100, 90]);
        let kernel = judge(&equal, &limits()).unwrap();
        assert_eq!(kernel.rows[0].missed, ["4282 is not below 4282"]);
        assert!(kernel.rows[1].missed.is_empty());
    }

    #[test]
    fn a_measurement_that_is_missing_or_wrong_is_no_pass() {
        let mut none = outcome([1; 4], [1; 4]);
        none.targets[2].scenarios.clear();
        none.targets[2]
            .skipped
            .push("mkfs.xfs is not installed".into());
        let error = judge(&none, &limits()).unwrap_err().to_string();
        assert!(error.contains("mkfs.xfs is not installed"), "{error}");
        let mut wrong = outcome([1; 4], [1; 4]);
        wrong.targets[1].scenarios[0]
            .unexpected
            .push("minor faults 2, not 1".into());
        assert!(judge(&wrong, &limits()).is_err());
        let mut raw = outcome([1; 4], [1; 4]);
        raw.targets[3].scenarios.clear();
        assert_eq!(judge(&raw, &limits()).unwrap().rows[0].devdax, None);
    }
}
