//! Tests the sentence against what was counted.

use std::sync::Arc;

use Fallback::{Colour, Eof, Other, PrivateWrite, VmaBounds};

use super::*;
use crate::model::{Access, Extent, Failure, FileKey};

const MIB: u64 = 1 << 20;

/// So many faults of each order, and fallbacks.
fn file(pmd: u64, pte: u64, fallback: &[(Fallback, u64)]) -> FileRow {
    let mut file = FileRow::new(FileKey::OTHER);
    file.untimed.insert((Order::Pmd, Access::Read), pmd);
    file.untimed.insert((Order::Pte, Access::Write), pte);
    file.fallback = fallback.iter().copied().collect();
    file
}

/// The same file, lying in memory from `offset` on.
fn lying(file: FileRow, size: u64, chunk: Option<u64>, offset: u64) -> FileRow {
    let extent = Extent {
        device: 0,
        offset,
        len: size.next_multiple_of(2 * MIB),
    };
    FileRow {
        layout: Some(Arc::new(Layout {
            size,
            chunk,
            extents: vec![extent],
        })),
        ..file
    }
}

fn check(file: &FileRow, cause: Cause, words: &str) {
    let verdict = verdict(file, file);
    assert_eq!(verdict.cause, cause, "{verdict:?}");
    assert!(verdict.why.contains(words), "{verdict:?} has no {words:?}");
    let well = matches!(cause, Cause::Quiet | Cause::Well);
    assert_eq!(verdict.todo.is_none(), well, "{verdict:?}");
    assert_eq!(
        verdict.why.matches(". ").count(),
        0,
        "two sentences: {verdict:?}"
    );
    assert!(verdict.why.ends_with('.'), "{verdict:?}");
}

#[test]
fn the_mapping_is_to_blame() {
    let cases = [
        (file(0, 9, &[(Colour, 1)]), Cause::Colour, "100 % of the"),
        (
            file(999, 1, &[(VmaBounds, 1)]),
            Cause::VmaBounds,
            "1 % of the",
        ),
        (
            file(1, 999, &[(Colour, 1), (PrivateWrite, 2)]),
            Cause::PrivateWrite,
            "99 % of",
        ),
        (file(0, 2, &[(Other, 1)]), Cause::Other, "does not know"),
        (file(0, 2, &[]), Cause::Untried, "did not try 2 MiB"),
    ];
    for (file, cause, words) in cases {
        check(&file, cause, words);
        check(&lying(file, 8 * MIB, None, 0), cause, words);
    }
}

#[test]
fn the_size_is_to_blame() {
    let eof = || file(3, 2, &[(Eof, 1)]);
    check(
        &lying(eof(), 5000, None, 0),
        Cause::Small,
        "has 4.88KiB only",
    );
    check(
        &lying(eof(), 7 * MIB, None, 0),
        Cause::Tail,
        "the last 1.00MiB of",
    );
    check(&eof(), Cause::Tail, "the last part of");
}

#[test]
fn the_place_in_memory_is_to_blame() {
    let short = || file(0, 2, &[(Fallback::Extent, 1)]);
    let odd = Cause::Layout(Alignment::Offset);
    check(
        &lying(short(), 8 * MIB, None, MIB),
        odd,
        "differ modulo 2 MiB",
    );
    let chunk = Cause::Layout(Alignment::Chunk);
    check(
        &lying(short(), 8 * MIB, Some(4096), 0),
        chunk,
        "chunks of 4.00KiB",
    );
    for file in [short(), lying(short(), 8 * MIB, None, 0)] {
        check(&file, Cause::Entries, "are there already");
    }
}

#[test]
fn nothing_is_to_blame() {
    let quiet = || file(0, 0, &[]);
    check(
        &file(9, 0, &[(Colour, 1)]),
        Cause::Well,
        "Every fault maps 2 MiB",
    );
    check(&quiet(), Cause::Quiet, "No fault in this time.");
    check(
        &lying(quiet(), 8 * MIB, None, 0),
        Cause::Quiet,
        "allows 2 MiB.",
    );
    check(
        &lying(quiet(), 7 * MIB, None, 0),
        Cause::Quiet,
        "but for the last 1.00MiB",
    );
    check(
        &lying(quiet(), 8 * MIB, None, MIB),
        Cause::Quiet,
        "be mapped: an extent",
    );
}

#[test]
fn a_region_that_fell_back_long_ago_has_its_reason_still() {
    let now = file(0, 7, &[]);
    let total = file(0, 7, &[(Colour, 1)]);
    assert_eq!(verdict(&now, &total).cause, Cause::Colour);
}

#[test]
fn faults_that_all_failed_are_no_mapping() {
    let mut now = file(0, 0, &[]);
    now.errors.insert(Failure::Sigbus, 3);
    check(&now, Cause::Failed, "Every fault failed");
}

#[test]
fn the_patterns_name_every_reason_and_every_defect() {
    let page = include_str!("../../../../../docs/patterns.md");
    for why in [
        Colour,
        PrivateWrite,
        VmaBounds,
        Eof,
        Fallback::Extent,
        Other,
    ] {
        let words = format!("REASON `{}`", crate::model::reason(why));
        assert!(page.contains(&words), "no {words}");
    }
    for alignment in [
        Alignment::Whole,
        Alignment::Tail,
        Alignment::Small,
        Alignment::Chunk,
        Alignment::Offset,
        Alignment::Short,
    ] {
        let words = format!("`{}`", alignment.name());
        assert!(page.contains(&words), "no {words}");
    }
}
