//! In one sentence: why a file is not mapped 2 MiB at a time, and what to do about it.

use super::{Alignment, Fallback, FileRow, Layout, PMD_BYTES, value};

/// What keeps a file from 2 MiB mappings, if anything does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing faulted, so nothing can be said but what the layout says.
    Quiet,
    /// All faults map 2 MiB.
    Well,
    /// All faults failed.
    Failed,
    /// Address and file offset of the mapping differ modulo 2 MiB.
    Colour,
    /// Writes to a private mapping.
    PrivateWrite,
    /// The mapping's ends lie inside of 2 MiB regions.
    VmaBounds,
    /// The file is shorter than 2 MiB.
    Small,
    /// The last part of the file is.
    Tail,
    /// Where the file lies in memory.
    Layout(Alignment),
    /// 4 KiB entries are there already.
    Entries,
    /// No reason that we know.
    Other,
    /// Mapped by 4 KiB, and no try of 2 MiB was seen.
    Untried,
}

/// The cause in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub cause: Cause,
    pub why: String,
    /// What to do; `None` where there is nothing to do.
    pub todo: Option<&'static str>,
}

/// Of what happened to a file in the interval `now`; `total` is all since the start, since a
/// region that fell back once is not tried again.
pub fn verdict(now: &FileRow, total: &FileRow) -> Verdict {
    let counts = Counts::of(now);
    let reason = main_reason(now).or_else(|| main_reason(total));
    let layout = now.layout.as_deref();
    let cause = cause(&counts, reason, layout);
    Verdict {
        cause,
        why: why(cause, &counts, layout),
        todo: todo(cause),
    }
}

struct Counts {
    pmd: u64,
    pte: u64,
    failed: u64,
}

impl Counts {
    fn of(file: &FileRow) -> Self {
        use super::Order;
        let mapped = |order: Order| {
            let timed = file.faults.iter().filter(|((o, _), _)| *o == order);
            let untimed = file.untimed.iter().filter(|((o, _), _)| *o == order);
            let counts = timed
                .map(|(_, h)| h.count())
                .chain(untimed.map(|(_, n)| *n));
            counts.fold(0, u64::saturating_add)
        };
        Self {
            pmd: mapped(Order::Pmd),
            pte: mapped(Order::Pte),
            failed: file.failed(),
        }
    }
}

fn main_reason(file: &FileRow) -> Option<Fallback> {
    let tries = file.fallback.iter().filter(|(_, n)| **n > 0);
    tries
        .max_by_key(|(reason, n)| (**n, std::cmp::Reverse(**reason)))
        .map(|(reason, _)| *reason)
}

fn cause(counts: &Counts, reason: Option<Fallback>, layout: Option<&Layout>) -> Cause {
    if counts.pmd == 0 && counts.pte == 0 {
        return if counts.failed > 0 {
            Cause::Failed
        } else {
            Cause::Quiet
        };
    }
    if counts.pte == 0 {
        return Cause::Well;
    }
    let alignment = layout.and_then(Alignment::of);
    match reason {
        Some(Fallback::Colour) => Cause::Colour,
        Some(Fallback::PrivateWrite) => Cause::PrivateWrite,
        Some(Fallback::VmaBounds) => Cause::VmaBounds,
        Some(Fallback::Eof) if alignment == Some(Alignment::Small) => Cause::Small,
        Some(Fallback::Eof) => Cause::Tail,
        Some(Fallback::Extent) => match alignment {
            Some(defect @ (Alignment::Chunk | Alignment::Offset | Alignment::Short)) => {
                Cause::Layout(defect)
            }
            _ => Cause::Entries,
        },
        Some(Fallback::Other) => Cause::Other,
        None => Cause::Untried,
    }
}

