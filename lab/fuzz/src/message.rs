//! `MAP_CREATE` calls: well-formed ones, ones with fields at edges, and ones with bits flipped.

use crate::{
    abi::{Abi, EXTENT, Extent, Interleaved, LIST_POINTER, Layout, Map, Pieces, V2_INTERLEAVED},
    arena::Ptr,
    prng::Rng,
};

const PAGE: u64 = 4096;
const PMD: u64 = 2 << 20;

/// What happens to the bytes of a finished message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Bit(u8),
    Byte(u8),
    /// An aligned word of 8 bytes.
    Word(u64),
}

/// One change: in which piece, and where (modulo its length).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mutation {
    pub piece: u8,
    pub at: u32,
    pub change: Change,
}

/// One call with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapCreate {
    pub abi: Abi,
    pub map: Map,
    pub mutations: Vec<Mutation>,
    pub header: Ptr,
    pub list: Ptr,
    pub strips: Ptr,
}

impl MapCreate {
    /// A call for devices of so many bytes, of which the second may be none.
    pub(crate) fn generate(rng: &mut Rng, devices: [u64; 2]) -> Self {
        let abi = rng.pick(&[Abi::V1, Abi::V2, Abi::V44]);
        let mutations = if rng.chance(25) {
            (0..=rng.below(3)).map(|_| mutation(rng)).collect()
        } else {
            Vec::new()
        };
        Self {
            abi,
            map: map(rng, abi, devices),
            mutations,
            header: Ptr::generate(rng, 4),
            list: Ptr::generate(rng, 4),
            strips: Ptr::generate(rng, 4),
        }
    }

    /// A call that a mount with nothing in the way must accept.
    pub(crate) fn simple(abi: Abi, size: u64, ranges: Vec<Extent>) -> Self {
        Self {
            abi,
            map: Map {
                file_type: 0,
                size,
                layout: Layout::Simple(ranges),
            },
            mutations: Vec::new(),
            header: Ptr::Good,
            list: Ptr::Good,
            strips: Ptr::Good,
        }
    }

    /// The message's bytes after all changes.
    pub(crate) fn pieces(&self) -> Pieces {
        let mut pieces = crate::abi::encode(self.abi, &self.map);
        for mutation in &self.mutations {
            apply(self.abi, &self.map.layout, &mut pieces, *mutation);
        }
        pieces
    }
}

fn mutation(rng: &mut Rng) -> Mutation {
    let change = match rng.below(4) {
        0 => Change::Byte(rng.byte()),
        1 => Change::Word(rng.edge(1 << 30)),
        2 => Change::Word(rng.any()),
        _ => Change::Bit(rng.byte() % 8),
    };
    Mutation {
        // The header is what most checks are about.
        piece: rng.pick(&[0, 0, 1, 2]),
        at: u32::try_from(rng.below(1 << 32)).unwrap_or(0),
        change,
    }
}

/// Changes bytes, but no pointer: those are [`Ptr`]'s business.
fn apply(abi: Abi, layout: &Layout, pieces: &mut Pieces, mutation: Mutation) {
    let piece = match mutation.piece {
        1 if !pieces.list.is_empty() => 1,
        2 if !pieces.strips.is_empty() => 2,
        _ => 0,
    };
    let bytes = match piece {
        0 => &mut pieces.header,
        1 => &mut pieces.list,
        _ => &mut pieces.strips,
    };
    let at = mutation.at as usize % bytes.len();
    let pointer = match (abi, piece, layout) {
        (Abi::V2, 0, _) => at >= LIST_POINTER,
        (Abi::V2, 1, Layout::Interleaved(_)) => at % V2_INTERLEAVED >= EXTENT,
        _ => false,
    };
    if pointer {
        return;
    }
    match mutation.change {
        Change::Bit(bit) => bytes[at] ^= 1 << bit,
        Change::Byte(byte) => bytes[at] = byte,
        Change::Word(word) => {
            let at = at / 8 * 8;
            let end = bytes.len().min(at + 8);
            bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
        }
    }
}

