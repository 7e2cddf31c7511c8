//! The four fs_dax tracepoints: a start is put into the task's slot, an end takes it out
//! and counts the fault.

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use aya_log_ebpf::{debug, warn};
use famfs_common::{
    event::{FAULT_ERROR, Rare},
    fault::{FAULT_FLAG_WRITE, Order, Outcome, PmdTry, VM_SHARED, outcome, vm_fault},
    field::Field,
    hist,
    keys::{Slot, UNTIMED, slot},
    probe::Hook,
};

use crate::{
    kernel::{Kernel, read, tag, watched},
    maps::STARTS,
    name,
    rare::{self, NOTHING},
    record::{Counted, Here, hit},
};

#[btf_tracepoint(function = "dax_pte_fault")]
pub fn pte_enter(ctx: BtfTracePointContext) -> i32 {
    enter(&ctx, Order::Pte, Hook::PteEnter);
    0
}

#[btf_tracepoint(function = "dax_pmd_fault")]
pub fn pmd_enter(ctx: BtfTracePointContext) -> i32 {
    enter(&ctx, Order::Pmd, Hook::PmdEnter);
    0
}

#[btf_tracepoint(function = "dax_pte_fault_done")]
pub fn pte_exit(ctx: BtfTracePointContext) -> i32 {
    exit(&ctx, Order::Pte, Hook::PteExit, ctx.arg(2));
    0
}

#[btf_tracepoint(function = "dax_pmd_fault_done")]
pub fn pmd_exit(ctx: BtfTracePointContext) -> i32 {
    exit(&ctx, Order::Pmd, Hook::PmdExit, ctx.arg(3));
    0
}

/// The faulting page's number, short: tells a task's faults apart.
#[inline(always)]
unsafe fn page(vmf: Kernel) -> u32 {
    // SAFETY: callers pass a vm_fault.
    let address: u64 = unsafe { read(vmf, Field::VmfAddress) };
    (address >> 12) as u32
}

/// Order and access as they stand in a slot.
#[inline(always)]
unsafe fn class(vmf: Kernel, order: Order) -> u32 {
    // SAFETY: callers pass a vm_fault.
    let flags: u32 = unsafe { read(vmf, Field::VmfFlags) };
    (order as u32) << 7 | (flags & FAULT_FLAG_WRITE) << 6
}

#[inline(always)]
fn enter(ctx: &BtfTracePointContext, order: Order, hook: Hook) {
    let Some(here) = hit(hook) else { return };
    let inode: Kernel = ctx.arg(0);
    let vmf: Kernel = ctx.arg(1);
    // SAFETY: the tracepoint passes an inode and a vm_fault; slots are inside the map, and
    // only this task writes the one that bears its number.
    unsafe {
        let sb: Kernel = read(inode, Field::InodeSb);
        if !watched(sb) {
            return;
        }
        let tid = bpf_get_current_pid_tgid() as u32;
        let Some(start) = STARTS.get_ptr_mut(slot(tid)) else {
            return;
        };
        if (*start).start_ns != 0 && (*start).tid == tid {
            missed_exit(start, here, hook);
        }
        (*start).ino = read(inode, Field::InodeIno);
        (*start).dev = read(sb, Field::SbDev);
        (*start).tid = tid;
        (*start).page = page(vmf);
        (*start).class = class(vmf, order);
        (*start).start_ns = bpf_ktime_get_ns();
    }
}

/// The task's previous fault has no end: its program was skipped, because another task was
/// preempted inside it on the same CPU. What is known of that fault is counted.
///
/// # Safety
/// `start` must be this task's slot.
#[inline(never)]
unsafe fn missed_exit(start: *const Slot, here: Here, hook: Hook) {
    let told = match hook {
        Hook::PteEnter => Outcome::ExitMissedPte,
        _ => Outcome::ExitMissedPmd,
    };
    // SAFETY: the caller's.
    let Slot {
        ino, dev, class, ..
    } = unsafe { *start };
    here.count(
        hook,
        ino,
        tag(dev, class as u8 | told as u8, UNTIMED, here.cpu),
        0,
    );
}

