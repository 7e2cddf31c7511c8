//! From a file's counts to its row. Pure.

use famfs_common::{
    fault::{Order as Size, Outcome},
    hist,
};

use crate::{
    model::{Access, Bucket, Failure, Fallback, FileKey, FileRow, Hist, Io, Order},
    probe::{Copies, Counts, Latencies},
};

pub(super) fn row(key: FileKey, counts: &Counts) -> FileRow {
    let faults = (counts.mapped.iter())
        .map(|(&class, latencies)| (class_of(class), histogram(latencies)))
        .collect();
    let mut fallback = std::collections::BTreeMap::new();
    for (&outcome, &n) in &counts.fallbacks {
        *fallback.entry(reason(outcome)).or_default() += n;
    }
    let untimed = (counts.untimed.iter())
        .map(|(&class, &n)| (class_of(class), n))
        .collect();
    let errors = (counts.errors.iter())
        .filter_map(|(&outcome, &n)| Some((failure(outcome)?, n)))
        .collect();
    let io = (counts.copies.iter())
        .map(|(&write, copies)| (access(write), copied(copies)))
        .collect();
    FileRow {
        faults,
        untimed,
        fallback,
        errors,
        retried: counts.other,
        io,
        ..FileRow::new(key)
    }
}

fn class_of((size, write): (Size, bool)) -> (Order, Access) {
    let order = match size {
        Size::Pte => Order::Pte,
        Size::Pmd => Order::Pmd,
    };
    (order, access(write))
}

fn access(write: bool) -> Access {
    if write { Access::Write } else { Access::Read }
}

fn failure(outcome: Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Sigbus => Some(Failure::Sigbus),
        Outcome::Oom => Some(Failure::Oom),
        Outcome::HwPoison => Some(Failure::HwPoison),
        Outcome::Refused => Some(Failure::Refused),
        _ => None,
    }
}

fn copied(copies: &Copies) -> Io {
    Io {
        latency: histogram(&copies.latencies),
        untimed: copies.untimed,
        bytes: copies.bytes,
        errors: copies.errors,
    }
}

fn histogram(latencies: &Latencies) -> Hist {
    let buckets = (latencies.buckets.iter())
        .filter_map(|(&i, &n)| {
            Some(Bucket {
                lower_ns: hist::lower(i)?,
                upper_ns: hist::upper(i)?,
                n,
            })
        })
        .collect();
    Hist {
        sum_ns: latencies.sum_ns,
        buckets,
    }
}

fn reason(outcome: Outcome) -> Fallback {
    match outcome {
        Outcome::FallbackColour => Fallback::Colour,
        Outcome::FallbackPrivateWrite => Fallback::PrivateWrite,
        Outcome::FallbackVmaBounds => Fallback::VmaBounds,
        Outcome::FallbackEof => Fallback::Eof,
        Outcome::FallbackExtent => Fallback::Extent,
        _ => Fallback::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_row_keeps_every_count() {
        let latencies = Latencies {
            sum_ns: 40_000,
            buckets: BTreeMap::from([(72, 31), (80, 1)]),
        };
        let copies = Copies {
            latencies: latencies.clone(),
            untimed: 1,
            bytes: 4096,
            errors: 2,
        };
        let counts = Counts {
            mapped: BTreeMap::from([((Size::Pmd, true), latencies)]),
            fallbacks: BTreeMap::from([
                (Outcome::FallbackColour, 2),
                (Outcome::FallbackEof, 1),
                (Outcome::FallbackUnseen, 4),
            ]),
            errors: BTreeMap::from([(Outcome::Sigbus, 3)]),
            untimed: BTreeMap::from([((Size::Pte, false), 5)]),
            copies: BTreeMap::from([(false, copies)]),
            other: 6,
        };
        let key = FileKey {
            dev: (0, 25),
            ino: 7,
        };
        let row = row(key, &counts);
        let hist = &row.faults[&(Order::Pmd, Access::Write)];
        assert_eq!((hist.count(), hist.sum_ns), (32, 40_000));
        let bucket = |lower_ns, upper_ns, n| Bucket {
            lower_ns,
            upper_ns,
            n,
        };
        assert_eq!(
            hist.buckets,
            [bucket(2048, 2303, 31), bucket(4096, 4607, 1)]
        );
        assert_eq!(
            row.fallback,
            BTreeMap::from([
                (Fallback::Colour, 2),
                (Fallback::Eof, 1),
                (Fallback::Other, 4)
            ])
        );
        assert_eq!((row.failed(), row.faults.len()), (3, 1));
        assert_eq!(row.untimed[&(Order::Pte, Access::Read)], 5);
        let io = &row.io[&Access::Read];
        assert_eq!(
            (io.latency.count(), io.untimed, io.bytes, io.errors),
            (32, 1, 4096, 2)
        );
        assert_eq!(row.accounted(), 32 + 7 + 3 + 5 + 6, "copies are no faults");
    }
}
