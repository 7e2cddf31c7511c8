//! Contents that a seed makes, written down once more: what a guest shows is compared with this,
//! and not with what famfs itself thinks of it.

/// Upstream's stream: xoroshiro128+ seeded by splitmix64, four bytes of each output.
pub(crate) fn bytes(seed: u32, size: usize) -> Vec<u8> {
    let mut state = u64::from(seed);
    let mut split = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (mut a, mut b) = (split(), split());
    let mut out = Vec::with_capacity(size + 4);
    while out.len() < size {
        let sum = a.wrapping_add(b);
        b ^= a;
        a = a.rotate_left(55) ^ b ^ (b << 14);
        b = b.rotate_left(36);
        out.extend_from_slice(&sum.to_le_bytes()[..4]);
    }
    out.truncate(size);
    out
}

/// The CRC-32 that busybox' `crc32` prints.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with files that upstream made.
    #[test]
    fn as_upstream_fills() {
        let one = bytes(1, 4096);
        assert_eq!(one[..4], [0x28, 0x49, 0x91, 0xee]);
        assert_eq!(crc(&one), 1_142_451_055);
        assert_eq!(crc(&bytes(42, 4096)), 3_192_415_915);
        assert_eq!(bytes(1, 4095), one[..4095]);
    }
}
