//! One kernel's runs, held against the limits. Pure: a document in, rows out.

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::limits::Limits;
use crate::result::Outcome;
use crate::watched::{AGAIN, Document, FLOOR, NOTHING, SUBJECT, is_peer};
use crate::workload::clock::Unit;

/// The steady faults that are compared.
const ROWS: [&str; 4] = ["pte/write", "pte/read", "pmd/write", "pmd/read"];

/// How far two medians without an instrument may be apart for the others to mean anything.
const SAME: u64 = 5;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Kernel {
    /// Its release and build.
    pub(super) release: String,
    /// The instruments of `added`, in this order.
    pub(super) instruments: Vec<String>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Instructions of the fault that nobody watches.
    pub(super) alone: u64,
    /// Instructions more, by instrument.
    pub(super) added: Vec<i64>,
    pub(super) at_most: Option<u64>,
    /// How many rules it was held to.
    pub(super) rules: usize,
    /// Why rules are missed; empty if they are met.
    pub(super) missed: Vec<String>,
}

pub(super) fn judge(document: &Document, limits: &Limits) -> Result<Kernel> {
    for watched in &document.watched {
        let outcome = &watched.outcome;
        ensure!(outcome.unit == Unit::Insn, "it counts no instructions");
        for scenario in outcome.scenarios() {
            ensure!(
                scenario.unexpected.is_empty(),
                "with {}, {} did not measure what it is called: {}",
                watched.instrument,
                scenario.id,
                scenario.unexpected.join("; ")
            );
        }
    }
    let of = |instrument: &str| {
        let mut all = document.watched.iter();
        let found = all.find(|watched| watched.instrument == instrument);
        found
            .map(|watched| &watched.outcome)
            .with_context(|| format!("{instrument} was not measured"))
    };
    let alone = of(NOTHING)?;
    let (again, subject) = (of(AGAIN)?, of(SUBJECT)?);
    of(FLOOR)?;
    let release = alone.fingerprint.get("kernel").cloned();
    let release = release.context("the result does not name its kernel")?;
    let instruments: Vec<_> = (document.watched.iter())
        .filter(|watched| ![NOTHING, AGAIN].contains(&watched.instrument.as_str()))
        .collect();
    ensure!(
        instruments
            .iter()
            .any(|watched| is_peer(&watched.instrument)),
        "no peer was measured"
    );
    let rows = ROWS
        .into_iter()
        .map(|name| {
            let (before, after) = (p50(alone, name)?, p50(again, name)?);
            ensure!(
                before.abs_diff(after) <= SAME,
                "{name} took {before} instructions before the instruments and {after} after them"
            );
            let added = |outcome| Ok(difference(p50(outcome, name)?, before));
            let mut row = Row {
                name,
                alone: before,
                added: (instruments.iter())
                    .map(|watched| added(&watched.outcome))
                    .collect::<Result<_>>()?,
                at_most: limits.at_most(&release, name),
                rules: 0,
                missed: Vec::new(),
            };
            let ours = added(subject)?;
            if let Some(limit) = row.at_most {
                row.hold(ours <= difference(limit, 0), || {
                    format!("{SUBJECT} adds {ours}, more than {limit}")
                });
            }
            for (watched, theirs) in instruments.iter().zip(row.added.clone()) {
                if is_peer(&watched.instrument) {
                    row.hold(ours < theirs, || {
                        format!("{} adds {theirs}, {SUBJECT} {ours}", watched.instrument)
                    });
                }
            }
            Ok(row)
        })
        .collect::<Result<_>>()?;
    Ok(Kernel {
        release,
        instruments: (instruments.iter())
            .map(|watched| watched.instrument.clone())
            .collect(),
        rows,
    })
}

impl Row {
    fn hold(&mut self, met: bool, otherwise: impl FnOnce() -> String) {
        self.rules += 1;
        if !met {
            self.missed.push(otherwise());
        }
    }
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(i64::MAX)
}

