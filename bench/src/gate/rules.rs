//! The rules of the gate, on numbers only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::thresholds::Growth;
use crate::fingerprint::{self, Fingerprint};
use crate::result::{Faults, Geometry, Outcome, Scenario};
use crate::workload::clock::Unit;

/// One side of a comparison: what all of its boots agreed on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Side {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) geometry: Geometry,
    pub(crate) rows: BTreeMap<String, Row>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row {
    pub(crate) p50: u64,
    /// Absent, like the next two, in baselines that were accepted before they were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) p90: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) p99: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mean: Option<f64>,
    pub(crate) unmap: u64,
    pub(crate) faults: Faults,
    pub(crate) sha256: String,
    /// How the counts differ from what such faults must be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unexpected: Vec<String>,
}

impl From<&Scenario> for Row {
    fn from(scenario: &Scenario) -> Self {
        Self {
            p50: scenario.times.p50,
            p90: Some(scenario.times.p90),
            p99: Some(scenario.times.p99),
            mean: Some(scenario.times.mean),
            unmap: scenario.unmap,
            faults: scenario.faults,
            sha256: scenario.sha256.clone(),
            unexpected: scenario.unexpected.clone(),
        }
    }
}

/// Why there is no comparison, each with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unmeasured(Vec<String>),
    NotDeterministic(Vec<String>),
    NotComparable(Vec<String>),
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Equal,
    /// Other than before, within the thresholds.
    Changed,
    /// Cheaper by more than the relative threshold: worth a new baseline.
    Improved,
    /// More expensive by more than both thresholds.
    Regressed,
    /// Faults of another number or size.
    Counts,
}

