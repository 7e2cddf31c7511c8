//! The comparison for a person, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::rules::Kernel;
use crate::judged;

const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    kernels: Vec<Kernel>,
    /// How many there are over all kernels.
    rules: usize,
    missed: usize,
}

impl Report {
    pub(super) fn new(kernels: Vec<Kernel>) -> Self {
        let rows = || kernels.iter().flat_map(|kernel| &kernel.rows);
        let rules = rows().map(|row| row.rules).sum();
        let missed = rows().map(|row| row.missed.len()).sum();
        Self {
            schema: SCHEMA,
            kernels,
            rules,
            missed,
        }
    }
}

impl judged::Report for Report {
    fn missed(&self) -> usize {
        self.missed
    }

    /// An instrument a line, so that a table of any number of them fits.
    fn human(&self) -> String {
        let mut text = String::new();
        for kernel in &self.kernels {
            let _ = writeln!(text, "{}", kernel.release);
            let mut line = |name: &str, cells: Vec<String>| {
                let cells = cells.iter().fold(String::new(), |mut line, cell| {
                    let _ = write!(line, " {cell:>10}");
                    line
                });
                let _ = writeln!(text, "{name:<24}{cells}");
            };
            let rows = &kernel.rows;
            line("", rows.iter().map(|row| row.name.to_owned()).collect());
            let alone = rows.iter().map(|row| row.alone.to_string());
            line("a fault unwatched", alone.collect());
            for (place, instrument) in kernel.instruments.iter().enumerate() {
                let added = rows.iter().map(|row| {
                    let added = row.added.get(place);
                    added.map_or("-".to_owned(), |added| format!("{added:+}"))
                });
                line(instrument, added.collect());
            }
            let limit = rows.iter().map(|row| {
                let limit = row.at_most;
                limit.map_or("-".to_owned(), |limit| format!("+{limit}"))
            });
            line("limit of famfs-top", limit.collect());
            for row in rows {
                for missed in &row.missed {
                    let _ = writeln!(text, "MISSED {}: {missed}", row.name);
                }
            }
            text.push('\n');
        }
        let met = self.rules - self.missed;
        let _ = writeln!(
            text,
            "instructions that watching adds to a steady fault, p50\n{met} of {} rules met",
            self.rules
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Row;
    use super::*;
    use crate::judged::Report as _;

    #[test]
    fn rules_are_counted_and_what_is_missed_is_named() {
        let row = |missed: &[&str]| Row {
            name: "pte/read",
            alone: 4597,
            added: vec![178, 506],
            at_most: Some(505),
            rules: 2,
            missed: missed.iter().map(|&why| why.to_owned()).collect(),
        };
        let report = Report::new(vec![Kernel {
            release: "6.12.95".into(),
            instruments: vec!["empty hooks".into(), "famfs-top".into()],
            rows: vec![row(&["famfs-top adds 506, more than 505"]), row(&[])],
        }]);
        assert_eq!((report.rules, report.missed), (4, 1));
        let text = report.human();
        let cells = |name: &str| -> Vec<String> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(cells("famfs-top"), ["+506", "+506"]);
        assert_eq!(cells("limit of famfs-top"), ["+505", "+505"]);
        assert!(
            text.contains("MISSED pte/read: famfs-top adds 506"),
            "{text}"
        );
        assert!(text.ends_with("3 of 4 rules met\n"), "{text}");
    }
}