fn p50(outcome: &Outcome, row: &str) -> Result<u64> {
    let id = format!("famfs/{row}/steady");
    let mut all = outcome.scenarios();
    let found = all.find(|scenario| scenario.id == id);
    found
        .map(|scenario| scenario.times.p50)
        .with_context(|| format!("{id} was not measured"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::parse("at_most = { '6.12' = { 'pte/read' = 505, 'pte/write' = 505 } }").unwrap()
    }

    /// Each instrument with the instructions of every row.
    fn document(runs: &[(&str, u64)]) -> Document {
        let watched: Vec<_> = runs
            .iter()
            .map(|(instrument, p50)| {
                let scenarios: Vec<_> = ROWS
                    .iter()
                    .map(|row| {
                        serde_json::json!({
                            "id": format!("famfs/{row}/steady"),
                            "times": { "count": 1, "min": p50, "p50": p50, "p90": p50,
                                       "p99": p50, "max": p50, "mean": 1.0 },
                            "hdr": "", "sha256": "", "unmap": 0,
                            "faults": { "touches": 1, "minor": 1, "later": 0, "module": null },
                            "unexpected": []
                        })
                    })
                    .collect();
                serde_json::json!({ "instrument": instrument, "outcome": {
                    "schema": 1, "fingerprint": { "kernel": "6.12.95 #1" }, "unit": "insn",
                    "deterministic": true, "tick_ns": 1.0, "clock_overhead": 3, "pinned_cpu": 0,
                    "geometry": { "file_bytes": 2_097_152, "pmd_touches": 1, "pte_touches": 1,
                                  "reps": 2 },
                    "targets": [{ "name": "famfs", "file": null, "skipped": [],
                                  "scenarios": scenarios }]
                } })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "schema": 1, "watched": watched })).unwrap()
    }

    fn with(ours: u64, theirs: u64) -> Document {
        document(&[
            (NOTHING, 4800),
            (FLOOR, 4978),
            (SUBJECT, 4800 + ours),
            ("bpftrace fentry", 4800 + theirs),
            (AGAIN, 4803),
        ])
    }

    #[test]
    fn what_an_instrument_adds_is_held_to_the_limit_and_to_the_peers() {
        let kernel = judge(&with(505, 2100), &limits()).unwrap();
        assert_eq!(kernel.instruments, [FLOOR, SUBJECT, "bpftrace fentry"]);
        assert_eq!(kernel.rows.len(), 4);
        let row = &kernel.rows[0];
        assert_eq!((row.name, row.alone), ("pte/write", 4800));
        assert_eq!(row.added, [178, 505, 2100]);
        assert_eq!((row.rules, &row.missed[..]), (2, &[] as &[String]));
        assert_eq!((kernel.rows[2].rules, kernel.rows[2].at_most), (1, None));
    }

    #[test]
    fn each_rule_is_missed_by_one() {
        let kernel = judge(&with(506, 506), &limits()).unwrap();
        assert_eq!(
            kernel.rows[0].missed,
            [
                "famfs-top adds 506, more than 505",
                "bpftrace fentry adds 506, famfs-top 506"
            ]
        );
        assert_eq!(kernel.rows[3].missed.len(), 1);
    }

    #[test]
    fn a_run_that_cannot_be_compared_is_an_error() {
        let drifted = document(&[
            (NOTHING, 4800),
            (FLOOR, 4978),
            (SUBJECT, 5300),
            ("bpftrace fentry", 6900),
            (AGAIN, 4806),
        ]);
        let error = judge(&drifted, &limits()).unwrap_err().to_string();
        assert!(error.contains("4800 instructions before"), "{error}");
        for missing in [NOTHING, FLOOR, SUBJECT, "bpftrace fentry", AGAIN] {
            let mut less = with(500, 2100);
            less.watched.retain(|watched| watched.instrument != missing);
            assert!(judge(&less, &limits()).is_err(), "without {missing}");
        }
    }
}