/// One sentence.
fn why(cause: Cause, counts: &Counts, layout: Option<&Layout>) -> String {
    let because = match cause {
        Cause::Quiet => return quiet(layout),
        Cause::Well => return "Every fault maps 2 MiB.".into(),
        Cause::Failed => return "Every fault failed, so nothing is mapped.".into(),
        Cause::Colour => "the mapping's address and its file offset differ modulo 2 MiB".into(),
        Cause::PrivateWrite => "writes to a private mapping are copied page by page".into(),
        Cause::VmaBounds => {
            "the mapping begins or ends inside of a 2 MiB region of the file".into()
        }
        Cause::Small => format!("the file has {} only", size(layout)),
        Cause::Tail => format!(
            "they are in the last {} of the file, which are no whole 2 MiB",
            tail(layout)
        ),
        Cause::Layout(defect) => defective(defect, layout),
        Cause::Entries => "4 KiB entries are there already from a mapping that needed them, \
             though the extents are aligned or not known"
            .into(),
        Cause::Other => "the kernel fell back for a reason that famfs-top does not know".into(),
        Cause::Untried => "the kernel did not try 2 MiB here since famfs-top started".into(),
    };
    format!(
        "{} of the faults map 4 KiB, because {because}.",
        share(counts)
    )
}

fn quiet(layout: Option<&Layout>) -> String {
    match layout.and_then(Alignment::of) {
        Some(Alignment::Whole) => "No fault in this time; its place in memory allows 2 MiB.".into(),
        Some(Alignment::Tail) => format!(
            "No fault in this time; its place in memory allows 2 MiB but for the last {}.",
            tail(layout)
        ),
        Some(Alignment::Small) => "No fault in this time; the file is shorter than 2 MiB.".into(),
        Some(defect) => format!(
            "No fault in this time; 2 MiB will not be mapped: {}.",
            defective(defect, layout)
        ),
        None => "No fault in this time.".into(),
    }
}

fn defective(defect: Alignment, layout: Option<&Layout>) -> String {
    match defect {
        Alignment::Chunk => {
            let chunk = layout.and_then(|l| l.chunk).unwrap_or(0);
            format!("it is interleaved in chunks of {}", value::bytes(chunk))
        }
        Alignment::Offset => "an extent lies where its place in the file and in memory differ \
             modulo 2 MiB"
            .into(),
        _ => "an extent ends inside of a 2 MiB region of the file".into(),
    }
}

fn size(layout: Option<&Layout>) -> String {
    value::bytes(layout.map_or(0, |l| l.size))
}

fn tail(layout: Option<&Layout>) -> String {
    match layout.map(|l| l.size % PMD_BYTES) {
        None | Some(0) => "part".into(),
        Some(rest) => value::bytes(rest),
    }
}

/// The part of the faults that mapped 4 KiB: all of them only if it is all of them.
fn share(counts: &Counts) -> String {
    let all = counts.pmd.saturating_add(counts.pte);
    value::Value::Share(counts.pte as f64 / all.max(1) as f64)
        .text()
        .replace('%', " %")
}

