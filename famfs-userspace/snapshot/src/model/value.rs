//! One value of the table: what it is in base units, and how it is written.

use std::{borrow::Cow, cmp::Ordering};

use serde::{Serialize, Serializer};

/// The base unit of a field's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// None: the values are texts.
    Text,
    /// None: the values are counts.
    Count,
    /// Per second.
    Rate,
    /// A share, from 0 to 1.
    Share,
    /// Nanoseconds.
    Nanos,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    Bandwidth,
}

impl Unit {
    /// The unit in one word, for programs; empty where there is none.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Count => "",
            Self::Rate => "1/s",
            Self::Share => "ratio",
            Self::Nanos => "ns",
            Self::Bytes => "bytes",
            Self::Bandwidth => "bytes/s",
        }
    }
}

/// A value in the base unit of its field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A count.
    Count(u64),
    /// A number per second.
    Rate(f64),
    /// A share, from 0 to 1.
    Share(f64),
    /// A time in nanoseconds.
    Nanos(u64),
    /// A size in bytes.
    Bytes(u64),
    /// Bytes per second.
    Bandwidth(f64),
    /// A value that is not known, or has no meaning here.
    Missing,
}

impl Value<'_> {
    /// The unit, which a missing value does not have.
    pub fn unit(&self) -> Option<Unit> {
        Some(match self {
            Self::Text(_) => Unit::Text,
            Self::Count(_) => Unit::Count,
            Self::Rate(_) => Unit::Rate,
            Self::Share(_) => Unit::Share,
            Self::Nanos(_) => Unit::Nanos,
            Self::Bytes(_) => Unit::Bytes,
            Self::Bandwidth(_) => Unit::Bandwidth,
            Self::Missing => return None,
        })
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Count(n) | Self::Nanos(n) | Self::Bytes(n) => Some(n as f64),
            Self::Rate(x) | Self::Share(x) | Self::Bandwidth(x) => Some(x),
            Self::Text(_) | Self::Missing => None,
        }
    }

    /// Returns the text for people: scaled, at most seven columns unless it is a text or a count.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            Self::Count(n) => n.to_string(),
            Self::Rate(per_s) => rate(*per_s),
            Self::Share(share) => format!("{:.0}%", percent(*share)),
            Self::Nanos(ns) => duration(*ns),
            Self::Bytes(n) => bytes(*n),
            Self::Bandwidth(per_s) => rate(*per_s / 1e6),
            Self::Missing => "-".into(),
        }
    }

    /// Returns the same as [`Value::text`], but a count that is too long for `width` is rounded, not cut.
    pub fn fitted(&self, width: usize) -> String {
        let text = self.text();
        match self {
            Self::Count(n) if text.len() > width => rate(*n as f64),
            _ => text,
        }
    }

    /// Returns the text for programs: the whole number in the base unit, and nothing if it is missing.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            Self::Count(n) | Self::Nanos(n) | Self::Bytes(n) => n.to_string(),
            Self::Rate(x) | Self::Share(x) | Self::Bandwidth(x) => x.to_string(),
            Self::Missing => String::new(),
        }
    }

    /// The natural order: text by the alphabet, numbers with the greatest first, what is missing
    /// last.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Missing, _) | (_, Self::Missing) => {
                (*self == Self::Missing).cmp(&(*other == Self::Missing))
            }
            (
                Self::Count(a) | Self::Nanos(a) | Self::Bytes(a),
                Self::Count(b) | Self::Nanos(b) | Self::Bytes(b),
            ) => b.cmp(a),
            (a, b) => match (a.number(), b.number()) {
                (Some(a), Some(b)) => b.total_cmp(&a),
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(n) | Self::Nanos(n) | Self::Bytes(n) => serializer.serialize_u64(*n),
            Self::Rate(x) | Self::Share(x) | Self::Bandwidth(x) => serializer.serialize_f64(*x),
            Self::Missing => serializer.serialize_none(),
        }
    }
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

/// A rate in at most six columns, up to 10^99.
pub(super) fn rate(per_s: f64) -> String {
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
pub(super) fn duration(ns: u64) -> String {
    let n = ns as f64;
    match n {
        n if n < 1e3 => format!("{ns}ns"),
        n if n < 999.5e3 => three(n / 1e3, "us"),
        n if n < 999.5e6 => three(n / 1e6, "ms"),
        n if n < 999.5e9 => three(n / 1e9, "s"),
        _ => ">999s".into(),
    }
}

/// A size in at most seven columns.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n}B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    three(value, UNITS[unit])
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
    fn sizes_keep_three_digits() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00KiB"),
            (2 << 20, "2.00MiB"),
            ((1 << 30) - 1, "1.00GiB"),
            (1023 << 20, "1023MiB"),
            (u64::MAX, "16.0EiB"),
        ];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
            assert!(bytes(n).len() <= 7);
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
    fn a_count_is_exact_where_there_is_room() {
        let count = Value::Count(12_345_678);
        assert_eq!(count.fitted(8), "12345678");
        assert_eq!(count.fitted(7), "12.3M");
        assert_eq!(Value::Count(u64::MAX).fitted(6), "1.8e19");
        assert_eq!(count.plain(), "12345678");
    }

    #[test]
    fn the_greatest_is_first_and_the_missing_last() {
        let mut values = [
            Value::Missing,
            Value::Count(1),
            Value::Count(u64::MAX - 1),
            Value::Count(u64::MAX),
        ];
        values.sort_by(Value::compare);
        assert_eq!(
            values.each_ref().map(Value::text),
            ["18446744073709551615", "18446744073709551614", "1", "-"]
        );
        let text = |s: &'static str| Value::Text(s.into());
        assert_eq!(text("a").compare(&text("b")), Ordering::Less);
        assert_eq!(text("a").compare(&Value::Missing), Ordering::Less);
        assert_eq!(Value::Missing.compare(&Value::Missing), Ordering::Equal);
    }
}
