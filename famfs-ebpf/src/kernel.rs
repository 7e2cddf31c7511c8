//! Reads of kernel structures through pointers whose type the verifier knows.

use core::ptr::read_volatile;

use famfs_common::{field::Field, keys::Tag};

use crate::maps::{ALL_DAX, MAGICS, OFFSETS};

/// A pointer to some kernel structure.
pub type Kernel = *const u8;

/// The offset of `field` in the running kernel.
#[inline(always)]
pub fn offset(field: Field) -> usize {
    // SAFETY: the table has an offset for every field. Volatile, since the loader and not
    // the compiler decides its contents.
    unsafe { read_volatile(OFFSETS.as_ptr().add(field as usize)) as usize }
}

/// The address of `field`, which is a structure in itself.
#[inline(always)]
pub fn inside(base: Kernel, field: Field) -> Kernel {
    base.wrapping_add(offset(field))
}

/// Reads `field`.
///
/// # Safety
/// `base` must be a pointer that the verifier knows as the field's structure; a bad one is
/// refused at load, and one that is stale or null reads as zero.
#[inline(always)]
pub unsafe fn read<T: Copy>(base: Kernel, field: Field) -> T {
    // SAFETY: the caller's.
    unsafe { read_volatile(inside(base, field).cast()) }
}

/// Is `sb` a file system that we watch?
#[inline(always)]
pub fn watched(sb: Kernel) -> bool {
    // SAFETY: a plain constant, volatile as in `offset`.
    if unsafe { read_volatile(&raw const ALL_DAX) } != 0 {
        return true;
    }
    // SAFETY: callers pass a superblock.
    let magic: u64 = unsafe { read(sb, Field::SbMagic) };
    is_magic(0, magic) || is_magic(1, magic) || is_magic(2, magic)
}

#[inline(always)]
fn is_magic(i: usize, magic: u64) -> bool {
    // SAFETY: a plain constant, volatile as in `offset`.
    magic == unsafe { read_volatile(&raw const MAGICS[i]) }
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
