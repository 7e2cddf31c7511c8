//! What the run did, in words and in JSON.

use serde_json::{Value, json};

use crate::{prng::Seed, run::Report, say};

/// Prints the line that xtask counts; whether nothing was wrong.
pub(crate) fn verdict(name: &str, seed: Seed, reports: &[Report]) -> bool {
    let (line, right) = judge(name, seed, reports);
    say(&line);
    right
}

fn judge(name: &str, seed: Seed, reports: &[Report]) -> (String, bool) {
    let operations: u64 = reports.iter().map(|report| report.operations).sum();
    let seconds: f64 = reports.iter().map(|report| report.seconds).sum();
    let wrong: u64 = reports.iter().map(|report| report.wrong).sum();
    let run = format!("fuzz::{name} seed {seed} {operations} operations ({seconds:.1} s)");
    if wrong == 0 {
        return (format!("PASS {run}"), true);
    }
    let first = reports.iter().find_map(|report| report.findings.first());
    let first = first.map_or("", String::as_str);
    (
        format!("FAIL {run}: {wrong} findings, first: {first}"),
        false,
    )
}

/// Each kind of operation and how it ended.
pub(crate) fn print(reports: &[Report]) {
    for report in reports {
        let mut kinds: Vec<&str> = report.totals.keys().map(|(kind, _)| *kind).collect();
        kinds.dedup();
        for kind in kinds {
            let ends = report.totals.iter().filter(|((of, _), _)| *of == kind);
            let ends: Vec<_> = ends
                .map(|((_, how), count)| format!("{how} {count}"))
                .collect();
            say(&format!("  {} {kind}: {}", report.name, ends.join(", ")));
        }
        let states: Vec<_> = report
            .states
            .iter()
            .map(|state| format!("{state:016x}"))
            .collect();
        say(&format!(
            "  {} generators: {}",
            report.name,
            states.join(" ")
        ));
    }
    let operations: u64 = reports.iter().map(|report| report.operations).sum();
    say(&format!("fuzz: {operations} operations"));
}

/// All of it: schema 1.
pub(crate) fn json(seed: Seed, reports: &[Report], passed: bool) -> Value {
    let phases: Vec<Value> = reports
        .iter()
        .map(|report| {
            let totals: Vec<Value> = report
                .totals
                .iter()
                .map(|((kind, how), count)| json!([kind, how, count]))
                .collect();
            json!({
                "phase": report.name,
                "operations": report.operations,
                "seconds": report.seconds,
                "findings": report.wrong,
                "first_findings": report.findings,
                "totals": totals,
            })
        })
        .collect();
    json!({"schema": 1, "seed": seed.to_string(), "passed": passed, "phases": phases})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fails_and_the_totals_add_up() {
        let mut report = Report::new("calls");
        report.count("read", Ok(3));
        report.count("read", Ok(0));
        report.count("read", Err(nix::errno::Errno::EIO));
        let value = json(Seed(5), std::slice::from_ref(&report), true);
        assert_eq!(
            value["phases"][0]["totals"],
            json!([["read", "EIO", 1], ["read", "ok", 2]])
        );
        let (line, right) = judge("calls", Seed(5), std::slice::from_ref(&report));
        assert!(
            right && line.starts_with("PASS fuzz::calls seed "),
            "{line}"
        );
        report.find("a page of another file".to_owned());
        let (line, right) = judge("calls", Seed(5), &[report]);
        assert!(
            !right && line.ends_with("1 findings, first: a page of another file"),
            "{line}"
        );
    }
}
