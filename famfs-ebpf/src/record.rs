//! The only code that counts.

use core::{
    arch::asm,
    ptr::{read_volatile, write_volatile},
};

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use famfs_common::{
    keys::{Cpu, Entry, HALF, PROBES, home},
    probe::Hook,
};

use crate::maps::{CPUS, TABLE};

/// This CPU's counters; programs cannot migrate, so it stays this CPU.
#[derive(Clone, Copy)]
pub struct Here {
    pub cpu: u32,
    counters: *mut Cpu,
}

/// What became of a fault that was to be counted.
pub enum Counted {
    /// In an entry that existed.
    Again,
    /// In an entry made for it: perhaps a new file.
    First,
    /// Only in the overflow counter, which now holds this much.
    Overflow(u64),
}

/// Counts a run of `hook`. `None` only if user space made the map too small.
#[inline(always)]
pub fn hit(hook: Hook) -> Option<Here> {
    // SAFETY: the helper has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
    let counters = CPUS.get_ptr_mut(cpu)?;
    // SAFETY: only this program on this CPU writes its counter.
    unsafe { (*counters).hits[hook as usize] += 1 };
    Some(Here { cpu, counters })
}

impl Here {
    /// Counts a record that the ring buffer had no room for.
    pub fn dropped(self) {
        // SAFETY: inside the map value. Programs on one CPU may interleave, hence atomic.
        unsafe { add(&raw mut (*self.counters).dropped, 1) };
    }

    /// Gives `code` back as a value that the verifier does not know: it follows every known one
    /// apart, through all that comes after.
    #[inline(always)]
    pub fn forget(self, hook: Hook, code: u8) -> u8 {
        // SAFETY: inside the map value; only this program on this CPU uses the word.
        unsafe {
            let word = &raw mut (*self.counters).scratch[hook as usize];
            write_volatile(word, u64::from(code));
            read_volatile(word) as u8
        }
    }

    /// Adds a fault to the entry of (`ino`, `tag`).
    #[inline(always)]
    pub fn count(self, hook: Hook, ino: u64, tag: u64, ns: u64) -> Counted {
        // SAFETY: inside the map value; user space writes it whole.
        let epoch = unsafe { read_volatile(&raw const (*self.counters).epoch) };
        let half = (epoch as u32 & 1) * HALF;
        let home = home(ino, tag);
        for probe in 0..PROBES {
            let Some(entry) = TABLE.get_ptr_mut(half + ((home + probe) & (HALF - 1))) else {
                break;
            };
            // SAFETY: `entry` is inside the map; see `Entry` on who writes it.
            unsafe {
                let found = read_volatile(&raw const (*entry).tag);
                if found == tag && (*entry).ino == ino {
                    return bump(entry, ns, Counted::Again);
                }
                if found == 0 && claim(&raw mut (*entry).tag, tag) {
                    write_volatile(&raw mut (*entry).ino, ino);
                    return bump(entry, ns, Counted::First);
                }
            }
        }
        // SAFETY: only this program on this CPU writes its counter.
        unsafe {
            let overflow = &raw mut (*self.counters).overflow[hook as usize];
            *overflow += 1;
            Counted::Overflow(*overflow)
        }
    }
}

/// # Safety
/// `entry` must be an entry that belongs to this program and CPU.
#[inline(always)]
unsafe fn bump(entry: *mut Entry, ns: u64, counted: Counted) -> Counted {
    // SAFETY: the caller's.
    unsafe {
        (*entry).count += 1;
        (*entry).sum_ns += ns;
    }
    counted
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
unsafe fn add(word: *mut u64, n: u64) {
    // SAFETY: one aligned word of the map.
    unsafe { asm!("lock *(u64 *)({word} + 0) += {n}", word = in(reg) word, n = in(reg) n) };
}
