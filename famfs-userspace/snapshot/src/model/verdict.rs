//! Why a file is not mapped 2 MiB at a time, and what to do about it.

use super::{Alignment, Fallback, FileRow, Layout, Order, PMD_BYTES, value};

/// What keeps a file from 2 MiB mappings, if anything does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing faulted, so nothing is known but what the layout says.
    Quiet,
    /// All faults map 2 MiB.
    Well,
    /// All faults failed.
    Failed,
    /// Address and file offset of the mapping differ modulo 2 MiB.
    Colour,
    /// Writes to a private mapping.
    PrivateWrite,
    /// The mapping begins or ends inside a 2 MiB region.
    VmaBounds,
    /// The file is shorter than 2 MiB.
    Small,
    /// The last part of the file is shorter than 2 MiB.
    Tail,
    /// The file lies in memory in such a way.
    Layout(Alignment),
    /// 4 KiB entries are there already.
    Entries,
    /// The reason is not known.
    Other,
    /// Mapped by 4 KiB, and no try of 2 MiB was seen.
    Untried,
}

/// The cause in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The cause.
    pub cause: Cause,
    /// The cause as a sentence.
    pub why: String,
    /// What to do; `None` if there is nothing to do.
    pub todo: Option<&'static str>,
}

/// Judges what happened to a file in the interval `now`. `total` is everything since the start,
/// which matters because a region that fell back once is not tried again.
pub fn verdict(now: &FileRow, total: &FileRow) -> Verdict {
    let counts = Counts::of(now);
    let reason = now.main_fallback().or_else(|| total.main_fallback());
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
        Self {
            pmd: file.mapped(Order::Pmd),
            pte: file.mapped(Order::Pte),
            failed: file.failed(),
        }
    }
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
            "Start the reader again to see the first try; madvise(MADV_NOHUGEPAGE) and \
             prctl(PR_SET_THP_DISABLE) keep the kernel from trying."
        }
    })
}

#[cfg(test)]
mod tests;
