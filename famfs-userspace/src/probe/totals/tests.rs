//! Entries as the programs write them, and as they never would.

use super::*;

fn entry(class: u8, bucket: u16, cpu: u16, count: u64, sum_ns: u64) -> Entry {
    Entry {
        tag: Tag {
            dev: 25,
            class,
            bucket,
            cpu,
        }
        .pack(),
        ino: 7,
        count,
        sum_ns,
    }
}

fn class(order: Order, write: bool, outcome: Outcome) -> u8 {
    Class {
        order,
        write,
        outcome,
    }
    .pack()
}

const FILE: FileKey = FileKey {
    dev: (0, 25),
    ino: 7,
};

#[test]
fn cpus_add_up_and_classes_stay_apart() {
    use Order::{Pmd, Pte};
    use Outcome::{
        Copied, CopiedBytes, CopyFailed, ExitMissedPmd, FallbackColour, FallbackUnseen, Mapped,
        Other, Refused, Sigbus,
    };
    let mut totals = Totals::default();
    for (order, write, outcome, bucket, cpu, n, sum) in [
        (Pmd, true, Mapped, 60, 0, 30, 3000),
        (Pmd, true, Mapped, 60, 1, 2, 200),
        (Pmd, true, Mapped, 61, 1, 1, 150),
        (Pte, false, Mapped, 60, 1, 5, 500),
        (Pmd, true, FallbackColour, TIMELESS, 0, 4, 9),
        (Pmd, true, FallbackUnseen, UNTIMED, 0, 2, 0),
        (Pte, true, Sigbus, TIMELESS, 0, 1, 9),
        (Pte, false, Refused, TIMELESS, 0, 2, 0),
        (Pte, true, Mapped, UNTIMED, 0, 3, 0),
        (Pte, true, Other, TIMELESS, 0, 6, 0),
        (Pte, true, ExitMissedPmd, UNTIMED, 0, 8, 0),
        (Pte, true, Copied, 70, 0, 4, 800),
        (Pte, true, Copied, UNTIMED, 0, 1, 0),
        (Pte, true, CopiedBytes, TIMELESS, 0, 5, 20_480),
        (Pte, true, CopyFailed, TIMELESS, 0, 2, 0),
    ] {
        totals.add(&entry(class(order, write, outcome), bucket, cpu, n, sum));
    }
    let latencies = |sum_ns, buckets: &[(u16, u64)]| Latencies {
        sum_ns,
        buckets: buckets.iter().copied().collect(),
    };
    let copies = Copies {
        latencies: latencies(800, &[(70, 4)]),
        untimed: 1,
        bytes: 20_480,
        errors: 2,
    };
    let want = Counts {
        mapped: BTreeMap::from([
            ((Pmd, true), latencies(3350, &[(60, 32), (61, 1)])),
            ((Pte, false), latencies(500, &[(60, 5)])),
        ]),
        fallbacks: BTreeMap::from([(FallbackColour, 4), (FallbackUnseen, 2)]),
        errors: BTreeMap::from([(Sigbus, 1), (Refused, 2)]),
        untimed: BTreeMap::from([((Pte, true), 11)]),
        other: 6,
        copies: BTreeMap::from([(true, copies)]),
    };
    assert_eq!((totals.files().len(), &totals.files()[&FILE]), (1, &want));
    assert_eq!((totals.outside_rows(), totals.repaired()), (0, 10));
    // A refused fault, and one whose end was skipped, ran no program at its end; a start without
    // an end ran one at its start.
    assert_eq!(
        totals.runs(),
        [
            (Hook::PteExit, 15),
            (Hook::PmdExit, 37),
            (Hook::PteEnter, 20),
            (Hook::PmdEnter, 39),
        ]
    );
}

#[test]
fn what_found_no_room_is_in_the_row_of_all_others() {
    let mut totals = Totals::default();
    let mut overflow = [(0, 0); CLASSES];
    overflow[usize::from(class(Order::Pte, true, Outcome::Mapped))] = (5, 900);
    overflow[usize::from(class(Order::Pmd, false, Outcome::FallbackEof))] = (2, 0);
    overflow[usize::from(class(Order::Pte, false, Outcome::CopiedBytes))] = (1, 4096);
    totals.overflow(&overflow);
    totals.overflow(&overflow);
    overflow[usize::from(class(Order::Pte, true, Outcome::Mapped))] = (6, 1000);
    totals.overflow(&overflow);
    let row = &totals.files()[&FileKey::OTHER];
    assert_eq!(row.untimed, BTreeMap::from([((Order::Pte, true), 6)]));
    assert_eq!(row.fallbacks, BTreeMap::from([(Outcome::FallbackEof, 2)]));
    assert_eq!(row.copies[&false].bytes, 4096);
    assert!(row.mapped.is_empty());
    assert_eq!((totals.overflowed(), totals.runs()[0].1), (9, 6));
}

#[test]
fn what_no_program_writes_is_counted_as_strange() {
    let mut totals = Totals::default();
    totals.add(&entry(0x3f, 60, 0, 5, 0));
    totals.add(&entry(
        class(Order::Pte, true, Outcome::Mapped),
        500,
        0,
        7,
        0,
    ));
    let mut overflow = [(0, 0); CLASSES];
    overflow[0] = (3, 0);
    totals.overflow(&overflow);
    assert_eq!((totals.files().len(), totals.outside_rows()), (0, 15));
}
