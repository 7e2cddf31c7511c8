//! Contents that can be made again from a seed: upstream's `creat -r -S`.

use famfs_media::random::splitmix64;

mod jump;
#[cfg(target_arch = "x86_64")]
mod lanes;

/// xoroshiro128+ with the constants 55, 14, 36, seeded by splitmix64. Each output gives
/// four bytes.
#[derive(Clone, Debug)]
pub struct Stream(State);

impl Stream {
    pub fn new(seed: u32) -> Self {
        Self(State::seeded(seed))
    }

    /// Fills `bytes` with what comes next; only the last call may end within a word.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        let rest = self.0.fill_rounds(bytes);
        self.0.fill(rest);
    }
}

/// What the next output, and all that follow, are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State([u64; 2]);

impl State {
    fn seeded(seed: u32) -> Self {
        let mut mixer = u64::from(seed);
        Self([splitmix64(&mut mixer), splitmix64(&mut mixer)])
    }

    fn step(&mut self) {
        let [a, b] = self.0;
        let mixed = a ^ b;
        self.0 = [
            a.rotate_left(55) ^ mixed ^ (mixed << 14),
            mixed.rotate_left(36),
        ];
    }

    /// Fills as many whole rounds as there are several words at a time, where the CPU can do
    /// that; returns what is left to fill.
    fn fill_rounds<'b>(&mut self, bytes: &'b mut [u8]) -> &'b mut [u8] {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            let (rounds, rest) = bytes.as_chunks_mut();
            for round in rounds {
                // SAFETY: the CPU has AVX2.
                unsafe { lanes::fill(self, round) };
            }
            return rest;
        }
        bytes
    }

    /// Fills word by word.
    fn fill(&mut self, bytes: &mut [u8]) {
        let (words, rest) = bytes.as_chunks_mut();
        for word in words {
            *word = self.next_word();
        }
        if !rest.is_empty() {
            rest.copy_from_slice(&self.next_word()[..rest.len()]);
        }
    }

    fn next_word(&mut self) -> [u8; 4] {
        let [b0, b1, b2, b3, ..] = self.0[0].wrapping_add(self.0[1]).to_le_bytes();
        self.step();
        [b0, b1, b2, b3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut s, b| {
            write!(s, "{b:02x}").unwrap();
            s
        })
    }

    fn make(seed: u32, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        Stream::new(seed).fill(&mut bytes);
        bytes
    }

    /// First 32 and last 16 bytes, and the CRC of all, of files that upstream made.
    #[test]
    fn as_upstream_fills() {
        let one = make(1, 4096);
        assert_eq!(
            hex(&one[..32]),
            "284991ee66b6fb343a87ca18de441778e8a866a128f453c9630a3f0c918da0a0"
        );
        assert_eq!(hex(&one[4080..]), "b5fcd81406af651f2ed7480863a0ddcc");
        assert_eq!(crc32fast::hash(&one), 1_142_451_055);
        let answer = make(42, 4096);
        assert_eq!(
            hex(&answer[..32]),
            "985f52e27afb0c3df88c822b402249e5d5781cc4cce1aad536a0a03bdb08a0ef"
        );
        assert_eq!(crc32fast::hash(&answer), 3_192_415_915);
    }

    #[test]
    fn a_cut_tail_is_a_prefix() {
        let whole = make(7, 64);
        for len in 0..64 {
            assert_eq!(make(7, len), whole[..len]);
        }
    }

    /// Several words at a time give what one word at a time gives, whatever the lengths of the
    /// pieces are.
    #[test]
    fn lanes_make_the_same_bytes() {
        const ROUND: usize = 64 << 10;
        for seed in [0, 1, 42, u32::MAX] {
            let mut wanted = vec![0; 5 * ROUND];
            State::seeded(seed).fill(&mut wanted);
            for piece in [4, ROUND - 4, ROUND, ROUND + 4, 3 * ROUND + 8, 5 * ROUND - 1] {
                let mut stream = Stream::new(seed);
                let mut made = vec![0; wanted.len()];
                made.chunks_mut(piece).for_each(|piece| stream.fill(piece));
                // A piece that ends within a word is the last that is right.
                let right = if piece % 4 == 0 { made.len() } else { piece };
                assert!(made[..right] == wanted[..right], "seed {seed}, by {piece}");
            }
        }
    }
}
