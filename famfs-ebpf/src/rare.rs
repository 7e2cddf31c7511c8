//! What happens rarely: errors, memory failures, faults that the module refused.

use core::ptr::read_volatile;

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel,
    helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::{btf_tracepoint, fentry, fexit, kprobe, raw_tracepoint},
    programs::{
        BtfTracePointContext, FEntryContext, FExitContext, ProbeContext, RawTracePointContext,
    },
};
use famfs_common::{
    event::{
        FAULT_REFUSED, FILE_POISONED, HOLDER_NOTIFY, HOLDER_NOTIFYING, MEMORY_FAILURE,
        MOUNT_DISABLED, MOUNT_NOTIFIED, Rare,
    },
    fault::{Class, Order, Outcome},
    field::{FIELDS, Field, Offsets},
    keys::TIMELESS,
    probe::Hook,
};

use crate::{
    kernel::{follow, identity, read, tag},
    maps::EVENTS,
    record::{Here, hit},
};

/// Completes a rare record and sends it; one that finds no room is counted as dropped.
#[inline(never)]
pub fn report(here: &Here, rare: &Rare) {
    let Some(mut record) = EVENTS.reserve::<Rare>(0) else {
        here.dropped();
        return;
    };
    // SAFETY: the helpers have no preconditions.
    let (pid, time_ns) = unsafe {
        (
            (bpf_get_current_pid_tgid() >> 32) as u32,
            bpf_ktime_get_ns(),
        )
    };
    let comm = bpf_get_current_comm().unwrap_or_default();
    record.write(Rare {
        pid,
        time_ns,
        comm,
        ..*rare
    });
    record.submit(0);
}

/// A record to be completed by [`report`].
pub const NOTHING: Rare = Rare {
    kind: 0,
    pid: 0,
    time_ns: 0,
    ino: 0,
    a: 0,
    b: 0,
    dev: 0,
    code: 0,
    comm: [0; 16],
};

/// Sends one, as `hook`'s.
#[inline(always)]
fn tell(hook: Hook, rare: &Rare) -> u32 {
    if let Some(here) = hit(hook) {
        report(&here, rare);
    }
    0
}

/// `dax_holder_notify_failure(dax_dev, off, len, mf_flags)`
#[fexit(function = "dax_holder_notify_failure")]
pub fn holder_notify(ctx: FExitContext) -> i32 {
    let rare = Rare {
        kind: HOLDER_NOTIFY,
        a: ctx.arg(1),
        b: ctx.arg(2),
        dev: ctx.arg(3),
        // The answer is a C int in a 64-bit register.
        code: ctx.ret::<u64>().unwrap_or_default() as i32,
        ..NOTHING
    };
    tell(Hook::HolderNotify, &rare) as i32
}

/// The same where there is no fexit: before the holder has answered.
#[kprobe]
pub fn holder_notify_begun(ctx: ProbeContext) -> u32 {
    let rare = Rare {
        kind: HOLDER_NOTIFYING,
        a: ctx.arg(1).unwrap_or_default(),
        b: ctx.arg(2).unwrap_or_default(),
        dev: ctx.arg(3).unwrap_or_default(),
        ..NOTHING
    };
    tell(Hook::HolderNotify, &rare)
}

/// `mf_dax_kill_procs(mapping, index, count, mf_flags)`
#[fentry(function = "mf_dax_kill_procs")]
pub fn kill_procs(ctx: FEntryContext) -> i32 {
    // SAFETY: the function gets an address_space.
    let (ino, dev) = unsafe {
        let host = follow::<{ Field::MappingHost as usize }>(ctx.arg(0));
        let (ino, sb) = identity(host);
        (ino, read::<{ Field::SbDev as usize }>(sb) as u32)
    };
    let rare = Rare {
        kind: FILE_POISONED,
        ino,
        dev,
        a: ctx.arg(1),
        b: ctx.arg(2),
        code: ctx.arg(3),
        ..NOTHING
    };
    tell(Hook::KillProcs, &rare) as i32
}

