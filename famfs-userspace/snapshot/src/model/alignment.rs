//! Whether a file lies in memory so that it can be mapped 2 MiB at a time.

use super::{Extent, Layout};

/// What a PMD maps.
pub const PMD_BYTES: u64 = 2 << 20;

/// The first thing that keeps a layout from 2 MiB mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alignment {
    /// Every byte can be mapped by 2 MiB.
    Whole,
    /// All but what is left at the end of the file.
    Tail,
    /// The file is shorter than 2 MiB.
    Small,
    /// The chunks of an interleaved file are no multiple of 2 MiB.
    Chunk,
    /// An extent begins where device and file offset differ modulo 2 MiB.
    Offset,
    /// An extent ends inside of a 2 MiB region of the file.
    Short,
}

impl Alignment {
    /// Returns the name in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "2MiB",
            Self::Tail => "tail",
            Self::Small => "small",
            Self::Chunk => "chunk",
            Self::Offset => "offset",
            Self::Short => "short",
        }
    }

    /// Judges a file with this layout; `None` if it has no memory to judge.
    pub fn of(layout: &Layout) -> Option<Self> {
        if layout.size == 0 || layout.extents.is_empty() {
            return None;
        }
        if layout.size < PMD_BYTES {
            return Some(Self::Small);
        }
        let defect = match layout.chunk {
            Some(chunk) => strips(chunk, &layout.extents),
            None => extents(layout.size, &layout.extents),
        };
        let rest = if layout.size.is_multiple_of(PMD_BYTES) {
            Self::Whole
        } else {
            Self::Tail
        };
        Some(defect.unwrap_or(rest))
    }
}

/// Chunks go round the strips, so every 2 MiB of the file lie in one strip if a chunk is a
/// multiple of that, and are aligned if the strip is.
fn strips(chunk: u64, strips: &[Extent]) -> Option<Alignment> {
    if chunk == 0 || !chunk.is_multiple_of(PMD_BYTES) {
        return Some(Alignment::Chunk);
    }
    let odd = strips
        .iter()
        .any(|strip| !strip.offset.is_multiple_of(PMD_BYTES));
    odd.then_some(Alignment::Offset)
}

fn extents(size: u64, extents: &[Extent]) -> Option<Alignment> {
    let whole = size - size % PMD_BYTES;
    let mut at = 0_u64;
    for extent in extents {
        if at >= whole {
            return None;
        }
        if at % PMD_BYTES != extent.offset % PMD_BYTES {
            return Some(Alignment::Offset);
        }
        at = at.saturating_add(extent.len);
        if at < whole && !at.is_multiple_of(PMD_BYTES) {
            return Some(Alignment::Short);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn layout(size: u64, chunk: Option<u64>, extents: &[(u64, u64)]) -> Layout {
        let extents = extents.iter().map(|&(offset, len)| Extent {
            device: 0,
            offset,
            len,
        });
        Layout {
            size,
            chunk,
            extents: extents.collect(),
        }
    }

    #[test]
    fn the_first_defect_is_named() {
        use Alignment::*;
        let cases = [
            (layout(0, None, &[(0, 2 * MIB)]), None),
            (layout(MIB, None, &[]), None),
            (layout(MIB, None, &[(0, 2 * MIB)]), Some(Small)),
            (layout(4 * MIB, None, &[(2 * MIB, 4 * MIB)]), Some(Whole)),
            (layout(5 * MIB, None, &[(2 * MIB, 6 * MIB)]), Some(Tail)),
            (layout(4 * MIB, None, &[(MIB, 4 * MIB)]), Some(Offset)),
            (
                layout(4 * MIB, None, &[(0, MIB), (9 * MIB, 3 * MIB)]),
                Some(Short),
            ),
            (
                layout(4 * MIB, None, &[(0, 2 * MIB), (9 * MIB, 2 * MIB)]),
                Some(Offset),
            ),
            (
                layout(4 * MIB, None, &[(0, 2 * MIB), (8 * MIB, 2 * MIB)]),
                Some(Whole),
            ),
            // What is odd behind the last whole 2 MiB is the tail's.
            (
                layout(5 * MIB, None, &[(0, 4 * MIB), (9 * MIB, MIB)]),
                Some(Tail),
            ),
            (
                layout(8 * MIB, Some(2 * MIB), &[(0, 4 * MIB), (8 * MIB, 4 * MIB)]),
                Some(Whole),
            ),
            (
                layout(8 * MIB, Some(MIB), &[(0, 4 * MIB), (8 * MIB, 4 * MIB)]),
                Some(Chunk),
            ),
            (layout(8 * MIB, Some(0), &[(0, 4 * MIB)]), Some(Chunk)),
            (
                layout(8 * MIB, Some(2 * MIB), &[(0, 4 * MIB), (9 * MIB, 4 * MIB)]),
                Some(Offset),
            ),
            (
                layout(u64::MAX, None, &[(0, u64::MAX), (2 * MIB, u64::MAX)]),
                Some(Tail),
            ),
        ];
        for (layout, verdict) in cases {
            assert_eq!(Alignment::of(&layout), verdict, "{layout:?}");
        }
    }
}
