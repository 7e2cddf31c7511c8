//! What famfs-top reports about one command.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::command::must;

/// Attaches, runs `command`, and returns the report.
pub(crate) fn once(command: &str) -> Value {
    report(&must(&format!("famfs-top --once --json -- {command}")))
}

/// The report in famfs-top's output: its last line, after what the command printed.
pub(crate) fn report(text: &str) -> Value {
    let report: Value = parsed(text.lines().last().unwrap_or_default(), text);
    assert_eq!(report["schema"], 1);
    report
}

/// What famfs-top reports of a command, without its rows: those are handed to `row` one by one. A
/// report of 20 MB as one value takes the tests longer than famfs-top takes to write it.
pub(crate) fn once_by_rows(command: &str, mut row: impl FnMut(&Value)) -> Value {
    let text = must(&format!("famfs-top --once --json -- {command}"));
    let mut parts: BTreeMap<&str, &RawValue> = parsed(text.lines().last().unwrap_or_default(), "");
    let rows: Vec<&RawValue> = parsed(parts.remove("files").unwrap().get(), "");
    for text in rows {
        row(&parsed(text.get(), ""));
    }
    let rest = parts.into_iter();
    rest.map(|(name, text)| (name.to_owned(), parsed::<Value>(text.get(), "")))
        .collect()
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a str, around: &str) -> T {
    serde_json::from_str(json)
        .unwrap_or_else(|error| panic!("famfs-top printed no report: {error}\n{json}\n{around}"))
}

/// The row of one file.
pub(crate) fn file<'a>(report: &'a Value, path: &str) -> &'a Value {
    let files = report["files"].as_array().unwrap();
    files
        .iter()
        .find(|file| file["path"] == path)
        .unwrap_or_else(|| panic!("{path} is not in the report\n{report:#}"))
}

/// Faults of one order and access, having checked that the histogram is consistent.
pub(crate) fn count(file: &Value, order: &str, access: &str) -> u64 {
    let hist = &file[order][access];
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("no number in {hist}"))
    };
    let count = number(&hist["count"]);
    let buckets = hist["buckets"].as_array().unwrap();
    let in_buckets: u64 = buckets.iter().map(|bucket| number(&bucket[2])).sum();
    assert_eq!(
        in_buckets, count,
        "{order} {access}: buckets do not add up\n{hist}"
    );
    let (p50, p99, max) = (
        number(&hist["p50_ns"]),
        number(&hist["p99_ns"]),
        number(&hist["max_ns"]),
    );
    assert!(
        p50 <= p99 && p99 <= max,
        "{order} {access}: p50 {p50} p99 {p99} max {max}"
    );
    let sum = number(&hist["sum_ns"]);
    assert!(
        count == 0 || (sum > 0 && sum <= count * max),
        "{order} {access}: sum {sum}\n{hist}"
    );
    for bucket in buckets {
        let (lower, upper) = (number(&bucket[0]), number(&bucket[1]));
        assert!(
            lower <= upper && upper - lower <= lower / 8 + 1,
            "bucket too wide: {bucket}"
        );
    }
    count
}

/// Tries that fell back to 4 KiB, for all reasons or for one.
pub(crate) fn fallback(file: &Value, reason: Option<&str>) -> u64 {
    let reasons = file["fallback"].as_object().unwrap();
    reasons
        .iter()
        .filter(|(name, _)| reason.is_none_or(|reason| reason == *name))
        .map(|(_, n)| n.as_u64().unwrap())
        .sum()
}

/// The histograms of a row.
const KINDS: [(&str, &str); 4] = [
    ("pmd", "read"),
    ("pmd", "write"),
    ("pte", "read"),
    ("pte", "write"),
];

fn number(file: &Value, value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number in {file:#}"))
}

/// Faults that mapped, and whose time is not known.
pub(crate) fn untimed(file: &Value) -> u64 {
    let kinds = KINDS.iter();
    kinds
        .map(|(order, access)| number(file, &file[*order][*access]["untimed"]))
        .sum()
}

/// Ends of faults that a row accounts for.
pub(crate) fn accounted(file: &Value) -> u64 {
    let kinds = KINDS.iter();
    let timed: u64 = kinds
        .map(|(order, access)| count(file, order, access))
        .sum();
    timed
        + untimed(file)
        + fallback(file, None)
        + number(file, &file["errors"])
        + number(file, &file["retried"])
}
