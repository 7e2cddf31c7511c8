//! Entries as the programs write them, and as they never would.

use famfs_common::fault::Outcome;

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

fn files(totals: &mut Totals) -> Vec<(FileKey, Vec<Count>)> {
    let files = totals.files();
    files.map(|(key, counts)| (key, counts.collect())).collect()
}

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
        let entry = entry(class(order, write, outcome), bucket, cpu, n, sum);
        totals.add([entry].into_iter());
    }
    let want = [
        (Pte, false, Refused, None, 2, 0),
        (Pte, false, Mapped, Some(60), 5, 500),
        (Pte, true, Mapped, None, 3, 0),
        (Pte, true, Sigbus, None, 1, 9),
        (Pte, true, Other, None, 6, 0),
        (Pte, true, ExitMissedPmd, None, 8, 0),
        (Pte, true, Copied, Some(70), 4, 800),
        (Pte, true, Copied, None, 1, 0),
        (Pte, true, CopiedBytes, None, 5, 20_480),
        (Pte, true, CopyFailed, None, 2, 0),
        (Pmd, true, Mapped, Some(60), 32, 3200),
        (Pmd, true, Mapped, Some(61), 1, 150),
        (Pmd, true, FallbackColour, None, 4, 9),
        (Pmd, true, FallbackUnseen, None, 2, 0),
    ];
    let mut want = want.map(|(order, write, outcome, bucket, n, sum)| Count {
        class: Class {
            order,
            write,
            outcome,
        },
        bucket,
        n,
        sum,
    });
    want.sort_by_key(|count| (count.class.pack(), count.bucket.unwrap_or(UNTIMED)));
    assert_eq!(files(&mut totals), [(FILE, want.to_vec())]);
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
    let [(key, counts)] = &files(&mut totals)[..] else {
        panic!("one row");
    };
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.class.outcome, count.bucket, count.n, count.sum))
        .collect();
    assert_eq!(*key, FileKey::OTHER);
    assert_eq!(
        counts,
        [
            (Outcome::CopiedBytes, None, 1, 4096),
            (Outcome::Mapped, None, 6, 1000),
            (Outcome::FallbackEof, None, 2, 0),
        ]
    );
    assert_eq!((totals.overflowed(), totals.runs()[0].1), (9, 6));
}

#[test]
fn what_no_program_writes_is_counted_as_strange() {
    let mut totals = Totals::default();
    let mapped = class(Order::Pte, true, Outcome::Mapped);
    totals.add([entry(0x3f, 60, 0, 5, 0), entry(mapped, 500, 0, 7, 0)].into_iter());
    let mut overflow = [(0, 0); CLASSES];
    overflow[0] = (3, 0);
    totals.overflow(&overflow);
    assert_eq!((files(&mut totals), totals.outside_rows()), (vec![], 15));
}

#[test]
fn files_come_in_order_whenever_they_were_met() {
    let mapped = class(Order::Pte, false, Outcome::Mapped);
    let mut totals = Totals::default();
    let mut met = Vec::new();
    for round in 0..3_u64 {
        let inos = [900, 3, 40, 7 + round, 900, 1000 - round];
        totals.add(inos.into_iter().map(|ino| Entry {
            ino,
            ..entry(mapped, 60, 0, 1, 10)
        }));
        met.extend(inos);
        let mut want = std::collections::BTreeMap::new();
        for ino in &met {
            *want.entry(*ino).or_insert(0) += 1;
        }
        let rows: Vec<(u64, u64)> = (files(&mut totals).iter())
            .map(|(key, counts)| (key.ino, counts.iter().map(|count| count.n).sum()))
            .collect();
        assert_eq!(rows, want.into_iter().collect::<Vec<_>>());
    }
}
