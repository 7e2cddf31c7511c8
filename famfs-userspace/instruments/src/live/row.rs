//! Makes a file's row of its counts.

use famfs_common::{
    fault::{Class, Order as Size, Outcome},
    hist,
};

use crate::probe::Count;
use famfs_snapshot::model::{Access, Bucket, Failure, Fallback, FileKey, FileRow, Hist, Io, Order};

/// The row of a file of which `counts` is known, each class and bucket once.
pub(super) fn row(key: FileKey, counts: impl Iterator<Item = Count>) -> FileRow {
    let mut row = FileRow::new(key);
    for count in counts {
        add(&mut row, count);
    }
    row
}

fn add(row: &mut FileRow, count: Count) {
    let Count {
        class,
        bucket,
        n,
        sum,
    } = count;
    match class.outcome {
        Outcome::Mapped => match bucket {
            Some(bucket) => put(row.faults.at(kind(class)), bucket, n, sum),
            None => *row.untimed.entry(kind(class)).or_default() += n,
        },
        Outcome::FallbackColour
        | Outcome::FallbackPrivateWrite
        | Outcome::FallbackVmaBounds
        | Outcome::FallbackEof
        | Outcome::FallbackExtent
        | Outcome::FallbackUnseen => {
            *row.fallback.entry(reason(class.outcome)).or_default() += n;
        }
        Outcome::Sigbus => *row.errors.entry(Failure::Sigbus).or_default() += n,
        Outcome::Oom => *row.errors.entry(Failure::Oom).or_default() += n,
        Outcome::HwPoison => *row.errors.entry(Failure::HwPoison).or_default() += n,
        Outcome::Refused => *row.errors.entry(Failure::Refused).or_default() += n,
        Outcome::Other => row.retried += n,
        Outcome::ExitMissedPte
        | Outcome::ExitMissedPmd
        | Outcome::ExitMissedPteEnd
        | Outcome::ExitMissedPmdEnd => *row.untimed.entry(kind(class)).or_default() += n,
        Outcome::Copied | Outcome::CopiedBytes | Outcome::CopyFailed => {
            let io = row.io.entry(access(class.write)).or_default();
            copied(io, class.outcome, bucket, n, sum);
        }
    }
}

fn copied(io: &mut Io, outcome: Outcome, bucket: Option<u16>, n: u64, sum: u64) {
    match (outcome, bucket) {
        (Outcome::Copied, Some(bucket)) => put(&mut io.latency, bucket, n, sum),
        (Outcome::Copied, None) => io.untimed += n,
        (Outcome::CopiedBytes, _) => io.bytes = io.bytes.saturating_add(sum),
        _ => io.errors += n,
    }
}

fn kind(class: Class) -> (Order, Access) {
    let order = match class.order {
        Size::Pte => Order::Pte,
        Size::Pmd => Order::Pmd,
    };
    (order, access(class.write))
}

fn access(write: bool) -> Access {
    if write { Access::Write } else { Access::Read }
}

fn put(hist: &mut Hist, bucket: u16, n: u64, sum: u64) {
    hist.sum_ns = hist.sum_ns.saturating_add(sum);
    if let (Some(lower_ns), Some(upper_ns)) = (hist::lower(bucket), hist::upper(bucket)) {
        hist.add(Bucket {
            lower_ns,
            upper_ns,
            n,
        });
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
        use Outcome::{
            Copied, CopiedBytes, CopyFailed, ExitMissedPmd, FallbackColour, FallbackEof,
            FallbackUnseen, Mapped, Other, Sigbus,
        };
        let counts = [
            (Size::Pmd, true, Mapped, Some(72), 31, 38_000),
            (Size::Pmd, true, Mapped, Some(80), 1, 2_000),
            (Size::Pmd, false, FallbackColour, None, 2, 0),
            (Size::Pmd, false, FallbackEof, None, 1, 0),
            (Size::Pmd, false, FallbackUnseen, None, 4, 0),
            (Size::Pte, true, Sigbus, None, 3, 0),
            (Size::Pte, false, Mapped, None, 4, 0),
            (Size::Pte, false, ExitMissedPmd, None, 1, 0),
            (Size::Pte, false, Other, None, 6, 0),
            (Size::Pte, false, Copied, Some(72), 31, 38_000),
            (Size::Pte, false, Copied, Some(80), 1, 2_000),
            (Size::Pte, false, Copied, None, 1, 0),
            (Size::Pte, false, CopiedBytes, None, 9, 4096),
            (Size::Pte, false, CopyFailed, None, 2, 0),
        ];
        let counts = counts.map(|(order, write, outcome, bucket, n, sum)| Count {
            class: Class {
                order,
                write,
                outcome,
            },
            bucket,
            n,
            sum,
        });
        let key = FileKey {
            dev: (0, 25),
            ino: 7,
        };
        let row = row(key, counts.into_iter());
        let hist = &row.faults[&(Order::Pmd, Access::Write)];
        assert_eq!((hist.count(), hist.sum_ns), (32, 40_000));
        let bucket = |lower_ns, upper_ns, n| Bucket {
            lower_ns,
            upper_ns,
            n,
        };
        assert_eq!(
            hist.buckets[..],
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
