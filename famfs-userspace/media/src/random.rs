//! A generator of numbers that look random and are the same for the same seed.

/// Returns the next number of splitmix64, the generator of Steele, Lea and Flood ("Fast splittable
/// pseudorandom number generators", 2014), and advances its state. A state is a seed.
///
/// ```
/// let mut state = 0;
/// assert_eq!(famfs_media::random::splitmix64(&mut state), 0xe220_a839_7b1d_cdaf);
/// ```
#[inline]
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
