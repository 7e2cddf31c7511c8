//! What a DAX fault was and how it ended: mapping size, access, outcome.

/// The size of the mapping that a fault tried to establish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Order {
    /// 4 KiB.
    Pte = 0,
    /// 2 MiB.
    Pmd = 1,
}

/// How a fault ended. Zero is left out: a class of zero marks an empty table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    Mapped = 1,
    Sigbus = 2,
    Oom = 3,
    HwPoison = 4,
    /// Virtual address and file offset differ modulo 2 MiB.
    FallbackColour = 5,
    /// A write to a private mapping.
    FallbackPrivateWrite = 6,
    /// The 2 MiB region reaches outside the mapping.
    FallbackVmaBounds = 7,
    /// The 2 MiB region reaches past the end of the file.
    FallbackEof = 8,
    /// None of the above: what the file system or the page table offered was not 2 MiB.
    FallbackExtent = 9,
    /// Anything else, such as a fault to be retried.
    Other = 10,
    /// The exit of this fault was never seen; its thread's next PTE fault told at its start.
    ExitMissedPte = 11,
    /// The same, found at the start of a PMD fault. It is another class, since every program counts
    /// in classes of its own.
    ExitMissedPmd = 12,
    /// Refused by the famfs module before the DAX layer.
    Refused = 13,
    /// The same as `ExitMissedPte`, found at the end of a PTE fault whose start was not seen either.
    ExitMissedPteEnd = 14,
    /// The same by the end of a PMD fault.
    ExitMissedPmdEnd = 15,
    /// A 2 MiB try whose end was not seen, but a PTE fault at the same address followed at once.
    FallbackUnseen = 16,
    /// A read or write that copied; the entry's sum is its time.
    Copied = 17,
    /// The same call's bytes are the sum.
    CopiedBytes = 18,
    /// A read or write that ended in an error.
    CopyFailed = 19,
}

impl Outcome {
    /// All outcomes, in order of their codes.
    pub const ALL: [Self; 19] = [
        Self::Mapped,
        Self::Sigbus,
        Self::Oom,
        Self::HwPoison,
        Self::FallbackColour,
        Self::FallbackPrivateWrite,
        Self::FallbackVmaBounds,
        Self::FallbackEof,
        Self::FallbackExtent,
        Self::Other,
        Self::ExitMissedPte,
        Self::ExitMissedPmd,
        Self::Refused,
        Self::ExitMissedPteEnd,
        Self::ExitMissedPmdEnd,
        Self::FallbackUnseen,
        Self::Copied,
        Self::CopiedBytes,
        Self::CopyFailed,
    ];
}

/// Mapping size, access and outcome in one byte: the unit in which faults are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    pub order: Order,
    pub write: bool,
    pub outcome: Outcome,
}

impl Class {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the BPF programs call it once per fault"
    )]
    pub const fn pack(self) -> u8 {
        (self.order as u8) << 7 | (self.write as u8) << 6 | self.outcome as u8
    }

    /// Is it a fault whose end ran a program?
    pub const fn is_end(self) -> bool {
        !self.is_repair()
            && !matches!(
                self.outcome,
                Outcome::Refused | Outcome::Copied | Outcome::CopiedBytes | Outcome::CopyFailed
            )
    }

    /// Is it a fault whose end ran no program, told of by a later run?
    pub const fn is_repair(self) -> bool {
        matches!(
            self.outcome,
            Outcome::ExitMissedPte
                | Outcome::ExitMissedPmd
                | Outcome::ExitMissedPteEnd
                | Outcome::ExitMissedPmdEnd
                | Outcome::FallbackUnseen
        )
    }

    /// `None` for a byte that no program writes.
    pub fn unpack(byte: u8) -> Option<Self> {
        let code = usize::from(byte & 0x3f);
        Some(Self {
            order: if byte & 0x80 == 0 {
                Order::Pte
            } else {
                Order::Pmd
            },
            write: byte & 0x40 != 0,
            outcome: *Outcome::ALL.get(code.checked_sub(1)?)?,
        })
    }
}

/// Bits of the kernel's `vm_fault_t`, equal in all kernels we know.
pub mod vm_fault {
    pub const OOM: u32 = 0x1;
    pub const SIGBUS: u32 = 0x2;
    pub const MAJOR: u32 = 0x4;
    pub const HWPOISON: u32 = 0x10;
    pub const HWPOISON_LARGE: u32 = 0x20;
    pub const NOPAGE: u32 = 0x100;
    pub const RETRY: u32 = 0x400;
    pub const FALLBACK: u32 = 0x800;
    pub const DONE_COW: u32 = 0x1000;
    pub const NEEDDSYNC: u32 = 0x2000;
}

/// Bit of `vmf->flags`: the access is a write.
pub const FAULT_FLAG_WRITE: u32 = 0x1;
/// Bit of `vma->vm_flags`: the mapping is shared.
pub const VM_SHARED: u64 = 0x8;

/// The outcome that `result` tells by itself; a fallback's reason needs the fault too.
pub const fn outcome(result: u32) -> Outcome {
    use vm_fault::{DONE_COW, FALLBACK, HWPOISON, HWPOISON_LARGE, NEEDDSYNC, NOPAGE, OOM, SIGBUS};
    // Errors first: an error's bit may stand beside others.
    if result & (HWPOISON | HWPOISON_LARGE) != 0 {
        Outcome::HwPoison
    } else if result & OOM != 0 {
        Outcome::Oom
    } else if result & SIGBUS != 0 {
        Outcome::Sigbus
    } else if result & FALLBACK != 0 {
        Outcome::FallbackExtent
    } else if result & (NOPAGE | DONE_COW | NEEDDSYNC) != 0 {
        Outcome::Mapped
    } else {
        Outcome::Other
    }
}

/// What the kernel looks at before it tries to map 2 MiB.
#[derive(Clone, Copy, Debug)]
pub struct PmdTry {
    pub address: u64,
    /// The faulting page's index in the file.
    pub pgoff: u64,
    pub vm_start: u64,
    pub vm_end: u64,
    /// The first page index past the end of the file.
    pub max_pgoff: u64,
    pub write: bool,
    pub shared: bool,
}

impl PmdTry {
    /// Why a 2 MiB try that ended in a fallback did so, asked in the kernel's own order.
    #[inline]
    pub const fn fallback(&self) -> Outcome {
        const COLOUR: u64 = 511;
        const PMD_SIZE: u64 = 2 << 20;
        let pmd = self.address & !(PMD_SIZE - 1);
        if (self.pgoff ^ (self.address >> 12)) & COLOUR != 0 {
            Outcome::FallbackColour
        } else if self.write && !self.shared {
            Outcome::FallbackPrivateWrite
        } else if pmd < self.vm_start || pmd.saturating_add(PMD_SIZE) > self.vm_end {
            Outcome::FallbackVmaBounds
        } else if self.pgoff | COLOUR >= self.max_pgoff {
            Outcome::FallbackEof
        } else {
            Outcome::FallbackExtent
        }
    }
}
