//! CPU cache lines: write them back, or drop them.
//!
//! CXL memory is not coherent between hosts. A store that another host shall see must
//! be written back; a load that shall see another host's store must not be answered by
//! a stale line.

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "famfs on this architecture needs its own cache line instructions in device/cache.rs"
);

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _mm_clflush, _mm_mfence, _mm_sfence};
use std::sync::OnceLock;

/// Bytes of a cache line on every x86-64 there is.
pub const LINE: usize = 64;

/// The instruction that writes a line back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteBack {
    /// Writes back, keeps the line, unordered.
    Clwb,
    /// Writes back and drops the line, unordered.
    ClflushOpt,
    /// Writes back and drops the line, ordered; every x86-64 has it.
    Clflush,
}

/// The best instruction that this CPU says it has.
pub fn best() -> WriteBack {
    static BEST: OnceLock<WriteBack> = OnceLock::new();
    *BEST.get_or_init(|| {
        let max_leaf = __cpuid(0).eax;
        let ebx = if max_leaf >= 7 {
            __cpuid_count(7, 0).ebx
        } else {
            0
        };
        choose(ebx)
    })
}

/// Chooses by EBX of CPUID leaf 7.
fn choose(ebx: u32) -> WriteBack {
    if ebx & (1 << 24) != 0 {
        WriteBack::Clwb
    } else if ebx & (1 << 23) != 0 {
        WriteBack::ClflushOpt
    } else {
        WriteBack::Clflush
    }
}

/// Starts writing back every line that `[start, start + len)` touches.
///
/// # Safety
/// The range must be mapped.
pub unsafe fn write_back(start: *const u8, len: usize, with: WriteBack) {
    for line in lines(start, len) {
        // SAFETY: the line holds a byte of a mapped range, so its page is mapped.
        unsafe { line_op(line, with) };
    }
}

/// Drops every line that `[start, start + len)` touches, writing back what is dirty.
///
/// # Safety
/// The range must be mapped.
pub unsafe fn invalidate(start: *const u8, len: usize) {
    // Loads and stores before this must not be moved behind it, nor later loads before.
    full_fence();
    let with = match best() {
        WriteBack::Clflush => WriteBack::Clflush,
        // CLWB keeps the line; a CPU that has it has CLFLUSHOPT as well.
        WriteBack::Clwb | WriteBack::ClflushOpt => WriteBack::ClflushOpt,
    };
    // SAFETY: the caller's promise.
    unsafe { write_back(start, len, with) };
    full_fence();
}

/// Waits until earlier stores and write-backs are done.
pub fn store_fence() {
    // SAFETY: SFENCE has no operand; every x86-64 has it.
    unsafe { _mm_sfence() };
}

fn full_fence() {
    // SAFETY: MFENCE has no operand; every x86-64 has it.
    unsafe { _mm_mfence() };
}

/// The start of every line that `[start, start + len)` touches.
fn lines(start: *const u8, len: usize) -> impl Iterator<Item = *const u8> {
    let into_line = start.addr() % LINE;
    let count = if len == 0 {
        0
    } else {
        (into_line + len).div_ceil(LINE)
    };
    let first = start.wrapping_sub(into_line);
    (0..count).map(move |i| first.wrapping_add(i * LINE))
}

/// # Safety
/// `line` must lie in a mapped page, and the CPU must have the instruction.
unsafe fn line_op(line: *const u8, with: WriteBack) {
    match with {
        // The operand is a register that the compiler fills with `line`: the address
        // cannot differ between a debug and an optimised build.
        // SAFETY: the caller's promise.
        WriteBack::Clwb => unsafe {
            asm!("clwb [{line}]", line = in(reg) line, options(nostack, preserves_flags));
        },
        // SAFETY: the caller's promise.
        WriteBack::ClflushOpt => unsafe {
            asm!("clflushopt [{line}]", line = in(reg) line, options(nostack, preserves_flags));
        },
        // SAFETY: the caller's promise.
        WriteBack::Clflush => unsafe { _mm_clflush(line) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(start: usize, len: usize) -> Vec<usize> {
        lines(std::ptr::without_provenance(start), len)
            .map(<*const u8>::addr)
            .collect()
    }

    #[test]
    fn every_touched_line_once() {
        assert_eq!(starts(0x1000, 0), Vec::<usize>::new());
        assert_eq!(starts(0x1000, 1), [0x1000]);
        assert_eq!(starts(0x1000, 64), [0x1000]);
        assert_eq!(starts(0x1000, 65), [0x1000, 0x1040]);
        assert_eq!(starts(0x103f, 2), [0x1000, 0x1040]);
        assert_eq!(starts(0x1030, 544).len(), 10);
        assert_eq!(starts(0x1000, 8 << 20).len(), 131_072);
    }

    #[test]
    fn choice_by_cpuid() {
        assert_eq!(choose(1 << 24 | 1 << 23), WriteBack::Clwb);
        assert_eq!(choose(1 << 23), WriteBack::ClflushOpt);
        assert_eq!(choose(0), WriteBack::Clflush);
    }
}