#[inline(always)]
fn exit(ctx: &BtfTracePointContext, order: Order, hook: Hook, result: u32) {
    let Some(here) = hit(hook) else { return };
    // SAFETY: no preconditions.
    let (now, tid) = unsafe { (bpf_ktime_get_ns(), bpf_get_current_pid_tgid() as u32) };
    let vmf: Kernel = ctx.arg(1);
    let Some(start) = STARTS.get_ptr_mut(slot(tid)) else {
        return;
    };
    // SAFETY: the tracepoint passes an inode and a vm_fault; the slot is inside the map.
    let (ino, dev, class, ns) = unsafe {
        let Slot {
            start_ns,
            ino,
            dev,
            tid: owner,
            page: started,
            class,
        } = *start;
        if start_ns != 0 && owner == tid && started == page(vmf) && class >> 7 == order as u32 {
            (*start).start_ns = 0;
            (ino, dev, class, Some(now - start_ns))
        } else {
            let inode: Kernel = ctx.arg(0);
            let sb: Kernel = read(inode, Field::InodeSb);
            if !watched(sb) {
                return;
            }
            let ino = read(inode, Field::InodeIno);
            (ino, read(sb, Field::SbDev), self::class(vmf, order), None)
        }
    };
    const MAPPED: u8 = Outcome::Mapped as u8;
    const FIRST_ERROR: u8 = Outcome::Sigbus as u8;
    const LAST_ERROR: u8 = Outcome::HwPoison as u8;
    let outcome = if result == vm_fault::NOPAGE {
        MAPPED
    } else {
        here.forget(hook, unusual(ctx.as_ptr().cast(), order, result) as u8)
    };
    let bucket = match (outcome, ns) {
        (MAPPED, Some(ns)) => hist::index(ns),
        _ => UNTIMED,
    };
    let tag = tag(dev, class as u8 | outcome, bucket, here.cpu);
    match here.count(hook, ino, tag, ns.unwrap_or_default()) {
        Counted::Again => {}
        Counted::First => name::announce(ctx.arg(0), vmf, ino, dev),
        Counted::Overflow(n) => overflow(ctx, n),
    }
    if outcome == MAPPED {
        return;
    }
    if (FIRST_ERROR..=LAST_ERROR).contains(&outcome) {
        failed(&here, vmf, ino, dev, result);
    }
    if outcome == Outcome::Other as u8 && result & vm_fault::RETRY == 0 {
        strange(ctx, result);
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
    let (a, b) = unsafe { (read(vmf, Field::VmfAddress), read(vmf, Field::VmfPgoff)) };
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

/// Anything but a plain new mapping; finds out why a 2 MiB try fell back.
#[inline(never)]
fn unusual(ctx: *const u64, order: Order, result: u32) -> Outcome {
    let plain = outcome(result);
    if order != Order::Pmd || plain != Outcome::FallbackExtent {
        return plain;
    }
    let ctx = BtfTracePointContext::new(ctx.cast_mut().cast());
    let vmf: Kernel = ctx.arg(1);
    // SAFETY: the tracepoint passes a vm_fault, which has a mapping.
    let pmd = unsafe {
        let vma: Kernel = read(vmf, Field::VmfVma);
        PmdTry {
            address: read(vmf, Field::VmfAddress),
            pgoff: read(vmf, Field::VmfPgoff),
            vm_start: read(vma, Field::VmaStart),
            vm_end: read(vma, Field::VmaEnd),
            max_pgoff: ctx.arg(2),
            write: read::<u32>(vmf, Field::VmfFlags) & FAULT_FLAG_WRITE != 0,
            shared: read::<u64>(vma, Field::VmaFlags) & VM_SHARED != 0,
        }
    };
    pmd.fallback()
}

/// The table had no room: the count is kept, its file is not. Says so at 1, 2, 4, 8, …
#[inline(never)]
fn overflow(ctx: &BtfTracePointContext, n: u64) {
    if n & (n - 1) == 0 {
        debug!(
            ctx,
            "result table full, {} faults without a file on this CPU", n
        );
    }
}
