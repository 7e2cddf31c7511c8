//! The costs for a person, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::rules::{Held, Kernel, Row};
use crate::judged;
use crate::runtime::mark::Window;

const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    kernels: Vec<Kernel>,
    /// Limits, over all kernels.
    limits: usize,
    missed: usize,
}

impl Report {
    pub(super) fn new(kernels: Vec<Kernel>) -> Self {
        let held = || kernels.iter().flat_map(|kernel| &kernel.limits);
        let (limits, missed) = (held().count(), held().filter(|held| held.missed).count());
        Self {
            schema: SCHEMA,
            kernels,
            limits,
            missed,
        }
    }
}

impl judged::Report for Report {
    fn missed(&self) -> usize {
        self.missed
    }

    fn human(&self) -> String {
        let mut text = String::new();
        for kernel in &self.kernels {
            let _ = writeln!(text, "{}", kernel.release);
            let _ = writeln!(
                text,
                "{:<38} {:>7} {:>13} {:>12} {:>12} {:>6} {:>10}",
                "", "count", "insn each", "ours", "kernel's", "ours", "time each"
            );
            for row in &kernel.rows {
                let _ = writeln!(text, "{}", line(row));
            }
            for held in &kernel.limits {
                let _ = writeln!(text, "{}", limit(held));
            }
            let of = ["large folios", "single pages, not judged"];
            for (of, [least, median, most]) in of.iter().zip(kernel.pairs.iter().flatten()) {
                let _ = writeln!(
                    text,
                    "{:<48} {median:>8.3}   ({least:.3} to {most:.3}; {of})",
                    "cp: time by that of memcpy, ABBA pairs"
                );
            }
            text.push('\n');
        }
        let met = self.limits - self.missed;
        let _ = writeln!(text, "{met} of {} limits met", self.limits);
        text
    }
}

fn name(what: Window) -> &'static str {
    match what {
        Window::Mkfs => "mkfs",
        Window::CreatMany => "creat, many by one command: a file",
        Window::CreatFirst => "creat, a command each: first files",
        Window::CreatLast => "creat, a command each: last files",
        Window::Fsck => "fsck of a full log: an entry",
        Window::Logplay => "logplay of a full log: an entry",
        Window::Cp => "cp: a page of 4 KiB",
        Window::Memcpy => "memcpy and flush: a page of 4 KiB",
        Window::CpSmall => "cp, cached in single pages",
        Window::MemcpySmall => "memcpy and flush, in single pages",
        Window::LogplayAgain => "logplay of the same log again: an entry",
        Window::Seed => "creat from a seed: a page of 4 KiB",
        Window::Verify => "verify against a seed: a page of 4 KiB",
    }
}

fn line(row: &Row) -> String {
    let ours = row.user * 100.0 / (row.user + row.kernel).max(1.0);
    format!(
        "{:<38} {:>7} {:>13.0} {:>12.0} {:>12.0} {ours:>5.1}% {:>10}",
        name(row.what),
        row.count,
        row.insn,
        row.user,
        row.kernel,
        row.ns.map_or("-".to_owned(), time)
    )
}

fn limit(held: &Held) -> String {
    let sign = if held.at_least { ">=" } else { "<=" };
    let verdict = if held.missed { "  MISSED" } else { "" };
    format!(
        "{:<48} {:>8.3} {sign} {:.2}{verdict}",
        held.what, held.is, held.limit
    )
}

/// Three digits of the largest unit that leaves one before the point.
fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judged::Report as _;

    #[test]
    fn times_have_three_digits() {
        let shown = [3.0, 12_345.0, 999_000_000.0, 2.5e9].map(time);
        assert_eq!(shown, ["3.00 ns", "12.3 us", "999 ms", "2.50 s"]);
    }

    #[test]
    fn what_is_missed_is_named_and_counted() {
        let held = |missed| Held {
            what: "cp: instructions by those of memcpy and flush",
            is: 1.2,
            at_least: false,
            limit: 1.1,
            missed,
        };
        let report = Report::new(vec![Kernel {
            release: "6.12.95".into(),
            rows: Vec::new(),
            limits: vec![held(false), held(true)],
            pairs: Some([[0.9, 1.0, 1.1], [2.0, 2.5, 3.0]]),
        }]);
        assert_eq!((report.limits, report.missed), (2, 1));
        let text = report.human();
        assert!(text.contains("1.200 <= 1.10  MISSED"), "{text}");
        assert!(
            text.contains("2.500   (2.000 to 3.000; single pages"),
            "{text}"
        );
        assert!(text.ends_with("1 of 2 limits met\n"), "{text}");
    }
}
