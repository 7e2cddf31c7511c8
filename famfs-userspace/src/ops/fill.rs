//! Contents that can be made again from a seed: upstream's `creat -r -S`.

/// xoroshiro128+ with the constants 55, 14, 36, seeded by splitmix64. Each output gives
/// four bytes.
#[derive(Clone, Debug)]
pub struct Stream([u64; 2]);

impl Stream {
    pub fn new(seed: u32) -> Self {
        let mut state = u64::from(seed);
        Self([splitmix64(&mut state), splitmix64(&mut state)])
    }

    fn next_word(&mut self) -> [u8; 4] {
        let [a, b] = self.0;
        let sum = a.wrapping_add(b);
        let mixed = a ^ b;
        self.0 = [
            a.rotate_left(55) ^ mixed ^ (mixed << 14),
            mixed.rotate_left(36),
        ];
        let [b0, b1, b2, b3, ..] = sum.to_le_bytes();
        [b0, b1, b2, b3]
    }

    /// Fills `bytes` with what comes next; only the last call may end within a word.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(4) {
            part.copy_from_slice(&self.next_word()[..part.len()]);
        }
    }
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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
}
