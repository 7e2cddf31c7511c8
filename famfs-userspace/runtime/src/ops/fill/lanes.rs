//! Four parts of the stream at once, for CPUs that have AVX2.
//!
//! The lanes of a register hold the states at the beginnings of four parts that follow one
//! another. Each turn takes eight words from every lane; a transposition then brings the words
//! of one part together.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_blend_epi32, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::{State, jump::Jump};

const LANES: usize = 4;
/// Bytes of the stream that one lane makes before it jumps. Long enough to make the jumps, of
/// some 1,500 instructions each, cost little; short enough to help with small files.
const PART: usize = 16 << 10;
/// Bytes that the lanes make together.
pub(super) const ROUND: usize = LANES * PART;
/// Bytes of a part that one turn makes.
const TURN: usize = size_of::<__m256i>();
/// The jump from the beginning of a part to that of the next one, at four bytes a step.
const TO_NEXT_PART: Jump = Jump::over(PART as u64 / 4);

/// Fills `round` with what follows `state`, and leaves the state behind it.
#[target_feature(enable = "avx2")]
pub(super) fn fill(state: &mut State, round: &mut [u8; ROUND]) {
    let mut states = [*state; LANES];
    for lane in 1..LANES {
        states[lane] = TO_NEXT_PART.from(states[lane - 1]);
    }
    // The last lane ends where the next round begins.
    *state = TO_NEXT_PART.from(states[LANES - 1]);
    let mut first = load(states.map(|State([first, _])| first));
    let mut second = load(states.map(|State([_, second])| second));

    let (one, rest) = round.split_at_mut(PART);
    let (two, rest) = rest.split_at_mut(PART);
    let (three, four) = rest.split_at_mut(PART);
    let [one, two, three, four] =
        [one, two, three, four].map(|part| part.as_chunks_mut::<TURN>().0);
    for (((one, two), three), four) in one.iter_mut().zip(two).zip(three).zip(four) {
        let words = [(); 4].map(|()| two_words(&mut first, &mut second));
        let [to_one, to_two, to_three, to_four] = transpose(words);
        store(one, to_one);
        store(two, to_two);
        store(three, to_three);
        store(four, to_four);
    }
}

/// Takes two words from each lane.
#[target_feature(enable = "avx2")]
fn two_words(first: &mut __m256i, second: &mut __m256i) -> __m256i {
    let low = step(first, second);
    let high = step(first, second);
    _mm256_blend_epi32::<0b1010_1010>(low, _mm256_slli_epi64::<32>(high))
}

/// [`State::step`] in each lane; the word is the lower half of what it returns.
#[target_feature(enable = "avx2")]
fn step(first: &mut __m256i, second: &mut __m256i) -> __m256i {
    let sum = _mm256_add_epi64(*first, *second);
    let mixed = _mm256_xor_si256(*first, *second);
    *first = _mm256_xor_si256(
        _mm256_xor_si256(rotate::<55, 9>(*first), mixed),
        _mm256_slli_epi64::<14>(mixed),
    );
    *second = rotate::<36, 28>(mixed);
    sum
}

/// AVX2 has no rotation: a shift to the left, and one to the right by what is left of 64.
#[target_feature(enable = "avx2")]
fn rotate<const LEFT: i32, const RIGHT: i32>(value: __m256i) -> __m256i {
    const { assert!(LEFT + RIGHT == 64) };
    _mm256_or_si256(
        _mm256_slli_epi64::<LEFT>(value),
        _mm256_srli_epi64::<RIGHT>(value),
    )
}

/// Turns four registers with a value from each lane into one register for each lane.
#[target_feature(enable = "avx2")]
fn transpose([a, b, c, d]: [__m256i; LANES]) -> [__m256i; LANES] {
    let (even_ab, odd_ab) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (even_cd, odd_cd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    [
        _mm256_permute2x128_si256::<0x20>(even_ab, even_cd),
        _mm256_permute2x128_si256::<0x20>(odd_ab, odd_cd),
        _mm256_permute2x128_si256::<0x31>(even_ab, even_cd),
        _mm256_permute2x128_si256::<0x31>(odd_ab, odd_cd),
    ]
}

#[target_feature(enable = "avx2")]
fn load(lanes: [u64; LANES]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array, with no demand on their alignment.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store(to: &mut [u8; TURN], value: __m256i) {
    // SAFETY: writes the 32 bytes of the array, with no demand on their alignment.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) }
}
