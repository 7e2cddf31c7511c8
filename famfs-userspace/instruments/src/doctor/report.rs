//! The findings for a person, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Facts, Finding, SelfTest, Status, Verdict, Watch, status};
use famfs_snapshot::{model::ProbeHealth, text::printable};

const SCHEMA: u32 = 1;

/// One line a finding, and one for what to do about it.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Degraded => "GAP ",
            Verdict::Blocked => "STOP",
        };
        let said = printable(&finding.text);
        let _ = writeln!(text, "{verdict}  {:<12}  {said}", finding.check);
        if let Some(advice) = &finding.advice {
            let _ = writeln!(text, "      {:<12}  do: {}", "", printable(advice));
        }
    }
    let count = |verdict| {
        let all = findings.iter().filter(|finding| finding.verdict == verdict);
        all.count()
    };
    let _ = match status(findings) {
        Status::AllWell => writeln!(text, "all well"),
        Status::Degraded => writeln!(
            text,
            "watching works, with gaps: {}",
            count(Verdict::Degraded)
        ),
        Status::CannotWatch => {
            writeln!(text, "cannot watch: {} in the way", count(Verdict::Blocked))
        }
    };
    text
}

/// The findings as `famfs-top doctor --json` prints them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document<'a> {
    schema: u32,
    status: Status,
    /// `uname -r`.
    kernel: &'a str,
    findings: &'a [Finding],
    /// The probes after the self-test; empty if nothing was attached.
    probes: Vec<Probe<'a>>,
    self_test: Option<Test<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Probe<'a> {
    name: &'a str,
    kind: &'a str,
    /// Why it is not attached.
    problem: Option<&'a str>,
    /// What is odd about it although it is attached.
    warning: Option<&'a str>,
    hits: u64,
    misses: u64,
}

/// The fault that was made on purpose, if one was made.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Test<'a> {
    file: &'a str,
    expected: u64,
    counted: u64,
    unattributed: u64,
}

impl<'a> Document<'a> {
    pub fn new(facts: &'a Facts, findings: &'a [Finding]) -> Self {
        let (probes, self_test) = match &facts.watch {
            Watch::Attached { probes, test } => {
                (probes.iter().map(Probe::new).collect(), Test::new(test))
            }
            Watch::NotTried | Watch::Failed(_) => (Vec::new(), None),
        };
        Self {
            schema: SCHEMA,
            status: status(findings),
            kernel: &facts.release,
            findings,
            probes,
            self_test,
        }
    }
}

impl<'a> Probe<'a> {
    fn new(probe: &'a ProbeHealth) -> Self {
        Self {
            name: &probe.name,
            kind: &probe.kind,
            problem: probe.problem.as_deref(),
            warning: probe.warning.as_deref(),
            hits: probe.hits,
            misses: probe.misses,
        }
    }
}

impl<'a> Test<'a> {
    fn new(test: &'a SelfTest) -> Option<Self> {
        match test {
            SelfTest::Made {
                file,
                counted,
                unattributed,
            } => Some(Self {
                file,
                expected: 1,
                counted: *counted,
                unattributed: *unattributed,
            }),
            SelfTest::NoFile(_) | SelfTest::Failed { .. } => None,
        }
    }
}
