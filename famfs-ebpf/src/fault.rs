//! The four fs_dax tracepoints: a start is put into the slot of the thread's stack, an end takes
//! it out and counts the fault.

use core::{
    arch::asm,
    hint::assert_unchecked,
    ptr::{read_volatile, write_volatile},
};

use aya_ebpf::{
    EbpfContext, helpers::bpf_ktime_get_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use aya_log_ebpf::warn;
use famfs_common::{
    event::{FAULT_ERROR, Rare},
    fault::{FAULT_FLAG_WRITE, Order, Outcome, PmdTry, VM_SHARED, outcome, vm_fault},
    field::Field,
    hist,
    keys::{STACK_SHIFT, Slot, TIMELESS, Tag, UNTIMED, slot},
    probe::Hook,
};

use crate::{
    kernel::{Kernel, follow, identity, low, read, tag, watched},
    maps::STARTS,
    name, process,
    rare::{self, NOTHING},
    record::{Counted, Here},
};

#[btf_tracepoint(function = "dax_pte_fault")]
pub fn pte_enter(ctx: BtfTracePointContext) -> i32 {
    enter(&ctx, Order::Pte, Hook::PteEnter)
}

#[btf_tracepoint(function = "dax_pmd_fault")]
pub fn pmd_enter(ctx: BtfTracePointContext) -> i32 {
    enter(&ctx, Order::Pmd, Hook::PmdEnter)
}

#[btf_tracepoint(function = "dax_pte_fault_done")]
pub fn pte_exit(ctx: BtfTracePointContext) -> i32 {
    exit::<false, 2>(&ctx, Order::Pte, Hook::PteExit)
}

#[btf_tracepoint(function = "dax_pmd_fault_done")]
pub fn pmd_exit(ctx: BtfTracePointContext) -> i32 {
    exit::<false, 3>(&ctx, Order::Pmd, Hook::PmdExit)
}

#[btf_tracepoint(function = "dax_pte_fault_done")]
pub fn pte_exit_process(ctx: BtfTracePointContext) -> i32 {
    exit::<true, 2>(&ctx, Order::Pte, Hook::PteExit)
}

#[btf_tracepoint(function = "dax_pmd_fault_done")]
pub fn pmd_exit_process(ctx: BtfTracePointContext) -> i32 {
    exit::<true, 3>(&ctx, Order::Pmd, Hook::PmdExit)
}

const CLASS_SHIFT: u32 = 24;

/// Where the thread that faults keeps its start.
#[inline(always)]
fn slot_of(vmf: Kernel) -> *mut Slot {
    (&raw mut STARTS)
        .cast::<Slot>()
        .wrapping_add(slot(low(vmf)) as usize)
}

/// A fault's own word: its `vm_fault`, and the order.
#[inline(always)]
fn word(vmf: Kernel, order: Order) -> Kernel {
    vmf.wrapping_add(order as usize)
}

/// Device, order and access as they stand in a table's key.
///
/// # Safety
/// `sb` and `vmf` must be a superblock and a vm_fault.
#[inline(always)]
unsafe fn key(sb: Kernel, vmf: Kernel, order: Order) -> u64 {
    // SAFETY: the caller's.
    let (dev, flags) = unsafe {
        (
            read::<{ Field::SbDev as usize }>(sb),
            read::<{ Field::VmfFlags as usize }>(vmf),
        )
    };
    let write = flags & u64::from(FAULT_FLAG_WRITE);
    dev << 32 | write << (CLASS_SHIFT + 6) | (order as u64) << (CLASS_SHIFT + 7)
}

#[inline(always)]
fn enter(ctx: &BtfTracePointContext, order: Order, hook: Hook) -> i32 {
    let inode: Kernel = ctx.arg(0);
    let vmf: Kernel = ctx.arg(1);
    // SAFETY: the tracepoint passes an inode and a vm_fault; slots are inside the memory.
    unsafe {
        let (ino, sb) = identity(inode);
        if !watched(sb) {
            return 0;
        }
        let start = slot_of(vmf);
        if (*start).vmf != 0 {
            lost(start, vmf, hook);
        }
        (*start).ino = ino;
        (*start).tag = key(sb, vmf, order);
        (*start).address = read::<{ Field::VmfAddress as usize }>(vmf);
        (*start).vmf = word(vmf, order) as u64;
        (*start).start_ns = bpf_ktime_get_ns();
    }
    0
}

/// The slot holds a fault that has no end. If it is this thread's, its program was skipped,
/// because another task was preempted inside it on the same CPU: what is known of that fault is
/// counted. (Another thread's with the same slot is in flight; it will be untimed.)
///
/// # Safety
/// `start` must be a slot, `vmf` a vm_fault.
#[inline(never)]
unsafe fn lost(start: *mut Slot, vmf: Kernel, hook: Hook) {
    // SAFETY: the caller's.
    let (old, new, address) = unsafe {
        let old = *start;
        // Stored and read back, an address is a number to the verifier.
        let word = &raw mut (*start).vmf;
        write_volatile(word, vmf as u64);
        let new = read_volatile(word);
        (old, new, read::<{ Field::VmfAddress as usize }>(vmf))
    };
    if (old.vmf ^ new) >> STACK_SHIFT != 0 {
        return;
    }
    let pmd = old.vmf & 1 != 0;
    let outcome = match hook {
        // The kernel tries 4 KiB at the same address at once.
        Hook::PteEnter if pmd && old.address == address => Outcome::FallbackUnseen,
        Hook::PteEnter => Outcome::ExitMissedPte,
        Hook::PmdEnter => Outcome::ExitMissedPmd,
        Hook::PteExit => Outcome::ExitMissedPteEnd,
        _ => Outcome::ExitMissedPmdEnd,
    };
    let here = Here::now();
    let tag = old.tag | tag(0, outcome as u8, UNTIMED, here.cpu);
    here.count(old.ino, tag, 0);
}

/// Returns the key of a fault without a start, or 0 if it is on no file system that is watched.
///
/// # Safety
/// `start` must be the slot of this thread, `inode` an inode, `vmf` a vm_fault.
#[inline(never)]
unsafe fn unstarted(start: *mut Slot, ctx: *const u64, order: Order, hook: Hook) -> u64 {
    let ctx = BtfTracePointContext::new(ctx.cast_mut().cast());
    let (inode, vmf): (Kernel, Kernel) = (ctx.arg(0), ctx.arg(1));
    // SAFETY: the caller's.
    unsafe {
        let (_, sb) = identity(inode);
        if !watched(sb) {
            return 0;
        }
        if (*start).vmf != 0 {
            lost(start, vmf, hook);
            (*start).vmf = 0;
        }
        key(sb, vmf, order)
    }
}

/// `RESULT` is the place of the result among the tracepoint's arguments.
#[inline(always)]
fn exit<const PROCESS: bool, const RESULT: usize>(
    ctx: &BtfTracePointContext,
    order: Order,
    hook: Hook,
) -> i32 {
    let here = Here::now();
    // SAFETY: no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let inode: Kernel = ctx.arg(0);
    let vmf: Kernel = ctx.arg(1);
    let start = slot_of(vmf);
    // SAFETY: the tracepoint passes an inode and a vm_fault; the slot is inside the memory.
    let (ino, key, ns, timed) = unsafe {
        let (ino, _) = identity(inode);
        let address = read::<{ Field::VmfAddress as usize }>(vmf);
        if (*start).vmf == word(vmf, order) as u64 && (*start).address == address {
            (*start).vmf = 0;
            (ino, (*start).tag, now.wrapping_sub((*start).start_ns), true)
        } else {
            let key = unstarted(start, ctx.as_ptr().cast(), order, hook);
            if key == 0 {
                return 0;
            }
            (ino, key, 0, false)
        }
    };
    let result: u32 = ctx.arg(RESULT);
    let mapped = (Outcome::Mapped as u64) << CLASS_SHIFT | u64::from(here.cpu);
    if result == vm_fault::NOPAGE
        && timed
        && let Some(bucket) = hist::quick(ns, shift)
    {
        let tag = key | mapped | bucket << Tag::BUCKET_SHIFT;
        if here.count(ino, tag, ns) != Counted::Again {
            name::announce(inode, vmf, ino, key);
        }
    } else {
        let ns = if timed { ns } else { UNSEEN };
        let place = u64::from(here.cpu) << 32 | hook as u64;
        uncommon(ctx.as_ptr().cast(), key, ns, result, place);
    }
    if PROCESS {
        process::count(ino, (key >> 32) as u32);
    }
    0
}

/// Reads [`hist::SHIFT`]. The verifier has to see that the index is a byte; the compiler knows, and
/// would find a mask needless.
#[inline(always)]
fn shift(index: u64) -> u32 {
    let mut byte = index;
    // SAFETY: a calculation with a register; then a byte is an index of the table, whose values
    // are below 16.
    unsafe {
        asm!("{n} &= 255", n = inout(reg) byte, options(pure, nomem, nostack));
        let shift = u32::from(*hist::SHIFT.as_ptr().add(byte as usize));
        assert_unchecked(shift < 16);
        shift
    }
}

/// The time of a fault whose start was not seen.
const UNSEEN: u64 = 1 << 63;

/// Any fault but one that mapped as fast as most. `place` is the CPU and, below it, the hook.
#[inline(never)]
fn uncommon(ctx: *const u64, key: u64, ns: u64, result: u32, place: u64) {
    let cpu = (place >> 32) as u32;
    let (order, hook) = if place as u32 == Hook::PteExit as u32 {
        (Order::Pte, Hook::PteExit)
    } else {
        (Order::Pmd, Hook::PmdExit)
    };
    let here = Here { cpu };
    let context = BtfTracePointContext::new(ctx.cast_mut().cast());
    let (inode, vmf): (Kernel, Kernel) = (context.arg(0), context.arg(1));
    const MAPPED: u8 = Outcome::Mapped as u8;
    const FIRST_ERROR: u8 = Outcome::Sigbus as u8;
    const LAST_ERROR: u8 = Outcome::HwPoison as u8;
    let known = if result == vm_fault::NOPAGE {
        MAPPED
    } else {
        reason(ctx, order, result) as u8
    };
    let Some(outcome) = here.forget(hook, known) else {
        return;
    };
    // Clocks of two CPUs may differ: a fault that ends before it starts has no latency.
    let (bucket, ns) = match outcome {
        _ if ns >= UNSEEN => (UNTIMED, 0),
        MAPPED => (hist::index(ns), ns),
        _ => (TIMELESS, ns),
    };
    // SAFETY: the tracepoint passes an inode.
    let (ino, _) = unsafe { identity(inode) };
    if here.count(ino, key | tag(0, outcome, bucket, cpu), ns) != Counted::Again {
        name::announce(inode, vmf, ino, key);
    }
    if (FIRST_ERROR..=LAST_ERROR).contains(&outcome) {
        failed(&here, vmf, ino, (key >> 32) as u32, result);
    }
    if outcome == Outcome::Other as u8 && result & vm_fault::RETRY == 0 {
        strange(&context, result);
    }
}

/// A fault that ended in a way we do not know.
#[inline(never)]
fn strange(ctx: &BtfTracePointContext, result: u32) {
    warn!(ctx, "fault with unexpected result {:x}", result);
}

#[inline(never)]
fn failed(here: &Here, vmf: Kernel, ino: u64, dev: u32, result: u32) {
    // SAFETY: the tracepoint passes a vm_fault.
    let (a, b) = unsafe {
        (
            read::<{ Field::VmfAddress as usize }>(vmf),
            read::<{ Field::VmfPgoff as usize }>(vmf),
        )
    };
    let code = result as i32;
    rare::report(
        here,
        &Rare {
            kind: FAULT_ERROR,
            ino,
            dev,
            a,
            b,
            code,
            ..NOTHING
        },
    );
}

/// Finds out how a fault ended, and why a 2 MiB try fell back.
#[inline(never)]
fn reason(ctx: *const u64, order: Order, result: u32) -> Outcome {
    let plain = outcome(result);
    if order != Order::Pmd || plain != Outcome::FallbackExtent {
        return plain;
    }
    let ctx = BtfTracePointContext::new(ctx.cast_mut().cast());
    let vmf: Kernel = ctx.arg(1);
    // SAFETY: the tracepoint passes a vm_fault, which has a mapping.
    let pmd = unsafe {
        let vma = follow::<{ Field::VmfVma as usize }>(vmf);
        let write = u64::from(FAULT_FLAG_WRITE);
        PmdTry {
            address: read::<{ Field::VmfAddress as usize }>(vmf),
            pgoff: read::<{ Field::VmfPgoff as usize }>(vmf),
            vm_start: read::<{ Field::VmaStart as usize }>(vma),
            vm_end: read::<{ Field::VmaEnd as usize }>(vma),
            max_pgoff: ctx.arg(2),
            write: read::<{ Field::VmfFlags as usize }>(vmf) & write != 0,
            shared: read::<{ Field::VmaFlags as usize }>(vma) & VM_SHARED != 0,
        }
    };
    pmd.fallback()
}
