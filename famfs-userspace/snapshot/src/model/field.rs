//! The field table: one declaration feeds a column of the screen and of `--once`, a key for
//! `--sort` and `--columns`, a header and a value of CSV and JSON, and a line of the help.

use super::{
    Access, Alignment, Failure, Fallback, Row,
    value::{Unit, Value},
};

/// Whether a field is on the screen without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is, on a terminal with at least this many columns.
    From(u16),
    /// It is not; it has to be chosen by name.
    Asked,
}

/// One field of a file.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name for `--sort` and `--columns`, and in CSV.
    pub key: &'static str,
    /// The head of the column.
    pub title: &'static str,
    /// The base unit of the values.
    pub unit: Unit,
    /// How many columns of text it takes, the title included; 0 takes what is left.
    pub width: u16,
    /// Whether it is on the screen without being asked for.
    pub shown: Shown,
    /// What the value means, for the help.
    pub help: &'static str,
    /// Returns the value for a row.
    pub value: for<'a> fn(&Row<'a>) -> Value<'a>,
}

impl Field {
    /// Returns whether the values are numbers, which are aligned to the right.
    pub fn is_number(&self) -> bool {
        self.unit != Text
    }
}

/// Returns the index of the field with this key in [`FIELDS`].
pub fn position(key: &str) -> Option<usize> {
    FIELDS.iter().position(|field| field.key == key)
}

/// Returns the name of a reason for a fallback in one word, as in `docs/reference/probes.md`.
pub fn reason(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::Colour => "colour",
        Fallback::PrivateWrite => "private_write",
        Fallback::VmaBounds => "vma_bounds",
        Fallback::Eof => "eof",
        Fallback::Extent => "extent",
        Fallback::Other => "other",
    }
}

const fn field(
    key: &'static str,
    title: &'static str,
    unit: Unit,
    width: u16,
    shown: Shown,
    help: &'static str,
    value: for<'a> fn(&Row<'a>) -> Value<'a>,
) -> Field {
    Field {
        key,
        title,
        unit,
        width,
        shown,
        help,
        value,
    }
}

/// A count that is shown only when asked for.
const fn detail(
    key: &'static str,
    title: &'static str,
    help: &'static str,
    value: for<'a> fn(&Row<'a>) -> Value<'a>,
) -> Field {
    field(key, title, Count, 10, Asked, help, value)
}

fn nanos<'a>(ns: Option<u64>) -> Value<'a> {
    ns.map_or(Value::Missing, Value::Nanos)
}

use Shown::{Asked, From};
use Unit::{Bandwidth, Bytes, Count, Nanos, Rate, Share, Text};

