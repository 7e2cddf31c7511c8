//! The comparison for a person, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::rules::{Kernel, Row};
use crate::judged;

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
        let rows = || kernels.iter().flat_map(|kernel| &kernel.rows);
        let limits = rows().map(limits_of).sum();
        let missed = rows().map(|row| row.missed.len()).sum();
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
            let _ = writeln!(text, "{}", kernel.kernel);
            let _ = writeln!(
                text,
                "{:<24} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8}",
                "", "famfs", "ext4", "xfs", "devdax", "ratio", "limit", "below", "/devdax"
            );
            for row in &kernel.rows {
                let _ = writeln!(text, "{}", line(row));
            }
            text.push('\n');
        }
        let met = self.limits - self.missed;
        let _ = writeln!(
            text,
            "p50 instructions per fault; unmap: per fault-sized piece. ratio: famfs by the cheaper \
             of ext4 and xfs.\n{met} of {} limits met",
            self.limits
        );
        text
    }
}

fn limits_of(row: &Row) -> usize {
    usize::from(row.at_most.is_some()) + usize::from(row.below.is_some())
}

fn line(row: &Row) -> String {
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let ratio = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let verdict = if row.missed.is_empty() {
        String::new()
    } else {
        format!("  MISSED: {}", row.missed.join("; "))
    };
    format!(
        "{:<24} {:>7} {:>7} {:>7} {:>7} {:>7.3} {:>7} {:>7} {:>8}{verdict}",
        row.name,
        row.famfs,
        row.ext4,
        row.xfs,
        number(row.devdax),
        row.ratio,
        ratio(row.at_most),
        number(row.below),
        ratio(row.by_devdax),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judged::Report as _;

    fn row(missed: &[&str]) -> Row {
        Row {
            name: "pmd/read/first".into(),
            famfs: 9,
            ext4: 10,
            xfs: 12,
            devdax: None,
            ratio: 0.9,
            at_most: Some(0.91),
            below: None,
            by_devdax: None,
            missed: missed.iter().map(|&why| why.to_owned()).collect(),
        }
    }

    #[test]
    fn limits_are_counted_and_what_is_missed_is_named() {
        let kernels = vec![Kernel {
            kernel: "6.12.95".into(),
            rows: vec![row(&[]), row(&["ratio 0.950 > 0.91"])],
        }];
        let report = Report::new(kernels);
        assert_eq!((report.limits, report.missed), (2, 1));
        let text = report.human();
        assert!(text.contains("MISSED: ratio 0.950 > 0.91"), "{text}");
        assert!(text.ends_with("1 of 2 limits met\n"), "{text}");
    }
}
