//! The latency histogram: eight equal slices per power of two, exact below sixteen.
//!
//! A bucket is at most one eighth of its lower bound wide, so a quantile read from the
//! upper bound is at most 12.5 % too high and never too low. All of `u64` is covered:
//! there is no last bucket that swallows what is too slow.

/// Slices per power of two, as a power of two.
const SLICE_BITS: u32 = 3;
const SLICES: u64 = 1 << SLICE_BITS;

/// How many buckets there are: eight for each of the 61 powers of two from 8 on, eight below.
pub const BUCKETS: u16 = 62 * 8;

/// The bucket that holds `ns`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the BPF programs call it once per fault"
)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the result is below BUCKETS"
)]
pub const fn index(ns: u64) -> u16 {
    if ns < SLICES {
        return ns as u16;
    }
    bucket(ns, log2(ns) - SLICE_BITS)
}

/// [`index`] by a table, for what most faults take: 256 ns to 16 ms. `look_up` reads [`SHIFT`] at an
/// index that fits into a byte, in a way that its caller's verifier understands.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the BPF programs call it once per fault"
)]
pub fn quick(ns: u64, look_up: impl Fn(u64) -> u32) -> Option<u64> {
    let shift = if (1 << 8..1 << 16).contains(&ns) {
        look_up(ns >> 8)
    } else if (1 << 16..1 << 24).contains(&ns) {
        look_up(ns >> 16) + 8
    } else {
        return None;
    };
    Some(u64::from(shift) * SLICES + (ns >> shift))
}

/// `shift` leaves the top four bits of `ns`: 8..=15 within its power of two.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the result is below BUCKETS"
)]
const fn bucket(ns: u64, shift: u32) -> u16 {
    (shift as u64 * SLICES + (ns >> shift)) as u16
}

/// How far to shift a 16-bit value to leave its top four bits, by its upper byte.
#[expect(clippy::cast_possible_truncation, reason = "shifts are below 16")]
pub static SHIFT: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 1;
    while byte < 256 {
        table[byte] = (8 + byte.ilog2() - SLICE_BITS) as u8;
        byte += 1;
    }
    table
};

/// The number of the highest bit of `v`, which is not 0. BPF has no instruction for it, and the
/// compiler's substitute is twice as long as this table.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the BPF programs call it once per fault"
)]
const fn log2(v: u64) -> u32 {
    let mut below = v;
    below |= below >> 1;
    below |= below >> 2;
    below |= below >> 4;
    below |= below >> 8;
    below |= below >> 16;
    below |= below >> 32;
    let top = below - (below >> 1);
    LOG2[(top.wrapping_mul(DE_BRUIJN) >> 58) as usize] as u32
}

/// Every six bits in a row of it are different.
const DE_BRUIJN: u64 = 0x03f7_9d71_b4cb_0a89;

/// The exponent of a power of two, by the six bits that it brings to the top of the product.
static LOG2: [u8; 64] = {
    let mut table = [0; 64];
    let mut exponent = 0;
    while exponent < 64 {
        table[((DE_BRUIJN << exponent) >> 58) as usize] = exponent;
        exponent += 1;
    }
    table
};

/// The smallest value in bucket `i`; `None` if there is no such bucket.
pub const fn lower(i: u16) -> Option<u64> {
    if i >= BUCKETS {
        return None;
    }
    let i = i as u64;
    if i < 2 * SLICES {
        return Some(i);
    }
    let shift = i / SLICES - 1;
    Some((SLICES + i % SLICES) << shift)
}

/// The largest value in bucket `i`; `None` if there is no such bucket.
pub const fn upper(i: u16) -> Option<u64> {
    match (lower(i), lower(i.saturating_add(1))) {
        (None, _) => None,
        (Some(_), Some(next)) => Some(next - 1),
        (Some(_), None) => Some(u64::MAX),
    }
}
