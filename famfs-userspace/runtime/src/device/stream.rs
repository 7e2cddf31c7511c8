//! A copy past the CPU's caches.
//!
//! A non-temporal store of a whole line reads nothing first and leaves no line behind that
//! would have to be written back: it is a store and its flush in one, and a fence waits for
//! it. The bytes of lines that are not written whole are stored and flushed as others are.

use std::arch::asm;

use super::cache::{self, LINE};

/// The number of bytes that one store writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 16; every x86-64 has it.
    Sse2,
    /// 32.
    Avx2,
}

/// The widest that this CPU has.
pub fn widest() -> Width {
    if is_x86_feature_detected!("avx2") {
        Width::Avx2
    } else {
        Width::Sse2
    }
}

/// Copies `len` bytes and starts writing back what the stores do not write back by
/// themselves.
///
/// # Safety
/// Both ranges must be mapped, the target writable; they must not overlap, and no reference
/// to their bytes may exist. The CPU must have the width.
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize, width: Width) {
    let (head, lines) = parts(to.addr(), len);
    let tail = head + lines * LINE;
    // SAFETY: head, lines and tail are parts of the ranges that the caller promised.
    unsafe { edge(from, to, head) };
    let (first, first_to) = (from.wrapping_add(head), to.wrapping_add(head));
    match width {
        // SAFETY: as above; `parts` begins the lines where a line begins.
        Width::Sse2 => unsafe { lines_by_sse2(first, first_to, lines) },
        // SAFETY: as above, and the CPU has it.
        Width::Avx2 => unsafe { lines_by_avx2(first, first_to, lines) },
    }
    // SAFETY: as above.
    unsafe { edge(from.wrapping_add(tail), to.wrapping_add(tail), len - tail) };
}

/// Bytes before the first whole line, and how many whole lines follow; the rest is the tail.
fn parts(to: usize, len: usize) -> (usize, usize) {
    let head = (to.next_multiple_of(LINE) - to).min(len);
    (head, (len - head) / LINE)
}

/// Copies less than a line, and flushes it.
///
/// # Safety
/// As [`copy`].
unsafe fn edge(from: *const u8, to: *mut u8, len: usize) {
    if len == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
    // SAFETY: the same.
    unsafe { cache::write_back(to, len, cache::best()) };
}

/// # Safety
/// As [`copy`], with `to` aligned to a line.
unsafe fn lines_by_sse2(mut from: *const u8, mut to: *mut u8, lines: usize) {
    for _ in 0..lines {
        // SAFETY: the line is one of those that the caller promised; it is aligned.
        unsafe {
            asm!(
                "movdqu xmm0, [{from}]",
                "movdqu xmm1, [{from} + 16]",
                "movdqu xmm2, [{from} + 32]",
                "movdqu xmm3, [{from} + 48]",
                "movntdq [{to}], xmm0",
                "movntdq [{to} + 16], xmm1",
                "movntdq [{to} + 32], xmm2",
                "movntdq [{to} + 48], xmm3",
                from = in(reg) from,
                to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                options(nostack, preserves_flags),
            );
        }
        (from, to) = (from.wrapping_add(LINE), to.wrapping_add(LINE));
    }
}

