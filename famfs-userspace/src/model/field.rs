//! The field table: one declaration gives a column its key, title, width, text, order and help.

use std::cmp::Ordering;

use super::{Row, table::greater_first};

/// What a field sorts by.
#[derive(Clone, Copy, Debug)]
pub enum SortKey {
    /// Alphabetical.
    Path,
    /// The greatest first, a missing value last.
    Number(fn(&Row) -> Option<f64>),
}

/// One column of the table of files.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name for `--sort`.
    pub key: &'static str,
    pub title: &'static str,
    /// What the numbers mean, for the help.
    pub help: &'static str,
    /// Columns of text, the title included; 0 takes what is left.
    pub width: u16,
    pub sort: SortKey,
    pub text: fn(&Row) -> String,
    /// How many columns of text the terminal must have before this field is shown.
    pub from_width: u16,
}

impl Field {
    /// The natural order of two rows by this field.
    pub fn compare(&self, a: &Row, b: &Row) -> Ordering {
        match self.sort {
            SortKey::Path => a.path.cmp(&b.path),
            SortKey::Number(value) => greater_first(value(a), value(b)),
        }
    }
}

/// Every column, in the order of the screen.
pub const FIELDS: [Field; 11] = [
    Field {
        key: "path",
        title: "PATH",
        help: "the file, through its mount",
        width: 0,
        sort: SortKey::Path,
        text: |r| r.path.clone(),
        from_width: 0,
    },
    Field {
        key: "faults_per_s",
        title: "FAULT/s",
        help: "faults that mapped memory, per second",
        width: 7,
        sort: SortKey::Number(|r| Some(r.rate(r.faults()))),
        text: |r| rate(r.rate(r.faults())),
        from_width: 20,
    },
    Field {
        key: "pmd_per_s",
        title: "PMD/s",
        help: "of these, served by a 2 MiB mapping",
        width: 6,
        sort: SortKey::Number(|r| Some(r.rate(r.pmd))),
        text: |r| rate(r.rate(r.pmd)),
        from_width: 60,
    },
    Field {
        key: "pte_per_s",
        title: "PTE/s",
        help: "of these, served by a 4 KiB mapping",
        width: 6,
        sort: SortKey::Number(|r| Some(r.rate(r.pte))),
        text: |r| rate(r.rate(r.pte)),
        from_width: 60,
    },
    Field {
        key: "pmd_share",
        title: "PMD%",
        help: "part of the faults served by a 2 MiB mapping",
        width: 4,
        sort: SortKey::Number(Row::pmd_share),
        text: |r| {
            r.pmd_share()
                .map_or_else(none, |s| format!("{:.0}%", percent(s)))
        },
        from_width: 30,
    },
    Field {
        key: "p50",
        title: "P50",
        help: "half of the faults took no longer (upper bucket bound)",
        width: 6,
        sort: SortKey::Number(|r| r.quantile_ns(0.5).map(|n| n as f64)),
        text: |r| r.quantile_ns(0.5).map_or_else(none, duration),
        from_width: 40,
    },
    Field {
        key: "p99",
        title: "P99",
        help: "99 of 100 faults took no longer (upper bucket bound)",
        width: 6,
        sort: SortKey::Number(|r| r.quantile_ns(0.99).map(|n| n as f64)),
        text: |r| r.quantile_ns(0.99).map_or_else(none, duration),
        from_width: 60,
    },
    Field {
        key: "max",
        title: "MAX",
        help: "the slowest fault took no longer (upper bucket bound)",
        width: 6,
        sort: SortKey::Number(|r| r.quantile_ns(1.0).map(|n| n as f64)),
        text: |r| r.quantile_ns(1.0).map_or_else(none, duration),
        from_width: 70,
    },
    Field {
        key: "faults",
        title: "FAULTS",
        help: "faults that mapped memory, counted",
        width: 10,
        sort: SortKey::Number(|r| Some(r.faults() as f64)),
        text: |r| r.faults().to_string(),
        from_width: 100,
    },
    Field {
        key: "fallback",
        title: "FALLBACK",
        help: "2 MiB tries that fell back to 4 KiB, counted",
        width: 10,
        sort: SortKey::Number(|r| Some(r.fallback as f64)),
        text: |r| r.fallback.to_string(),
        from_width: 110,
    },
    Field {
        key: "errors",
        title: "ERRORS",
        help: "faults that failed: SIGBUS, poison, refused",
        width: 8,
        sort: SortKey::Number(|r| Some(r.errors as f64)),
        text: |r| r.errors.to_string(),
        from_width: 90,
    },
];

fn none() -> String {
    "-".into()
}

/// A share as a percentage that says 0 only for nothing and 100 only for everything.
fn percent(share: f64) -> f64 {
    let percent = share * 100.0;
    if share > 0.0 && share < 1.0 {
        percent.round().clamp(1.0, 99.0)
    } else {
        percent
    }
}

/// A rate in at most six columns.
fn rate(per_s: f64) -> String {
    match per_s {
        r if r < 0.005 => "0".into(),
        r if r < 9.95 => format!("{r:.1}"),
        r if r < 99_999.5 => format!("{r:.0}"),
        r if r < 999_500.0 => format!("{:.0}k", r / 1e3),
        r if r < 999.95e6 => format!("{:.1}M", r / 1e6),
        r => format!("{r:.1e}"),
    }
}

/// A latency in at most six columns.
fn duration(ns: u64) -> String {
    let n = ns as f64;
    match n {
        n if n < 1e3 => format!("{ns}ns"),
        n if n < 999.5e3 => three(n / 1e3, "us"),
        n if n < 999.5e6 => three(n / 1e6, "ms"),
        n if n < 999.5e9 => three(n / 1e9, "s"),
        _ => ">999s".into(),
    }
}

/// Three digits and a unit: 1.23us, 12.3us, 123us.
fn three(value: f64, unit: &str) -> String {
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_three_digits() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.00us"),
            (9_999, "10.0us"),
            (12_345, "12.3us"),
            (999_499, "999us"),
            (999_500, "1.00ms"),
            (1_500_000_000, "1.50s"),
            (u64::MAX, ">999s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
            assert!(duration(ns).len() <= 6);
        }
    }

    #[test]
    fn rates_fit_their_column() {
        let cases = [
            (0.0, "0"),
            (0.05, "0.1"),
            (9.94, "9.9"),
            (9.95, "10"),
            (3200.0, "3200"),
            (99_999.0, "99999"),
            (100_000.0, "100k"),
            (1_234_567.0, "1.2M"),
            (1e9, "1.0e9"),
            (1e300, "1.0e300"),
        ];
        for (per_s, text) in cases {
            assert_eq!(rate(per_s), text);
        }
    }

    #[test]
    fn a_share_is_rounded_but_never_to_all_or_nothing() {
        assert!((percent(0.9999) - 99.0).abs() < f64::EPSILON);
        assert!((percent(0.0001) - 1.0).abs() < f64::EPSILON);
        assert!((percent(1.0) - 100.0).abs() < f64::EPSILON);
        assert!(percent(0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn keys_are_unique_and_titles_fit() {
        for (i, field) in FIELDS.iter().enumerate() {
            assert!(
                FIELDS[..i].iter().all(|f| f.key != field.key),
                "{} twice",
                field.key
            );
            assert!(field.width == 0 || field.title.len() <= usize::from(field.width));
        }
    }
}
