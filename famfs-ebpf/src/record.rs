//! The only code that counts.

use core::{
    arch::asm,
    ptr::{read_volatile, write_volatile},
};

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use famfs_common::{
    event::WAKE,
    keys::{CLASSES, Cpu, Entry, HALF_BYTES, PROBES, WAKE_AT, home},
    probe::Hook,
};

use crate::maps::{CPUS, MEMORY, WAKES};

/// The CPU that a program runs on; programs cannot migrate, so it stays this one.
#[derive(Clone, Copy)]
pub struct Here {
    pub cpu: u32,
}

/// What became of something that was to be counted.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Counted {
    /// An entry that existed.
    Again,
    /// An entry that was made for it: perhaps a new file.
    First,
    /// Only in the overflow counter of its class.
    Overflow,
}

impl Here {
    #[inline(always)]
    pub fn now() -> Self {
        // SAFETY: the helper has no preconditions.
        let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
        Self { cpu }
    }

    /// This CPU's counters. `None` only if user space made the map too small.
    fn counters(self) -> Option<*mut Cpu> {
        CPUS.get_ptr_mut(self.cpu)
    }

    /// Counts a record that the ring buffer had no room for.
    pub fn dropped(self) {
        if let Some(counters) = self.counters() {
            // SAFETY: inside the map value. Programs on one CPU may interleave, hence atomic.
            unsafe { add(&raw mut (*counters).dropped, 1) };
        }
    }

    /// Gives `code` back as a value that the verifier does not know: it follows every known one
    /// apart, through all that comes after.
    #[inline(always)]
    pub fn forget(self, hook: Hook, code: u8) -> Option<u8> {
        let counters = self.counters()?;
        // SAFETY: inside the map value; only this program on this CPU uses the word.
        unsafe {
            let word = &raw mut (*counters).scratch[hook as usize];
            write_volatile(word, u64::from(code));
            Some(read_volatile(word) as u8)
        }
    }

    /// Adds one to the entry of (`ino`, `tag`), and `amount` to its sum.
    #[inline(always)]
    pub fn count(self, ino: u64, tag: u64, amount: u64) -> Counted {
        // SAFETY: entries are inside the memory; see `Entry` on who writes one, and user space
        // writes `half` whole.
        unsafe {
            let half = read_volatile(&raw const MEMORY.state.half) & HALF_BYTES;
            let place = half | (u64::from(home(ino, tag)) * size_of::<Entry>() as u64);
            let entry = entry(place);
            if (*entry).tag == tag && (*entry).ino == ino {
                bump(entry, amount);
                return Counted::Again;
            }
            seek(ino, tag, amount, place, self.cpu)
        }
    }
}

/// Counts a run of `hook`. `None` only if user space made the map too small.
#[inline(always)]
pub fn hit(hook: Hook) -> Option<Here> {
    let here = Here::now();
    let counters = here.counters()?;
    // SAFETY: only this program on this CPU writes its counter.
    unsafe { (*counters).hits[hook as usize] += 1 };
    Some(here)
}

/// The entry that begins `place` bytes into the table.
#[inline(always)]
fn entry(place: u64) -> *mut Entry {
    // SAFETY: only an address is taken.
    let table = unsafe { &raw mut MEMORY.table };
    table.cast::<Entry>().wrapping_byte_add(place as usize)
}

/// The entry is not at its home, or not there yet.
#[inline(never)]
fn seek(ino: u64, tag: u64, amount: u64, place: u64, cpu: u32) -> Counted {
    const LAST: u64 = HALF_BYTES - size_of::<Entry>() as u64;
    let half = place & HALF_BYTES;
    for probe in 0..u64::from(PROBES) {
        // SAFETY: as in `count`.
        unsafe {
            let entry = entry(half | ((place + probe * size_of::<Entry>() as u64) & LAST));
            let found = read_volatile(&raw const (*entry).tag);
            if found == tag && (*entry).ino == ino {
                bump(entry, amount);
                return Counted::Again;
            }
            if found == 0 && claim(&raw mut (*entry).tag, tag) {
                write_volatile(&raw mut (*entry).ino, ino);
                bump(entry, amount);
                fuller((half / HALF_BYTES) as usize & 1);
                return Counted::First;
            }
        }
    }
    if let Some(counters) = (Here { cpu }).counters() {
        let class = (tag >> 24) as usize & (CLASSES - 1);
        // SAFETY: inside the map value; a class on a CPU has one writer, as an entry has.
        unsafe {
            (*counters).overflow[class] += 1;
            (*counters).overflow_sum[class] += amount;
        }
    }
    Counted::Overflow
}

/// One entry more in use; at some load user space is told to empty the half.
#[inline(always)]
fn fuller(half: usize) {
    let mut before = 1u64;
    // SAFETY: one aligned word of the memory, which user space only sets to zero.
    unsafe {
        let used = (&raw mut MEMORY.state.used)
            .cast::<u64>()
            .wrapping_add(half);
        asm!(
            "{before} = atomic_fetch_add((u64 *)({used} + 0), {before})",
            before = inout(reg) before,
            used = in(reg) used,
        );
    }
    if before == WAKE_AT {
        // A full ring has woken it already.
        let _ = WAKES.output::<u32>(&WAKE, 0);
    }
}

/// # Safety
/// `entry` must be an entry that belongs to this program and CPU.
#[inline(always)]
unsafe fn bump(entry: *mut Entry, amount: u64) {
    // SAFETY: the caller's.
    unsafe {
        (*entry).count += 1;
        (*entry).sum_ns += amount;
    }
}

/// Takes a free entry; false if another program or CPU was faster.
///
/// # Safety
/// `tag` must point into a map value.
#[inline(always)]
unsafe fn claim(tag: *mut u64, new: u64) -> bool {
    let found: u64;
    // SAFETY: one aligned word of the map. Rust has no atomics for this target.
    unsafe {
        asm!(
            "r0 = cmpxchg_64({tag} + 0, r0, {new})",
            tag = in(reg) tag,
            new = in(reg) new,
            inout("r0") 0u64 => found,
        );
    }
    found == 0
}

/// # Safety
/// `word` must point into a map value.
#[inline(always)]
pub unsafe fn add(word: *mut u64, n: u64) {
    // SAFETY: one aligned word of the map.
    unsafe { asm!("lock *(u64 *)({word} + 0) += {n}", word = in(reg) word, n = in(reg) n) };
}