/// Eight lines at a time: fewer turns of the loop. By hand, for the intrinsic of a streaming
/// store computes each address by an instruction of its own, which makes half as many again.
///
/// # Safety
/// As [`copy`], with `to` aligned to a line, on a CPU with AVX2.
#[target_feature(enable = "avx2")]
unsafe fn lines_by_avx2(mut from: *const u8, mut to: *mut u8, lines: usize) {
    const AT_ONCE: usize = 8;
    for _ in 0..lines / AT_ONCE {
        // SAFETY: these lines are among those that the caller promised; they are aligned.
        unsafe {
            asm!(
                "vmovdqu ymm0, [{from}]",
                "vmovdqu ymm1, [{from} + 32]",
                "vmovdqu ymm2, [{from} + 64]",
                "vmovdqu ymm3, [{from} + 96]",
                "vmovdqu ymm4, [{from} + 128]",
                "vmovdqu ymm5, [{from} + 160]",
                "vmovdqu ymm6, [{from} + 192]",
                "vmovdqu ymm7, [{from} + 224]",
                "vmovdqu ymm8, [{from} + 256]",
                "vmovdqu ymm9, [{from} + 288]",
                "vmovdqu ymm10, [{from} + 320]",
                "vmovdqu ymm11, [{from} + 352]",
                "vmovdqu ymm12, [{from} + 384]",
                "vmovdqu ymm13, [{from} + 416]",
                "vmovdqu ymm14, [{from} + 448]",
                "vmovdqu ymm15, [{from} + 480]",
                "vmovntdq [{to}], ymm0",
                "vmovntdq [{to} + 32], ymm1",
                "vmovntdq [{to} + 64], ymm2",
                "vmovntdq [{to} + 96], ymm3",
                "vmovntdq [{to} + 128], ymm4",
                "vmovntdq [{to} + 160], ymm5",
                "vmovntdq [{to} + 192], ymm6",
                "vmovntdq [{to} + 224], ymm7",
                "vmovntdq [{to} + 256], ymm8",
                "vmovntdq [{to} + 288], ymm9",
                "vmovntdq [{to} + 320], ymm10",
                "vmovntdq [{to} + 352], ymm11",
                "vmovntdq [{to} + 384], ymm12",
                "vmovntdq [{to} + 416], ymm13",
                "vmovntdq [{to} + 448], ymm14",
                "vmovntdq [{to} + 480], ymm15",
                from = in(reg) from,
                to = in(reg) to,
                out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
                out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
                out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
                out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                options(nostack, preserves_flags),
            );
        }
        let bytes = AT_ONCE * LINE;
        (from, to) = (from.wrapping_add(bytes), to.wrapping_add(bytes));
    }
    // SAFETY: the rest of the lines.
    unsafe { lines_by_sse2(from, to, lines % AT_ONCE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_range_and_lines_are_whole() {
        for to in 0..2 * LINE {
            for len in 0..5 * LINE {
                let (head, lines) = parts(to, len);
                let tail = len - head - lines * LINE;
                assert!(head < LINE && tail < LINE, "{to} {len}");
                assert!(lines == 0 || (to + head).is_multiple_of(LINE), "{to} {len}");
                // A whole line in the range is one of the lines.
                let whole = ((to + len) / LINE).saturating_sub(to.div_ceil(LINE));
                assert_eq!(lines, whole, "{to} {len}");
            }
        }
    }

    /// Every way to lie to a line, and counts on both sides of what the loops do at once.
    #[test]
    fn the_bytes_of_the_range_and_no_others() {
        let source: Vec<u8> = (0..251).cycle().take(2048).collect();
        let widths: &[Width] = match widest() {
            Width::Sse2 => &[Width::Sse2],
            Width::Avx2 => &[Width::Sse2, Width::Avx2],
        };
        let mut target = vec![0xee_u8; 2048];
        for &width in widths {
            for at in [0, 1, 15, 16, 33, 63, 64, 100] {
                for len in (0..130).chain([191, 192, 255, 256, 257, 511, 600, 1024, 1500]) {
                    target.fill(0xee);
                    // SAFETY: both ranges lie in their buffers, 7 + 1500 and 100 + 1500 of
                    // 2048; the CPU has the width.
                    unsafe {
                        let to = target.as_mut_ptr().wrapping_add(at);
                        copy(source.as_ptr().wrapping_add(7), to, len, width);
                    }
                    cache::store_fence();
                    assert!(target[at..at + len] == source[7..7 + len], "{at} {len}");
                    let others = target[..at].iter().chain(&target[at + len..]);
                    assert!(others.copied().all(|byte| byte == 0xee), "{at} {len}");
                }
            }
        }
    }
}