fn todo(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::Quiet | Cause::Well => return None,
        Cause::Failed => "Look at the events (3) and at the state of its mount.",
        Cause::Colour => {
            "Let the kernel choose the address, mmap(NULL, ..., MAP_SHARED), or choose one that \
             equals the offset modulo 2 MiB."
        }
        Cause::PrivateWrite => "Map it MAP_SHARED, or write to a copy elsewhere.",
        Cause::VmaBounds => {
            "Map from an offset and with a length that are multiples of 2 MiB, and split no \
             region by munmap or mprotect."
        }
        Cause::Small => {
            "Put small things together in one file, or create it with a size of 2 MiB or more."
        }
        Cause::Tail => {
            "If the tail is hot, create the file with a size that is a multiple of 2 MiB."
        }
        Cause::Layout(Alignment::Chunk) => {
            "Copy it to a file with chunks of 2 MiB or a multiple: famfs cp -C 2MiB."
        }
        Cause::Layout(_) => {
            "Copy it with famfs cp: famfs allocates in units of 2 MiB that are aligned. If the \
             copy is the same, the device or its partition is not aligned."
        }
        Cause::Entries => {
            "Find the process that maps or mapped it by 4 KiB (its address, or a private \
             mapping), mend that, then unmount the file system and mount it again."
        }
        Cause::Other => "Look at the kernel's log, and at the columns of fallbacks (c).",
        Cause::Untried => {
            "Start the reader anew to see the first try; madvise(MADV_NOHUGEPAGE) and \
             prctl(PR_SET_THP_DISABLE) keep the kernel from trying."
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Access, Extent, Failure, FileKey, Order};

    const MIB: u64 = 1 << 20;

    /// So many faults of each order, and fallbacks.
    fn file(pmd: u64, pte: u64, fallback: &[(Fallback, u64)]) -> FileRow {
        let mut file = FileRow::new(FileKey::OTHER);
        file.untimed.insert((Order::Pmd, Access::Read), pmd);
        file.untimed.insert((Order::Pte, Access::Write), pte);
        file.fallback = fallback.iter().copied().collect();
        file
    }

    fn lying(size: u64, chunk: Option<u64>, offset: u64) -> Option<Arc<Layout>> {
        Some(Arc::new(Layout {
            size,
            chunk,
            extents: vec![Extent {
                device: 0,
                offset,
                len: size.next_multiple_of(2 * MIB),
            }],
        }))
    }

    #[test]
    fn each_picture_has_its_cause() {
        use Fallback::*;
        let aligned = lying(8 * MIB, None, 0);
        let cases: [(FileRow, Option<Arc<Layout>>, Cause, &str); 15] = [
            (
                file(0, 0, &[]),
                None,
                Cause::Quiet,
                "No fault in this time.",
            ),
            (
                file(0, 0, &[]),
                lying(8 * MIB, None, MIB),
                Cause::Quiet,
                "will not be mapped: an extent",
            ),
            (
                file(9, 0, &[(Colour, 1)]),
                None,
                Cause::Well,
                "Every fault maps 2 MiB",
            ),
            (
                file(0, 9, &[(Colour, 1)]),
                None,
                Cause::Colour,
                "100 % of the faults",
            ),
            (
                file(999, 1, &[(VmaBounds, 1)]),
                None,
                Cause::VmaBounds,
                "1 % of the faults",
            ),
            (
                file(1, 999, &[(Colour, 1), (PrivateWrite, 2)]),
                None,
                Cause::PrivateWrite,
                "99 % of",
            ),
            (
                file(0, 2, &[(Eof, 1)]),
                lying(5000, None, 0),
                Cause::Small,
                "has 4.88KiB only",
            ),
            (
                file(3, 2, &[(Eof, 1)]),
                lying(7 * MIB, None, 0),
                Cause::Tail,
                "the last 1.00MiB of",
            ),
            (
                file(3, 2, &[(Eof, 1)]),
                None,
                Cause::Tail,
                "the last part of",
            ),
            (
                file(0, 2, &[(Extent, 1)]),
                lying(8 * MIB, None, MIB),
                Cause::Layout(Alignment::Offset),
                "differ modulo 2 MiB",
            ),
            (
                file(0, 2, &[(Extent, 1)]),
                lying(8 * MIB, Some(4096), 0),
                Cause::Layout(Alignment::Chunk),
                "chunks of 4.00KiB",
            ),
            (
                file(0, 2, &[(Extent, 1)]),
                aligned.clone(),
                Cause::Entries,
                "are there already",
            ),
            (
                file(0, 2, &[(Extent, 1)]),
                None,
                Cause::Entries,
                "are there already",
            ),
            (
                file(0, 2, &[(Other, 1)]),
                aligned.clone(),
                Cause::Other,
                "does not know",
            ),
            (
                file(0, 2, &[]),
                aligned,
                Cause::Untried,
                "did not try 2 MiB",
            ),
        ];
        for (mut now, layout, cause, words) in cases {
            now.layout = layout;
            let verdict = verdict(&now, &now);
            assert_eq!(verdict.cause, cause, "{verdict:?}");
            assert!(verdict.why.contains(words), "{verdict:?} has no {words:?}");
            let well = matches!(cause, Cause::Quiet | Cause::Well);
            assert_eq!(verdict.todo.is_none(), well);
            assert_eq!(
                verdict.why.matches('.').count()
                    - verdict.why.matches(".00").count()
                    - verdict.why.matches(".88").count(),
                1,
                "one sentence: {}",
                verdict.why
            );
        }
    }

    #[test]
    fn a_region_that_fell_back_long_ago_has_its_reason_still() {
        let now = file(0, 7, &[]);
        let total = file(0, 7, &[(Fallback::Colour, 1)]);
        assert_eq!(verdict(&now, &total).cause, Cause::Colour);
    }

    #[test]
    fn faults_that_all_failed_are_no_mapping() {
        let mut now = file(0, 0, &[]);
        now.errors.insert(Failure::Sigbus, 3);
        assert_eq!(verdict(&now, &now).cause, Cause::Failed);
    }
}