/// Every field, in the order of the screen.
pub const FIELDS: [Field; 43] = [
    field(
        "path",
        "PATH",
        Text,
        0,
        From(0),
        "the file, through its mount",
        |r| Value::Text(r.path()),
    ),
    field(
        "faults_per_s",
        "FAULT/s",
        Rate,
        7,
        From(20),
        "faults that mapped memory, per second",
        |r| Value::Rate(r.rate(r.faults())),
    ),
    field(
        "pmd_per_s",
        "PMD/s",
        Rate,
        6,
        From(60),
        "of these, served by a 2 MiB mapping",
        |r| Value::Rate(r.rate(r.pmd())),
    ),
    field(
        "pte_per_s",
        "PTE/s",
        Rate,
        6,
        From(60),
        "of these, served by a 4 KiB mapping",
        |r| Value::Rate(r.rate(r.pte())),
    ),
    field(
        "pmd_share",
        "PMD%",
        Share,
        4,
        From(30),
        "part of the faults served by a 2 MiB mapping; 0 % and 100 % are exact",
        |r| r.pmd_share().map_or(Value::Missing, Value::Share),
    ),
    field(
        "p50",
        "P50",
        Nanos,
        6,
        From(40),
        "half of the faults took no longer",
        |r| nanos(r.quantile_ns(0.5)),
    ),
    field(
        "p99",
        "P99",
        Nanos,
        6,
        From(60),
        "99 of 100 faults took no longer",
        |r| nanos(r.quantile_ns(0.99)),
    ),
    field(
        "max",
        "MAX",
        Nanos,
        6,
        From(70),
        "the slowest fault took no longer",
        |r| nanos(r.quantile_ns(1.0)),
    ),
    field(
        "mean",
        "MEAN",
        Nanos,
        6,
        Asked,
        "the mean latency of a fault, from the exact sum",
        |r| nanos(r.mean_ns()),
    ),
    field(
        "faults",
        "FAULTS",
        Count,
        10,
        From(100),
        "faults that mapped memory, counted",
        |r| Value::Count(r.faults()),
    ),
    field(
        "fallback",
        "FALLBACK",
        Count,
        10,
        From(110),
        "2 MiB tries that fell back to 4 KiB, counted",
        |r| Value::Count(r.file.fell_back()),
    ),
    field(
        "fallback_reason",
        "REASON",
        Text,
        13,
        From(130),
        "why most of them fell back",
        |r| {
            r.file
                .main_fallback()
                .map_or(Value::Missing, |why| Value::Text(reason(why).into()))
        },
    ),
    field(
        "errors",
        "ERRORS",
        Count,
        8,
        From(90),
        "faults that failed: SIGBUS, poison, out of memory, refused",
        |r| Value::Count(r.file.failed()),
    ),
    field(
        "reads_per_s",
        "READ/s",
        Rate,
        6,
        From(150),
        "calls of read(2), per second",
        |r| Value::Rate(r.rate(r.calls(Access::Read))),
    ),
    field(
        "read_bytes_per_s",
        "RD MB/s",
        Bandwidth,
        7,
        From(150),
        "what they copied, per second",
        |r| Value::Bandwidth(r.rate(r.io_bytes(Access::Read))),
    ),
    field(
        "writes_per_s",
        "WRITE/s",
        Rate,
        7,
        From(165),
        "calls of write(2), per second",
        |r| Value::Rate(r.rate(r.calls(Access::Write))),
    ),
    field(
        "write_bytes_per_s",
        "WR MB/s",
        Bandwidth,
        7,
        From(165),
        "what they copied, per second",
        |r| Value::Bandwidth(r.rate(r.io_bytes(Access::Write))),
    ),
    field(
        "read_p99",
        "RD P99",
        Nanos,
        6,
        Asked,
        "99 of 100 calls of read(2) took no longer",
        |r| nanos(r.io_quantile_ns(Access::Read, 0.99)),
    ),
    field(
        "write_p99",
        "WR P99",
        Nanos,
        6,
        Asked,
        "99 of 100 calls of write(2) took no longer",
        |r| nanos(r.io_quantile_ns(Access::Write, 0.99)),
    ),
    field(
        "size",
        "SIZE",
        Bytes,
        7,
        From(180),
        "the file's size",
        |r| {
            r.file
                .layout
                .as_ref()
                .map_or(Value::Missing, |l| Value::Bytes(l.size))
        },
    ),
    field(
        "extents",
        "EXT",
        Count,
        5,
        From(190),
        "ranges of memory that the file lies in",
        |r| {
            r.file
                .layout
                .as_ref()
                .map_or(Value::Missing, |l| Value::Count(l.extents.len() as u64))
        },
    ),
    field(
        "alignment",
        "ALIGN",
        Text,
        6,
        From(190),
        "what its place in memory allows: 2MiB, tail, small; or what it breaks: chunk, offset, short",
        |r| {
            let alignment = r.file.layout.as_ref().and_then(|l| Alignment::of(l));
            alignment.map_or(Value::Missing, |a| Value::Text(a.name().into()))
        },
    ),
    field(
        "processes",
        "PROCS",
        Count,
        5,
        Asked,
        "processes that faulted on it, where they are counted",
        |r| match r.file.processes.len() {
            0 => Value::Missing,
            n => Value::Count(n as u64),
        },
    ),
    field(
        "top_process",
        "BUSIEST",
        Text,
        16,
        Asked,
        "the one that faulted most",
        |r| {
            r.file
                .processes
                .first()
                .map_or(Value::Missing, |p| Value::Text(p.comm.as_str().into()))
        },
    ),
    detail(
        "pmd",
        "PMD",
        "faults served by a 2 MiB mapping, counted",
        |r| Value::Count(r.pmd()),
    ),
    detail(
        "pte",
        "PTE",
        "faults served by a 4 KiB mapping, counted",
        |r| Value::Count(r.pte()),
    ),
    detail(
        "untimed",
        "UNTIMED",
        "faults that mapped, but whose latency is not known",
        |r| Value::Count(r.file.not_timed()),
    ),
    detail(
        "retried",
        "RETRIED",
        "faults that ended otherwise, such as those that the kernel tries again",
        |r| Value::Count(r.file.retried),
    ),
    detail(
        "fallback_colour",
        "COLOUR",
        "fallbacks: address and file offset differ modulo 2 MiB",
        |r| Value::Count(r.fallback(Fallback::Colour)),
    ),
    detail(
        "fallback_private_write",
        "PRIVWRITE",
        "fallbacks: a write to a private mapping",
        |r| Value::Count(r.fallback(Fallback::PrivateWrite)),
    ),
    detail(
        "fallback_vma_bounds",
        "VMABOUNDS",
        "fallbacks: the 2 MiB leave the mapping",
        |r| Value::Count(r.fallback(Fallback::VmaBounds)),
    ),
    detail(
        "fallback_eof",
        "EOF",
        "fallbacks: the 2 MiB leave the file",
        |r| Value::Count(r.fallback(Fallback::Eof)),
    ),
    detail(
        "fallback_extent",
        "EXTENT",
        "fallbacks: the extent is short or not aligned, or a 4 KiB entry is there already",
        |r| Value::Count(r.fallback(Fallback::Extent)),
    ),
    detail("fallback_other", "OTHER", "fallbacks: anything else", |r| {
        Value::Count(r.fallback(Fallback::Other))
    }),
    detail(
        "error_sigbus",
        "SIGBUS",
        "faults that ended in SIGBUS",
        |r| Value::Count(r.failure(Failure::Sigbus)),
    ),
    detail(
        "error_oom",
        "OOM",
        "faults that found no memory for page tables",
        |r| Value::Count(r.failure(Failure::Oom)),
    ),
    detail(
        "error_hwpoison",
        "HWPOISON",
        "faults on memory that has failed",
        |r| Value::Count(r.failure(Failure::HwPoison)),
    ),
    detail(
        "error_refused",
        "REFUSED",
        "faults that the famfs module refused",
        |r| Value::Count(r.failure(Failure::Refused)),
    ),
    detail("reads", "READS", "calls of read(2), counted", |r| {
        Value::Count(r.calls(Access::Read))
    }),
    detail("writes", "WRITES", "calls of write(2), counted", |r| {
        Value::Count(r.calls(Access::Write))
    }),
    detail(
        "io_errors",
        "IOERRORS",
        "calls of read(2) and write(2) that failed",
        |r| {
            let failed = r.file.io.values().map(|io| io.errors);
            Value::Count(failed.fold(0, u64::saturating_add))
        },
    ),
    field(
        "dev",
        "DEV",
        Text,
        9,
        Asked,
        "the file system's device number, as stat(1) has it",
        |r| {
            let (major, minor) = r.key().dev;
            Value::Text(format!("{major}:{minor}").into())
        },
    ),
    detail("inode", "INODE", "the file's inode number", |r| {
        Value::Count(r.key().ino)
    }),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        model::{Sort, delta, rows},
        source::{
            Source as _,
            synthetic::{Scene, Synthetic},
        },
    };

    #[test]
    fn keys_are_unique_and_titles_fit() {
        for (i, field) in FIELDS.iter().enumerate() {
            assert_eq!(position(field.key), Some(i), "{} twice", field.key);
            assert!(field.width == 0 || field.title.len() <= usize::from(field.width));
        }
    }

    #[test]
    fn one_column_takes_what_is_left() {
        let flexible: Vec<_> = FIELDS.iter().filter(|f| f.width == 0).collect();
        assert_eq!(flexible.len(), 1);
        assert_eq!(flexible[0].shown, From(0));
    }

    #[test]
    fn values_have_the_declared_unit_and_fit_their_column() {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(2));
        let (a, b) = (source.poll().unwrap(), source.poll().unwrap());
        let interval = delta(&a, &b);
        let mut known = [false; FIELDS.len()];
        for row in rows(&interval, Sort::default(), "") {
            for (field, known) in FIELDS.iter().zip(&mut known) {
                let value = (field.value)(&row);
                assert!(
                    value.unit().is_none_or(|unit| unit == field.unit),
                    "{}",
                    field.key
                );
                *known |= value.unit().is_some();
                let width = usize::from(field.width);
                let text = value.fitted(width);
                assert!(
                    !field.is_number() || text.len() <= width,
                    "{}: {text}",
                    field.key
                );
            }
        }
        let unknown: Vec<_> = FIELDS
            .iter()
            .zip(known)
            .filter(|(_, k)| !k)
            .map(|(f, _)| f.key)
            .collect();
        assert!(unknown.is_empty(), "the made-up system has no {unknown:?}");
    }
}
