//! What the gate says, to a person and to a program.

use std::fmt::Write as _;

use serde::Serialize;

use super::rules::{Comparison, Refusal, State};
use crate::{MISSED, RUN_ERROR};

/// Boots of one side differ.
pub(crate) const NOT_DETERMINISTIC: u8 = 3;
/// The two sides cannot be compared.
pub(crate) const NOT_COMPARABLE: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Pass,
    /// Something moved, and `--strict` does not let that pass.
    Changed,
    Regression,
    RunError,
    NotDeterministic,
    NotComparable,
}

impl Verdict {
    pub(crate) fn exit(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Changed | Self::Regression => MISSED,
            Self::RunError => RUN_ERROR,
            Self::NotDeterministic => NOT_DETERMINISTIC,
            Self::NotComparable => NOT_COMPARABLE,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Changed => "changed",
            Self::Regression => "regression",
            Self::RunError => "not measured",
            Self::NotDeterministic => "not deterministic",
            Self::NotComparable => "not comparable",
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    pub(crate) verdict: Verdict,
    exit: u8,
    /// Short name of the new side's fingerprint.
    fingerprint: Option<String>,
    /// The baseline's file, or `base results`.
    against: Option<String>,
    /// The file that --accept wrote.
    accepted: Option<String>,
    pub(crate) rows: Vec<Comparison>,
    pub(crate) reasons: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        fingerprint: String,
        against: String,
        rows: Vec<Comparison>,
        strict: bool,
    ) -> Self {
        let verdict = super::verdict(&rows, strict);
        Self {
            schema: 1,
            verdict,
            exit: verdict.exit(),
            fingerprint: Some(fingerprint),
            against: Some(against),
            accepted: None,
            rows,
            reasons: Vec::new(),
        }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let (verdict, reasons) = match refusal {
            Refusal::Unmeasured(reasons) => (Verdict::RunError, reasons),
            Refusal::NotDeterministic(reasons) => (Verdict::NotDeterministic, reasons),
            Refusal::NotComparable(reasons) => (Verdict::NotComparable, reasons),
        };
        Self {
            schema: 1,
            verdict,
            exit: verdict.exit(),
            fingerprint: None,
            against: None,
            accepted: None,
            rows: Vec::new(),
            reasons: reasons.clone(),
        }
    }

    /// A new baseline was asked for and written: that is a pass, and the rows still say why.
    pub(crate) fn accept(&mut self, path: String) {
        self.accepted = Some(path);
        self.verdict = Verdict::Pass;
        self.exit = self.verdict.exit();
    }

    fn count(&self, wanted: impl Fn(State) -> bool) -> usize {
        self.rows.iter().filter(|row| wanted(row.state)).count()
    }

    pub(crate) fn human(&self) -> String {
        let mut text = String::new();
        if let Some(against) = &self.against {
            let _ = writeln!(text, "instructions per fault (p50), against {against}");
        }
        for row in &self.rows {
            let _ = writeln!(text, "  {}", line(row));
            for odd in &row.counts {
                let _ = writeln!(text, "      {odd}");
            }
            if row.state == State::Changed {
                let _ = writeln!(text, "      moved: {}", row.moved.join(", "));
            }
        }
        for reason in &self.reasons {
            let _ = writeln!(text, "  {reason}");
        }
        if self.count(|state| state == State::Improved) > 0 && self.accepted.is_none() {
            let _ = writeln!(
                text,
                "some faults became cheaper: make that the baseline by --accept"
            );
        }
        if let Some(path) = &self.accepted {
            let _ = writeln!(text, "new baseline: {path}");
        }
        let _ = write!(text, "gate: {}", self.verdict.words());
        if !self.rows.is_empty() {
            let _ = write!(
                text,
                " ({} rows: {} equal, {} changed, {} improved, {} regressed)",
                self.rows.len(),
                self.count(|state| state == State::Equal),
                self.count(|state| state == State::Changed),
                self.count(|state| state == State::Improved),
                self.count(State::fails)
            );
        }
        text.push('\n');
        text
    }
}

fn line(row: &Comparison) -> String {
    let delta = i128::from(row.new) - i128::from(row.base);
    let percent = delta as f64 * 100.0 / row.base.max(1) as f64;
    let state = match row.state {
        State::Equal => "equal",
        State::Changed => "changed",
        State::Improved => "improved",
        State::Regressed => "REGRESSED",
        State::Counts => "COUNTS DIFFER",
    };
    let unmap = if row.base_unmap == row.new_unmap {
        String::new()
    } else {
        format!(", unmap {} -> {}", row.base_unmap, row.new_unmap)
    };
    format!(
        "{:<26} {:>8} -> {:<8} {delta:>+6} ({percent:+.2} %)  {state}{unmap}",
        row.id, row.base, row.new
    )
}
