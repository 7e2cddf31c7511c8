//! The two tables in the kernel: who is in a fault now, and what faults have cost.

/// Start slots; a fault finds its own by the kernel stack that it runs on.
pub const SLOTS: u32 = 1 << 16;

/// Entries in one half of the result table.
pub const HALF: u32 = 1 << 16;

/// Bytes of one half: the distance between the two.
pub const HALF_BYTES: u64 = HALF as u64 * size_of::<Entry>() as u64;

/// How far from its home an entry may lie. Six probes leave no entry without room up to
/// a fifth of a half in use, and one in a thousand at 30 %.
pub const PROBES: u32 = 6;

/// Entries in use of a half at which user space is woken to empty it: 15 %.
pub const WAKE_AT: u64 = HALF as u64 * 15 / 100;

/// The bucket of a fault whose start was not seen.
pub const UNTIMED: u16 = 0x3ff;

/// The bucket of what has no histogram, although its start was seen.
pub const TIMELESS: u16 = 0x3fe;

/// CPUs that an entry can name.
pub const MAX_CPUS: u32 = 0x4000;

const CPU_MASK: u64 = MAX_CPUS as u64 - 1;
const BUCKET_MASK: u64 = UNTIMED as u64;
const CPU_BITS: u32 = 14;
const CLASS_SHIFT: u32 = 24;
const DEV_SHIFT: u32 = 32;

/// A fault in flight, alone on its cache line. Start and end of it may lie on different CPUs, but
/// on one kernel stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Slot {
    /// The kernel's `vm_fault`, which lies on the stack of the faulting thread, and in its lowest
    /// bit the order; 0 marks a free slot.
    pub vmf: u64,
    /// Monotonic nanoseconds.
    pub start_ns: u64,
    pub ino: u64,
    /// A [`Tag`] with device, order and access only.
    pub tag: u64,
    /// The faulting address. Start and end of a fault must agree in it, as a second check.
    pub address: u64,
    pub unused: [u64; 3],
}

/// A kernel stack and its guard page take more than 16 KiB and begin at a multiple of that, so no
/// two of them lie in the same 32 KiB.
pub const STACK_SHIFT: u32 = 15;

/// The slot of the thread whose kernel stack holds `address` (its low bits are enough).
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the BPF programs call it once per fault"
)]
pub const fn slot(address: u32) -> u32 {
    address >> STACK_SHIFT & (SLOTS - 1)
}

/// What is always at hand for the programs, without a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct State {
    /// Where in the table the half begins that is being filled: 0 or [`HALF_BYTES`]. User space
    /// alone writes it.
    pub half: u64,
    unused: [u64; 7],
    /// Entries in use, by half. User space sets it to 0 when it has emptied the half.
    pub used: [u64; 2],
    unused_too: [u64; 6],
}

/// Faults in flight: one value of an array map, so that its address is a constant to the programs.
pub type Starts = [Slot; SLOTS as usize];

/// The memory that the fault programs and user space share: one value too.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Memory {
    pub state: State,
    /// Two halves: programs fill one while user space reads and clears the other.
    pub table: [Entry; 2 * HALF as usize],
}

/// Slots for reads and writes in flight; a thread finds its own by its number.
pub const RW_SLOTS: u32 = 1 << 14;

/// A read or write in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RwSlot {
    /// Monotonic nanoseconds; 0 marks a free slot.
    pub start_ns: u64,
    /// The kernel's `kiocb`: another thread's is no match.
    pub kiocb: u64,
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
    /// Where in the packed word the bucket begins.
    pub const BUCKET_SHIFT: u32 = CPU_BITS;

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

    /// A packed word of the same but for the CPU, which is 0.
    pub const fn of_any_cpu(tag: u64) -> u64 {
        tag & !CPU_MASK
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
    // The second constant carries every bit into the upper ones; the first, which keeps inodes
    // apart from tags, is short enough to be part of an instruction.
    let mixed = ino
        .wrapping_mul(0x61c8_8647)
        .wrapping_add(tag)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 48) as u32
}

/// Splits the kernel's `dev_t` into major and minor.
pub const fn major_minor(dev: u32) -> (u32, u32) {
    (dev >> 20, dev & 0xf_ffff)
}

/// What one CPU counts beside the table. No fault that goes well comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Cpu {
    /// Ring buffer records that found no room, but for names, which come again.
    pub dropped: u64,
    /// Runs of each hook that leaves no entry by which its runs could be counted.
    pub hits: [u64; crate::probe::HOOKS],
    /// Where each hook puts a value to have the verifier forget it.
    pub scratch: [u64; crate::probe::HOOKS],
    /// What found no room in the table, by class.
    pub overflow: [u64; CLASSES],
    /// Exact sums of the same: nanoseconds, or bytes.
    pub overflow_sum: [u64; CLASSES],
    pub unused: [u64; 7],
}

/// Values of a class byte.
pub const CLASSES: usize = 256;
