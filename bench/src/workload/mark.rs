//! Marks in the instruction stream, for a profiler that watches the emulated processor.
//!
//! A mark is a no-operation whose displacement is a number: it costs one instruction, outside of
//! what is timed, and tells an emulator where a row, a touch and an unmapping begin and end. The
//! numbers are read by `lab/profile/profile.c`.

use crate::cli::Access;

/// Upper half of every mark's displacement.
#[cfg(target_arch = "x86_64")]
const SIGNATURE: u32 = 0x4fa3_0000;

const TOUCH: u32 = 1;
const UNMAP: u32 = 2;
const END: u32 = 3;
/// The row that follows: these bits, and one for each of its properties.
const ROW: u32 = 0x100;
const PMD: u32 = 4;
const WRITE: u32 = 2;
const STEADY: u32 = 1;
/// The target that follows, by its number.
const TARGET: u32 = 0x200;

#[inline]
fn mark<const NUMBER: u32>() {
    // SAFETY: a no-operation reads and writes nothing; its operand is never looked at.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "nop dword ptr [rax + {number}]",
            number = const SIGNATURE + NUMBER,
            options(nomem, nostack, preserves_flags)
        );
    }
}

#[inline]
pub(crate) fn touch() {
    mark::<TOUCH>();
}

#[inline]
pub(crate) fn unmap() {
    mark::<UNMAP>();
}

/// The end of a touch or of an unmapping.
#[inline]
pub(crate) fn end() {
    mark::<END>();
}

/// All that is marked from here on belongs to this row of the last target.
pub(crate) fn row(pmd: bool, access: Access, steady: bool) {
    match (pmd, access, steady) {
        (false, Access::Read, false) => mark::<ROW>(),
        (false, Access::Read, true) => mark::<{ ROW + STEADY }>(),
        (false, Access::Write, false) => mark::<{ ROW + WRITE }>(),
        (false, Access::Write, true) => mark::<{ ROW + WRITE + STEADY }>(),
        (true, Access::Read, false) => mark::<{ ROW + PMD }>(),
        (true, Access::Read, true) => mark::<{ ROW + PMD + STEADY }>(),
        (true, Access::Write, false) => mark::<{ ROW + PMD + WRITE }>(),
        (true, Access::Write, true) => mark::<{ ROW + PMD + WRITE + STEADY }>(),
    }
}

/// The target that follows, by its place in [`crate::target::ALL`].
pub(crate) fn target(place: usize) {
    match place {
        0 => mark::<TARGET>(),
        1 => mark::<{ TARGET + 1 }>(),
        2 => mark::<{ TARGET + 2 }>(),
        _ => mark::<{ TARGET + 3 }>(),
    }
}
