//! Chance from one seed.

use crate::common::builder::{DATA, DEVICE, MIB};

/// A dice with a state of 64 bits.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Numbers that programs trip over.
    pub(crate) fn odd_number(&mut self) -> u64 {
        const ODD: [u64; 18] = [
            0,
            1,
            2,
            3,
            15,
            16,
            17,
            47,
            48,
            4095,
            4096,
            2 * MIB,
            2 * MIB + 1,
            DATA,
            DEVICE,
            0xffff_ffff,
            1 << 63,
            u64::MAX,
        ];
        match self.below(4) {
            0 => self.next(),
            1 => 1 << self.below(64),
            _ => self.one_of(&ODD),
        }
    }

    /// A number of allocation units that a device may have, or a little more.
    pub(crate) fn units(&mut self) -> u64 {
        (self.below(34) as u64) * 2 * MIB
    }
}

/// Changes bytes without knowing what they mean.
pub(crate) fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let len = input.len();
        match dice.below(8) {
            0 if len > 0 => input[dice.below(len)] ^= 1 << dice.below(8),
            1 if len > 0 => input[dice.below(len)] = dice.byte(),
            2 | 3 if len >= 8 => {
                let width = dice.one_of(&[4, 8]);
                let at = dice.below(len - width + 1) / 4 * 4;
                let number = dice.odd_number().to_le_bytes();
                input[at..at + width].copy_from_slice(&number[..width]);
            }
            4 => input.truncate(dice.below(len + 1)),
            5 => input.insert(dice.below(len + 1), dice.byte()),
            6 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len());
                let part = &other[from..(from + dice.below(64)).min(other.len())];
                let at = dice.below(len + 1);
                input.splice(at..at, part.iter().copied());
            }
            _ if len > 0 => {
                let (from, count) = (dice.below(len), dice.below(16));
                let part: Vec<u8> = input[from..].iter().take(count).copied().collect();
                let at = dice.below(len);
                for (i, byte) in part.into_iter().enumerate() {
                    if let Some(place) = input.get_mut(at + i) {
                        *place = byte;
                    }
                }
            }
            _ => input.push(0),
        }
    }
}