/// The same where there is no fentry: the fields are copied.
#[kprobe]
pub fn kill_procs_copied(ctx: ProbeContext) -> u32 {
    let mapping: u64 = ctx.arg(0).unwrap_or_default();
    let host = copy::<u64>(mapping, Field::MappingHost);
    let sb = copy::<u64>(host, Field::InodeSb);
    let rare = Rare {
        kind: FILE_POISONED,
        ino: copy::<u64>(host, Field::InodeIno),
        dev: copy::<u32>(sb, Field::SbDev),
        a: ctx.arg(1).unwrap_or_default(),
        b: ctx.arg(2).unwrap_or_default(),
        code: ctx.arg(3).unwrap_or_default(),
        ..NOTHING
    };
    tell(Hook::KillProcs, &rare)
}

/// Offsets for programs that have no typed pointers; set before they are loaded.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = [0; FIELDS];

/// Copies a field; zero if the kernel refuses.
#[inline(always)]
fn copy<T: Copy + Default>(base: u64, field: Field) -> T {
    let mut value = T::default();
    // SAFETY: the helper checks the source; the destination is ours and as long as it is said to
    // be. The offset is volatile, since the loader and not the compiler decides it.
    unsafe {
        let offset = read_volatile(OFFSETS.as_ptr().add(field as usize));
        bpf_probe_read_kernel(
            (&raw mut value).cast(),
            size_of::<T>() as u32,
            (base + offset) as *const _,
        );
    }
    value
}

/// `memory_failure_event(pfn, type, result)`
#[btf_tracepoint(function = "memory_failure_event")]
pub fn memory_failure(ctx: BtfTracePointContext) -> i32 {
    failure(ctx.arg(0), ctx.arg(1), ctx.arg(2))
}

/// The same where the kernel has no types for it.
#[raw_tracepoint(tracepoint = "memory_failure_event")]
pub fn memory_failure_plain(ctx: RawTracePointContext) -> i32 {
    failure(ctx.arg(0), ctx.arg(1), ctx.arg(2))
}

#[inline(always)]
fn failure(pfn: u64, kind: u32, result: i32) -> i32 {
    let rare = Rare {
        kind: MEMORY_FAILURE,
        a: pfn,
        b: u64::from(kind),
        code: result,
        ..NOTHING
    };
    tell(Hook::MemoryFailure, &rare) as i32
}

/// `famfs_notify_failure(dev, offset, len, flags)` of the famfs module.
#[raw_tracepoint(tracepoint = "famfs_notify_failure")]
pub fn module_notify(ctx: RawTracePointContext) -> i32 {
    tell(Hook::ModuleNotify, &of_mount(&ctx, MOUNT_NOTIFIED)) as i32
}

/// `famfs_mount_disabled(dev, offset, len, flags)` of the famfs module.
#[raw_tracepoint(tracepoint = "famfs_mount_disabled")]
pub fn mount_disabled(ctx: RawTracePointContext) -> i32 {
    tell(Hook::MountDisabled, &of_mount(&ctx, MOUNT_DISABLED)) as i32
}

#[inline(always)]
fn of_mount(ctx: &RawTracePointContext, kind: u32) -> Rare {
    Rare {
        kind,
        dev: ctx.arg(0),
        a: ctx.arg(1),
        b: ctx.arg(2),
        code: ctx.arg(3),
        ..NOTHING
    }
}

/// `famfs_fault_refused(dev, ino, address, pgoff, order, write, err)` of the famfs module.
#[raw_tracepoint(tracepoint = "famfs_fault_refused")]
pub fn fault_refused(ctx: RawTracePointContext) -> i32 {
    let Some(here) = hit(Hook::Refused) else {
        return 0;
    };
    let (dev, ino) = (ctx.arg(0), ctx.arg(1));
    let order = if ctx.arg::<u32>(4) == 0 {
        Order::Pte
    } else {
        Order::Pmd
    };
    // The upper bits of a bool's register are anything.
    let write = ctx.arg::<u64>(5) & 1 != 0;
    let class = Class {
        order,
        write,
        outcome: Outcome::Refused,
    }
    .pack();
    here.count(ino, tag(dev, class, TIMELESS, here.cpu), 0);
    let (a, b, code) = (ctx.arg(2), ctx.arg(3), ctx.arg(6));
    report(
        &here,
        &Rare {
            kind: FAULT_REFUSED,
            ino,
            dev,
            a,
            b,
            code,
            ..NOTHING
        },
    );
    0
}
