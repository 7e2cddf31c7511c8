//! The findings for a person, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Facts, Finding, SelfTest, Status, Verdict, Watch, status};
use crate::text::printable;

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

/// The same for a program.
pub fn json(facts: &Facts, findings: &[Finding]) -> Value {
    let (mut probes, mut test) = (Vec::new(), Value::Null);
    if let Watch::Attached {
        probes: all,
        test: made,
    } = &facts.watch
    {
        probes = (all.iter())
            .map(|probe| {
                json!({ "name": probe.name, "kind": probe.kind, "problem": probe.problem,
                        "warning": probe.warning, "hits": probe.hits, "misses": probe.misses })
            })
            .collect();
        if let SelfTest::Made {
            file,
            counted,
            unattributed,
        } = made
        {
            test = json!({ "file": file, "expected": 1, "counted": counted,
                           "unattributed": unattributed });
        }
    }
    json!({
        "schema": SCHEMA,
        "status": status(findings),
        "kernel": facts.release,
        "findings": findings,
        "probes": probes,
        "self_test": test,
    })
}