impl State {
    pub(crate) fn fails(self) -> bool {
        matches!(self, Self::Regressed | Self::Counts)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Comparison {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) base: u64,
    pub(crate) new: u64,
    pub(crate) base_unmap: u64,
    pub(crate) new_unmap: u64,
    /// What is wrong with the counts.
    pub(crate) counts: Vec<String>,
    /// What differs between the sides besides the counts.
    pub(crate) moved: Vec<&'static str>,
}

/// Folds the boots of one side into what they agree on; they must agree on everything.
pub(crate) fn side(results: &[Outcome], boots: usize) -> Result<Side, Refusal> {
    if results.len() < boots {
        let reason = format!(
            "{} results for a side, {boots} boots are needed",
            results.len()
        );
        return Err(Refusal::Unmeasured(vec![reason]));
    }
    let sides = results
        .iter()
        .map(one_boot)
        .collect::<Result<Vec<_>, _>>()?;
    let Some((first, others)) = sides.split_first() else {
        return Err(Refusal::Unmeasured(vec![
            "no results for a side".to_owned(),
        ]));
    };
    for other in others {
        same_ground(first, other, "boots of one side")?;
        let differing = differing_rows(first, other);
        if !differing.is_empty() {
            return Err(Refusal::NotDeterministic(differing));
        }
    }
    Ok(first.clone())
}

fn one_boot(result: &Outcome) -> Result<Side, Refusal> {
    let refuse = |reason: String| Err(Refusal::Unmeasured(vec![reason]));
    if result.unit != Unit::Insn || !result.deterministic {
        return refuse(format!(
            "a result is in {}, not in instructions of the deterministic lab",
            result.unit.name()
        ));
    }
    let mut rows = BTreeMap::new();
    for scenario in result.scenarios() {
        if let Some(why) = scenario.times.impossible() {
            return refuse(format!("{}: {why}", scenario.id));
        }
        if rows
            .insert(scenario.id.clone(), Row::from(scenario))
            .is_some()
        {
            return refuse(format!("a result has {} twice", scenario.id));
        }
    }
    if rows.is_empty() {
        let why = result
            .targets
            .iter()
            .flat_map(|target| target.skipped.clone())
            .collect();
        return Err(Refusal::Unmeasured(
            [vec!["a result measured nothing".into()], why].concat(),
        ));
    }
    Ok(Side {
        fingerprint: result.fingerprint.clone(),
        geometry: result.geometry,
        rows,
    })
}

/// Compares row by row; both sides must stand on the same ground.
pub(crate) fn compare(base: &Side, new: &Side, growth: Growth) -> Result<Vec<Comparison>, Refusal> {
    same_ground(base, new, "base and new")?;
    let free: Vec<_> = base
        .rows
        .iter()
        .filter(|(_, row)| row.p50 == 0)
        .map(|(id, _)| format!("{id}: the base has a p50 of 0, and no fault is free"))
        .collect();
    if !free.is_empty() {
        return Err(Refusal::Unmeasured(free));
    }
    Ok(new
        .rows
        .iter()
        .filter_map(|(id, new)| Some(compare_row(id, base.rows.get(id)?, new, growth)))
        .collect())
}

fn compare_row(id: &str, base: &Row, new: &Row, growth: Growth) -> Comparison {
    let mut counts = new.unexpected.clone();
    if base.faults != new.faults {
        counts.push(format!(
            "fault counts {:?}, not {:?}",
            new.faults, base.faults
        ));
    }
    let moved = moved(base, new);
    let grown = new.p50.saturating_sub(base.p50);
    let cheaper = base.p50.saturating_sub(new.p50);
    let beyond = |delta: u64| {
        u128::from(delta) * 10_000 > u128::from(base.p50) * u128::from(growth.permyriad)
    };
    let state = if !counts.is_empty() {
        State::Counts
    } else if beyond(grown) && grown > growth.insn {
        State::Regressed
    } else if beyond(cheaper) {
        State::Improved
    } else if !moved.is_empty() {
        State::Changed
    } else {
        State::Equal
    };
    Comparison {
        id: id.to_owned(),
        state,
        base: base.p50,
        new: new.p50,
        base_unmap: base.unmap,
        new_unmap: new.unmap,
        counts,
        moved,
    }
}

/// The statistics that differ. The hash is over every single time, so it catches what the others
/// miss; an older baseline may lack the rest.
fn moved(base: &Row, new: &Row) -> Vec<&'static str> {
    fn differ<T: PartialEq + Copy>(base: Option<T>, new: Option<T>) -> bool {
        base.is_some() && new.is_some() && base != new
    }
    [
        ("p50", base.p50 != new.p50),
        ("p90", differ(base.p90, new.p90)),
        ("p99", differ(base.p99, new.p99)),
        ("mean", differ(base.mean, new.mean)),
        ("unmap", base.unmap != new.unmap),
        ("hash", base.sha256 != new.sha256),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect()
}

/// Only a side whose counts are what they must be can become a baseline.
pub(crate) fn acceptable(side: &Side) -> Result<(), Refusal> {
    let wrong: Vec<_> = side
        .rows
        .iter()
        .flat_map(|(id, row)| row.unexpected.iter().map(move |odd| format!("{id}: {odd}")))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Unmeasured(wrong))
    }
}

/// Same fingerprint, same geometry, same rows.
fn same_ground(left: &Side, right: &Side, who: &str) -> Result<(), Refusal> {
    let mut reasons = fingerprint::differences(&left.fingerprint, &right.fingerprint);
    if left.geometry != right.geometry {
        reasons.push(format!(
            "geometry: {:?} / {:?}",
            left.geometry, right.geometry
        ));
    }
    let ids = |side: &Side| side.rows.keys().cloned().collect::<BTreeSet<_>>();
    for id in ids(left).symmetric_difference(&ids(right)) {
        reasons.push(format!("row {id} is on one side only"));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    reasons.insert(0, format!("{who} are not comparable"));
    Err(Refusal::NotComparable(reasons))
}

fn differing_rows(left: &Side, right: &Side) -> Vec<String> {
    left.rows
        .iter()
        .filter_map(|(id, row)| {
            let other = right.rows.get(id)?;
            (row != other).then(|| {
                format!(
                    "{id}: p50 {} and {}, vectors differ between boots",
                    row.p50, other.p50
                )
            })
        })
        .collect()
}
