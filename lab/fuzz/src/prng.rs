//! Random numbers that a seed alone decides, for each thread of each phase its own.

use std::{fmt, num::ParseIntError, str::FromStr};

/// What a whole run is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(pub u64);

impl Seed {
    /// A seed that nobody chose.
    pub(crate) fn any() -> Self {
        Self(fastrand::u64(..))
    }

    /// The generator of one thread: no other thread's operations change what it makes.
    pub(crate) fn generator(self, phase: &str, thread: usize) -> Rng {
        let name = phase
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let thread = (thread as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Rng(fastrand::Rng::with_seed(mix(self.0 ^ mix(name ^ thread))))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016x}", self.0)
    }
}

impl FromStr for Seed {
    type Err = ParseIntError;

    /// Decimal, or hexadecimal after `0x`.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        }
        .map(Self)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Numbers where arithmetic and checks go wrong, besides those of the device itself.
const EDGES: &[u64] = &[
    0,
    1,
    7,
    511,
    4095,
    4096,
    4097,
    (2 << 20) - 1,
    2 << 20,
    (2 << 20) + 4096,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    (1 << 63) - 4096,
    (1 << 63) - 1,
    1 << 63,
    (1 << 63) + (2 << 20),
    u64::MAX - (2 << 20) + 1,
    u64::MAX - 4095,
    u64::MAX - 1,
    u64::MAX,
];

#[derive(Clone, Debug)]
pub(crate) struct Rng(fastrand::Rng);

impl Rng {
    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.u64(..end)
    }

    pub(crate) fn index(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    pub(crate) fn any(&mut self) -> u64 {
        self.0.u64(..)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.u8(..)
    }

    /// True in `percent` of 100 calls.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }

    /// A number at or near an edge; `limit` is one more of them.
    pub(crate) fn edge(&mut self, limit: u64) -> u64 {
        let value = match self.below(4) {
            0 => limit,
            1 => limit.wrapping_add(self.pick(EDGES)),
            _ => self.pick(EDGES),
        };
        match self.below(8) {
            0 => value.wrapping_add(1),
            1 => value.wrapping_sub(1),
            2 => value.wrapping_sub(4096),
            _ => value,
        }
    }

    /// Where the generator stands: equal after equal sequences of operations.
    pub(crate) fn state(&self) -> u64 {
        self.0.get_seed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_phases_and_threads_differ() {
        let first = |seed, phase, thread| Seed(seed).generator(phase, thread).any();
        assert_eq!(first(1, "calls", 0), first(1, "calls", 0));
        let others = [
            first(2, "calls", 0),
            first(1, "data", 0),
            first(1, "calls", 1),
        ];
        assert!(!others.contains(&first(1, "calls", 0)));
    }

    #[test]
    fn seeds_are_read_as_they_are_printed() {
        for text in ["0", "42", "0xdeadbeef", "18446744073709551615"] {
            let seed: Seed = text.parse().unwrap();
            assert_eq!(seed.to_string().parse::<Seed>().unwrap(), seed);
        }
        assert!("0x".parse::<Seed>().is_err());
        assert!("seed".parse::<Seed>().is_err());
    }
}
