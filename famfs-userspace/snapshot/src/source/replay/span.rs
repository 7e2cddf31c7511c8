//! Which snapshots of a recording are meant: a moment becomes a place, and a span becomes intervals.

use std::time::Duration;

use crate::{store::Entry, text};

/// A moment in a recording, as a user gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A time after the first snapshot.
    FromStart(Duration),
    /// A time before the last snapshot.
    BeforeEnd(Duration),
    /// A time of the clock, in nanoseconds since 1970.
    Clock(i64),
}

impl Moment {
    /// `+90`, `-5m`, or RFC 3339 in UTC.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(text) = text.strip_prefix('+') {
            return span(text).map(Self::FromStart);
        }
        if let Some(text) = text.strip_prefix('-') {
            return span(text).map(Self::BeforeEnd);
        }
        let time = text::parse_rfc3339(text).map(Self::Clock);
        time.ok_or_else(|| {
            "must be a time such as 2026-01-01T12:30:00Z, or a distance: +90 is 90 s after the \
             first snapshot, -5m is 5 minutes before the last"
                .into()
        })
    }

    /// The moment since attach, in nanoseconds.
    fn elapsed(self, entries: &[Entry]) -> u64 {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        let at = |i: usize| entries.get(i).map_or(0, Entry::elapsed_ns);
        match self {
            Self::FromStart(by) => at(0).saturating_add(nanos(by)),
            Self::BeforeEnd(by) => at(entries.len().saturating_sub(1)).saturating_sub(nanos(by)),
            // The clock may have been set meanwhile: the last snapshot of that time.
            Self::Clock(time) => match entries.iter().rposition(|e| e.time_ns() <= time) {
                Some(i) => at(i).saturating_add(time.abs_diff(entries[i].time_ns())),
                None => 0,
            },
        }
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let unit = match unit {
        "h" => 3600.0,
        "m" => 60.0,
        _ => 1.0,
    };
    let seconds: Option<f64> = number.parse().ok();
    let seconds = seconds
        .map(|s| s * unit)
        .filter(|s| (0.0..=1e9).contains(s));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("'{text}' is no time span such as 90, 90s, 5m or 1h"))
}

/// Places of snapshots, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The place of the first snapshot.
    pub first: usize,
    /// The place of the last snapshot.
    pub last: usize,
}

impl Span {
    /// Returns the span from the first snapshot that is not before `from` to the last that is not after `to`.
    /// `None` where there is nothing in between.
    pub fn between(entries: &[Entry], from: Option<Moment>, to: Option<Moment>) -> Option<Self> {
        let first = match from {
            None => 0,
            Some(from) => {
                let from = from.elapsed(entries);
                entries.iter().position(|e| e.elapsed_ns() >= from)?
            }
        };
        let last = match to {
            None => entries.len().checked_sub(1)?,
            Some(to) => {
                let to = to.elapsed(entries);
                entries.iter().rposition(|e| e.elapsed_ns() <= to)?
            }
        };
        (first <= last).then_some(Self { first, last })
    }

    /// The interval of `length`, or between two snapshots, that ends at the last snapshot that is
    /// not after `at`.
    pub fn ending(entries: &[Entry], at: Moment, length: Option<Duration>) -> Option<Self> {
        let whole = Self::between(entries, None, Some(at))?;
        let last = whole.last;
        let first = match length {
            None => last.saturating_sub(1),
            Some(length) => {
                let from = entries[last]
                    .elapsed_ns()
                    .saturating_sub(nearly(entries, length));
                let earlier = entries[..last].iter().rposition(|e| e.elapsed_ns() <= from);
                earlier.unwrap_or(0)
            }
        };
        Some(Self { first, last })
    }
}

/// Consecutive intervals of `span`, each of about `length`, or from one snapshot to the next. The
/// last one may be shorter.
pub fn intervals(entries: &[Entry], span: Span, length: Option<Duration>) -> Vec<Span> {
    let least = length.map_or(0, |length| nearly(entries, length));
    let mut intervals = Vec::new();
    let mut first = span.first;
    for last in span.first + 1..=span.last {
        let passed = entries[last]
            .elapsed_ns()
            .saturating_sub(entries[first].elapsed_ns());
        if passed >= least || last == span.last {
            intervals.push(Span { first, last });
            first = last;
        }
    }
    intervals
}

/// `length` less half of what is between two snapshots, which are never exactly so far apart.
fn nearly(entries: &[Entry], length: Duration) -> u64 {
    let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    let (first, last) = (entries.first(), entries.last());
    let at = |entry: Option<&Entry>| entry.map_or(0, Entry::elapsed_ns);
    let whole = at(last).saturating_sub(at(first));
    let gap = whole / (entries.len() as u64).saturating_sub(1).max(1);
    length.saturating_sub(gap / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        // Nearly a second apart, from 2026-01-01T00:00:00Z on.
        (0..10_u64)
            .map(|i| {
                Entry::for_test(
                    1_767_225_600_000_000_000 + i.cast_signed() * 999_000_000,
                    5_000_000_000 + i * 999_000_000,
                )
            })
            .collect()
    }

    fn between(from: &str, to: &str) -> Option<(usize, usize)> {
        let moment = |text: &str| (!text.is_empty()).then(|| Moment::parse(text).unwrap());
        Span::between(&entries(), moment(from), moment(to)).map(|s| (s.first, s.last))
    }

    #[test]
    fn moments_find_their_snapshots() {
        assert_eq!(between("", ""), Some((0, 9)));
        assert_eq!(between("+2", ""), Some((3, 9)));
        assert_eq!(between("", "-2s"), Some((0, 6)));
        assert_eq!(
            between("2026-01-01T00:00:03Z", "2026-01-01T00:00:05Z"),
            Some((4, 5))
        );
        assert_eq!(between("2025-01-01T00:00:00Z", "+0"), Some((0, 0)));
        assert_eq!(between("+1h", ""), None);
        assert_eq!(between("", "2025-01-01T00:00:00Z"), None);
        assert_eq!(between("-1", "+1"), None);
    }

    #[test]
    fn an_interval_ends_where_asked() {
        let at = |at: &str, length| {
            let length = (length > 0).then(|| Duration::from_secs(length));
            Span::ending(&entries(), Moment::parse(at).unwrap(), length).map(|s| (s.first, s.last))
        };
        assert_eq!(at("+5", 0), Some((4, 5)));
        assert_eq!(at("+5", 2), Some((3, 5)));
        assert_eq!(at("+0", 0), Some((0, 0)));
        assert_eq!(at("-0", 100), Some((0, 9)));
    }

    #[test]
    fn intervals_join_and_leave_nothing_out() {
        let joined = |first, last, length| {
            let length = (length > 0).then(|| Duration::from_secs(length));
            let spans = intervals(&entries(), Span { first, last }, length);
            spans.iter().map(|s| (s.first, s.last)).collect::<Vec<_>>()
        };
        assert_eq!(joined(0, 3, 0), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(joined(0, 9, 4), [(0, 4), (4, 8), (8, 9)]);
        assert_eq!(joined(2, 2, 0), []);
    }

    #[test]
    fn nonsense_is_no_moment() {
        for text in [
            "",
            "+",
            "-x",
            "5",
            "+1e99",
            "+NaN",
            "+-1",
            "2026-13-01T00:00:00Z",
            "yesterday",
        ] {
            assert!(Moment::parse(text).is_err(), "{text:?}");
        }
    }
}