fn map(rng: &mut Rng, abi: Abi, devices: [u64; 2]) -> Map {
    let layout = if abi != Abi::V1 && rng.chance(30) {
        let count = if rng.chance(5) { rng.below(6) } else { 1 };
        Layout::Interleaved((0..count).map(|_| interleaved(rng, devices)).collect())
    } else {
        let count = match (abi, rng.below(20)) {
            (_, 0) => 0,
            (Abi::V1, _) => 1 + rng.below(3),
            (Abi::V44, 1) => rng.below(2000),
            (_, 1) => 14 + rng.below(5),
            _ => 1 + rng.below(4),
        };
        let unit = if abi == Abi::V1 || rng.chance(70) {
            PMD
        } else {
            PAGE
        };
        Layout::Simple((0..count).map(|_| range(rng, unit, devices)).collect())
    };
    let sum = layout
        .ranges()
        .iter()
        .fold(0_u64, |sum, range| sum.wrapping_add(range.len));
    let size = match rng.below(12) {
        0 => rng.edge(sum),
        1..=4 => sum.saturating_sub(rng.below(PAGE)).max(1),
        _ => 1 + rng.below(sum.max(1)),
    };
    let file_type = match rng.below(30) {
        0 => 1,
        1 => 2,
        2 => 3 + u32::from(rng.byte()),
        _ => 0,
    };
    Map {
        file_type,
        size,
        layout,
    }
}

fn range(rng: &mut Rng, unit: u64, devices: [u64; 2]) -> Extent {
    let number = usize::from(devices[1] > 0 && rng.chance(30));
    let device = devices[number];
    let offset = match rng.below(40) {
        0 => rng.edge(device),
        1 => rng.below(device),
        _ => PMD + rng.below((device - PMD) / unit) * unit,
    };
    let len = match rng.below(40) {
        0 => rng.edge(device - (offset % device)),
        1 => 1 + rng.below(4 * PMD),
        _ => (1 + rng.below(3)) * unit,
    };
    let device = match rng.below(40) {
        0 => rng.edge(64),
        1 => 1 + rng.below(3),
        _ => number as u64,
    };
    Extent {
        device,
        offset,
        len,
    }
}

fn interleaved(rng: &mut Rng, devices: [u64; 2]) -> Interleaved {
    let chunk = match rng.below(20) {
        0 => rng.edge(PMD),
        1..=9 => PMD,
        _ => (1 + rng.below(16)) * PAGE,
    };
    let count = match rng.below(20) {
        0 => rng.below(20),
        _ => 1 + rng.below(4),
    };
    let unit = chunk.clamp(PAGE, PMD).next_multiple_of(PAGE);
    let strips: Vec<Extent> = (0..count)
        .map(|_| {
            let mut strip = range(rng, PMD, devices);
            if rng.chance(95) {
                strip.len = 2 * unit.max(PMD).next_multiple_of(unit);
            }
            strip
        })
        .collect();
    let sum = strips
        .iter()
        .fold(0_u64, |sum, strip| sum.wrapping_add(strip.len));
    let bytes = match rng.below(20) {
        0 => rng.edge(sum),
        _ => 1 + rng.below(sum.max(1)),
    };
    Interleaved {
        chunk,
        bytes,
        strips,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Seed;

    #[test]
    fn the_same_seed_makes_the_same_calls() {
        let calls = |seed| -> Vec<MapCreate> {
            let mut rng = Seed(seed).generator("calls", 3);
            (0..500)
                .map(|_| MapCreate::generate(&mut rng, [1 << 30, 1 << 28]))
                .collect()
        };
        assert_eq!(calls(7), calls(7));
        assert_ne!(calls(7), calls(8));
    }

    #[test]
    fn a_change_never_hits_a_pointer() {
        let mut rng = Seed(5).generator("calls", 0);
        for _ in 0..5000 {
            let call = MapCreate::generate(&mut rng, [1 << 30, 1 << 28]);
            if call.abi == Abi::V2 {
                assert_eq!(call.pieces().header[LIST_POINTER..], [0; 8], "{call:?}");
            }
        }
    }

    #[test]
    fn all_abis_layouts_and_pointers_come_up() {
        let mut rng = Seed(6).generator("calls", 0);
        let calls: Vec<_> = (0..2000)
            .map(|_| MapCreate::generate(&mut rng, [1 << 30, 1 << 28]))
            .collect();
        for abi in [Abi::V1, Abi::V2, Abi::V44] {
            assert!(calls.iter().filter(|call| call.abi == abi).count() > 400);
        }
        assert!(
            calls
                .iter()
                .any(|call| matches!(call.map.layout, Layout::Interleaved(_)))
        );
        assert!(calls.iter().any(|call| call.header != Ptr::Good));
        assert!(calls.iter().any(|call| call.map.layout.len() > 100));
    }
}
