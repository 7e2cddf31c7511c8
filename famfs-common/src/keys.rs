//! The two tables in the kernel: who is in a fault now, and what faults have cost.

/// Start slots; a task finds its own by its thread id.
pub const SLOTS: u32 = 1 << 16;

/// Entries in one half of the result table.
pub const HALF: u32 = 1 << 16;

/// How far from its home an entry may lie. Six probes leave no entry without room up to
/// a fifth of a half in use, and one in a thousand at 30 %.
pub const PROBES: u32 = 6;

/// The bucket of a fault whose start was not seen.
pub const UNTIMED: u16 = 0x3ff;

/// CPUs that an entry can name.
pub const MAX_CPUS: u32 = 0x4000;

const CPU_MASK: u64 = MAX_CPUS as u64 - 1;
const BUCKET_MASK: u64 = UNTIMED as u64;
const CPU_BITS: u32 = 14;
const CLASS_SHIFT: u32 = 24;
const DEV_SHIFT: u32 = 32;

/// A fault in flight. Start and end of it may lie on different CPUs, but in one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Slot {
    /// Monotonic nanoseconds; 0 marks a free slot.
    pub start_ns: u64,
    pub ino: u64,
    /// The kernel's `dev_t`.
    pub dev: u32,
    /// The thread in the slot; another one with the same slot is no match.
    pub tid: u32,
    /// Low bits of the faulting page's number: a second check.
    pub page: u32,
    /// Order and access, as [`crate::fault::Class`] packs them, without an outcome.
    pub class: u32,
}

/// The slot of thread `tid`: an odd factor gives every 65,536 threads in a row a slot each, and
/// neighbours lie on different cache lines.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the BPF programs call it once per fault"
)]
pub const fn slot(tid: u32) -> u32 {
    tid.wrapping_mul(0x9e37) & (SLOTS - 1)
}

/// All faults of one file, class, latency bucket and CPU.
///
/// Only one program on one CPU writes an entry, and no program runs twice on a CPU at a
/// time, so plain additions are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// A packed [`Tag`]; 0 marks a free entry.
    pub tag: u64,
    pub ino: u64,
    pub count: u64,
    pub sum_ns: u64,
}

/// What an entry counts, apart from the inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The kernel's `dev_t`.
    pub dev: u32,
    pub class: u8,
    pub bucket: u16,
    pub cpu: u16,
}

impl Tag {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the BPF programs call it once per fault"
    )]
    pub const fn pack(self) -> u64 {
        (self.dev as u64) << DEV_SHIFT
            | (self.class as u64) << CLASS_SHIFT
            | (self.bucket as u64 & BUCKET_MASK) << CPU_BITS
            | self.cpu as u64 & CPU_MASK
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "every field is masked to its width"
    )]
    pub const fn unpack(tag: u64) -> Self {
        Self {
            dev: (tag >> DEV_SHIFT) as u32,
            class: (tag >> CLASS_SHIFT) as u8,
            bucket: (tag >> CPU_BITS & BUCKET_MASK) as u16,
            cpu: (tag & CPU_MASK) as u16,
        }
    }
}

/// Where in a half the search for an entry begins.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the BPF programs call it once per fault"
)]
pub const fn home(ino: u64, tag: u64) -> u32 {
    // Odd constants carry every bit of both words into the upper bits.
    let mixed = ino.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ tag.wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 48) as u32
}

/// Splits the kernel's `dev_t` into major and minor.
pub const fn major_minor(dev: u32) -> (u32, u32) {
    (dev >> 20, dev & 0xf_ffff)
}

/// What one CPU counts beside the table, in a cache line group of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Cpu {
    /// Its lowest bit chooses the half of the table; user space alone writes it.
    pub epoch: u64,
    /// Ring buffer records that found no room, but for names, which come again.
    pub dropped: u64,
    /// Runs of each hook, by [`crate::probe::Hook`].
    pub hits: [u64; crate::probe::HOOKS],
    /// Faults seen by each hook that found no room in the table.
    pub overflow: [u64; crate::probe::HOOKS],
    /// Where each hook puts a value to have the verifier forget it.
    pub scratch: [u64; crate::probe::HOOKS],
    pub unused: u64,
}
