//! Reads of kernel structures through pointers whose type the verifier knows.

use core::{arch::asm, ptr::read_volatile};

use famfs_common::{
    field::{Field, PLACEHOLDER, PLACES},
    keys::Tag,
};

use crate::maps::ALL_DAX;

/// A pointer to some kernel structure.
pub type Kernel = *const u8;

/// `s_magic` of famfs: ours, and the two of the earlier ones.
const MAGICS: [u64; 3] = [0x87b2_82fe, 0x87b2_82ff, 0x87b2_82fd];

/// Reads a field, by its number in [`Field`]. The load carries a placeholder for the offset, which
/// the loader replaces by that of the running kernel: one instruction.
///
/// # Safety
/// `base` must be a pointer that the verifier knows as the field's structure; a bad one is
/// refused at load, and one that is stale or null reads as zero.
#[inline(always)]
pub unsafe fn read<const FIELD: usize>(base: Kernel) -> u64 {
    let value: u64;
    // SAFETY: the caller's. The load has no effect but its value.
    unsafe {
        match PLACES[FIELD].width {
            8 => asm!(
                "{value} = *(u64 *)({base} + {at})",
                value = out(reg) value,
                base = in(reg) base,
                at = const PLACEHOLDER as usize + FIELD,
                options(pure, readonly, nostack),
            ),
            4 => asm!(
                "{value} = *(u32 *)({base} + {at})",
                value = out(reg) value,
                base = in(reg) base,
                at = const PLACEHOLDER as usize + FIELD,
                options(pure, readonly, nostack),
            ),
            _ => asm!(
                "{value} = *(u8 *)({base} + {at})",
                value = out(reg) value,
                base = in(reg) base,
                at = const PLACEHOLDER as usize + FIELD,
                options(pure, readonly, nostack),
            ),
        }
    }
    value
}

/// [`read`] of a field that is a pointer itself.
///
/// # Safety
/// As for [`read`].
#[inline(always)]
pub unsafe fn follow<const FIELD: usize>(base: Kernel) -> Kernel {
    // SAFETY: the caller's.
    unsafe { read::<FIELD>(base) as Kernel }
}

/// The lower half of an address, as a number: the verifier lets nobody calculate with pointers,
/// but a move of 32 bits makes no pointer.
#[inline(always)]
pub fn low(address: Kernel) -> u32 {
    let number: u32;
    // SAFETY: copies a register.
    unsafe {
        asm!(
            "{number} = {address}",
            number = out(wreg) number,
            address = in(wreg) address as usize as u32,
            options(pure, nomem, nostack),
        );
    }
    number
}

/// Is `sb` a file system that we watch?
#[inline(always)]
pub fn watched(sb: Kernel) -> bool {
    // SAFETY: callers pass a superblock.
    let magic = unsafe { read::<{ Field::SbMagic as usize }>(sb) };
    if magic == MAGICS[0] || magic == MAGICS[1] || magic == MAGICS[2] {
        return true;
    }
    // SAFETY: a plain constant; volatile, since the loader and not the compiler decides it.
    unsafe { read_volatile(&raw const ALL_DAX) != 0 }
}

/// The table's key words for a file, or the start of one.
#[inline(always)]
pub fn tag(dev: u32, class: u8, bucket: u16, cpu: u32) -> u64 {
    Tag {
        dev,
        class,
        bucket,
        cpu: cpu as u16,
    }
    .pack()
}

/// Returns the number of `inode`, and its superblock.
///
/// # Safety
/// `inode` must be an inode to the verifier.
#[inline(always)]
pub unsafe fn identity(inode: Kernel) -> (u64, Kernel) {
    // SAFETY: the caller's.
    unsafe {
        (
            read::<{ Field::InodeIno as usize }>(inode),
            follow::<{ Field::InodeSb as usize }>(inode),
        )
    }
}
