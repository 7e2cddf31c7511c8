//! Sixteen bytes in one store.
//!
//! Only `CMPXCHG16B` is promised to be one by every CPU that has it, and every x86-64 since
//! 2006 has it.

use std::arch::asm;
use std::io;

/// How often another writer may come between. There is none: the log is locked, and one host
/// writes it.
const TRIES: u32 = 1000;

/// Stores both fields at once; the first before the second where the CPU cannot.
///
/// # Safety
/// `to` must be aligned, mapped and writable, and no reference to it may exist.
pub(super) unsafe fn store(to: *mut u128, pair: [u64; 2]) -> io::Result<()> {
    if !is_x86_feature_detected!("cmpxchg16b") {
        // SAFETY: the caller's promise.
        unsafe { in_order(to, pair) };
        return Ok(());
    }
    let mut found = [0; 2];
    for _ in 0..TRIES {
        let guess = found;
        // SAFETY: the caller's promise; the CPU has the instruction. A wrong guess stores
        // nothing, and says what is there.
        found = unsafe { exchange(to, guess, pair) };
        if found == guess {
            return Ok(());
        }
    }
    Err(io::Error::other(
        "another writer keeps changing the counters of the log",
    ))
}

/// Stores `new` where `guess` is; returns what was there.
///
/// The compiler's own intrinsic calls a library in a build without optimisation.
///
/// # Safety
/// As [`store`], and the CPU must have the instruction.
unsafe fn exchange(to: *mut u128, guess: [u64; 2], new: [u64; 2]) -> [u64; 2] {
    let [mut low, mut high] = guess;
    // SAFETY: the caller's promise covers the memory. RBX, which no operand may name, has its
    // old value again in the end.
    unsafe {
        asm!(
            "xchg rsi, rbx",
            "lock cmpxchg16b [rdi]",
            "mov rbx, rsi",
            in("rdi") to,
            inout("rsi") new[0] => _,
            in("rcx") new[1],
            inout("rax") low,
            inout("rdx") high,
            options(nostack),
        );
    }
    [low, high]
}

/// The first, then the second.
///
/// # Safety
/// As [`store`].
unsafe fn in_order(to: *mut u128, pair: [u64; 2]) {
    let to = to.cast::<u64>();
    for (i, value) in pair.into_iter().enumerate() {
        // SAFETY: the caller's promise covers both halves; x86-64 makes stores visible in the
        // order of the program, which the compiler keeps for volatile ones.
        unsafe { to.wrapping_add(i).write_volatile(value.to_le()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache line of four pairs, the third of which is stored to.
    #[repr(align(64))]
    struct Line([u128; 4]);

    const AT: usize = 2;
    const NINE: u128 = 9 | 9 << 64;

    fn pair(first: u64, second: u64) -> u128 {
        u128::from(first) | u128::from(second) << 64
    }

    #[test]
    fn both_ways_store_the_pair_and_nothing_else() {
        let wanted = [NINE, NINE, pair(5, 6), NINE];
        let mut line = Line([NINE; 4]);
        // SAFETY: the line is aligned and its own.
        unsafe { store(&raw mut line.0[AT], [5, 6]) }.unwrap();
        assert_eq!(line.0, wanted);
        let mut line = Line([NINE; 4]);
        // SAFETY: the line is aligned and its own.
        unsafe { in_order(&raw mut line.0[AT], [5, 6]) };
        assert_eq!(line.0, wanted);
    }

    #[test]
    fn an_exchange_with_a_wrong_guess_stores_nothing() {
        if !is_x86_feature_detected!("cmpxchg16b") {
            return;
        }
        let mut line = Line([NINE; 4]);
        // SAFETY: the line is aligned and its own; the CPU was asked.
        let found = unsafe { exchange(&raw mut line.0[AT], [9, 8], [1, 2]) };
        assert_eq!((found, line.0), ([9, 9], [NINE; 4]));
    }

    /// Another thread looks all the while, and never finds one field without the other.
    #[test]
    fn nobody_sees_half_a_pair() {
        use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
        if !is_x86_feature_detected!("cmpxchg16b") {
            return;
        }
        let mut line = Line([0; 4]);
        let place = AtomicPtr::new(&raw mut line.0[AT]);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let to = place.load(Ordering::SeqCst);
                for n in 1..20_000 {
                    // SAFETY: the line is aligned and outlives the threads.
                    unsafe { store(to, [n, n]) }.unwrap();
                }
                over.store(true, Ordering::SeqCst);
            });
            let to = place.load(Ordering::SeqCst);
            while !over.load(Ordering::SeqCst) {
                // SAFETY: as above; a guess that is always wrong only looks.
                let [first, second] = unsafe { exchange(to, [u64::MAX; 2], [0; 2]) };
                assert_eq!(first, second, "half of a pair");
            }
        });
        assert_eq!(line.0[AT], pair(19_999, 19_999));
    }
}
