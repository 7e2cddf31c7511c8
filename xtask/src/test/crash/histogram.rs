//! Where the points hit, by kind of command.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::place::Place;
use super::plan::Kind;

#[derive(Debug, Default)]
pub(super) struct Histogram {
    counts: BTreeMap<(Kind, Place), u32>,
}

impl Histogram {
    pub(super) fn add(&mut self, kind: Kind, place: Place) {
        *self.counts.entry((kind, place)).or_default() += 1;
    }

    fn sum(&self, of: impl Fn(Kind, Place) -> bool) -> u32 {
        let hits = self
            .counts
            .iter()
            .filter(|((kind, place), _)| of(*kind, *place));
        hits.map(|(_, count)| count).sum()
    }

    /// A line for each kind, and one for all.
    pub(super) fn table(&self) -> String {
        let mut text = format!("  {:<14}", "stopped in");
        for place in Place::ALL {
            let _ = write!(text, "{place:>11}");
        }
        text += "        all\n";
        let mut row = |name: &str, of: &dyn Fn(Kind) -> bool| {
            let _ = write!(text, "  {name:<14}");
            for place in Place::ALL {
                let _ = write!(text, "{:>11}", self.sum(|k, p| of(k) && p == place));
            }
            let _ = writeln!(text, "{:>11}", self.sum(|k, _| of(k)));
        };
        for kind in Kind::ALL {
            row(&kind.to_string(), &|k| k == kind);
        }
        row("all", &|_| true);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_counted_by_kind_and_place() {
        let mut histogram = Histogram::default();
        for place in [Place::Within, Place::Within, Place::Told] {
            histogram.add(Kind::Cp, place);
        }
        histogram.add(Kind::Mkfs, Place::Before);
        let table = histogram.table();
        let row = |name: &str| -> Vec<&str> {
            let line = table
                .lines()
                .find(|line| line.trim_start().starts_with(name));
            line.unwrap().split_whitespace().rev().take(6).collect()
        };
        assert_eq!(row("cp "), ["3", "1", "0", "0", "2", "0"]);
        assert_eq!(row("all"), ["4", "1", "0", "0", "2", "1"]);
    }
}
