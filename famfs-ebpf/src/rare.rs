//! What happens rarely: errors, memory failures, faults that the module refused.

use aya_ebpf::{
    helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::{btf_tracepoint, fexit, raw_tracepoint},
    programs::{BtfTracePointContext, FExitContext, RawTracePointContext},
};
use famfs_common::{
    event::{FAULT_REFUSED, HOLDER_NOTIFY, MEMORY_FAILURE, Rare},
    fault::{Class, Order, Outcome},
    keys::UNTIMED,
    probe::Hook,
};

use crate::{
    kernel::tag,
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

/// `dax_holder_notify_failure(dax_dev, off, len, mf_flags)`
#[fexit(function = "dax_holder_notify_failure")]
pub fn holder_notify(ctx: FExitContext) -> i32 {
    if let Some(here) = hit(Hook::HolderNotify) {
        // The answer is a C int in a 64-bit register.
        let code = ctx.ret::<u64>().unwrap_or_default() as i32;
        let (a, b, dev) = (ctx.arg(1), ctx.arg(2), ctx.arg(3));
        report(
            &here,
            &Rare {
                kind: HOLDER_NOTIFY,
                a,
                b,
                dev,
                code,
                ..NOTHING
            },
        );
    }
    0
}

/// `memory_failure_event(pfn, type, result)`
#[btf_tracepoint(function = "memory_failure_event")]
pub fn memory_failure(ctx: BtfTracePointContext) -> i32 {
    if let Some(here) = hit(Hook::MemoryFailure) {
        let (a, b, code) = (ctx.arg(0), u64::from(ctx.arg::<u32>(1)), ctx.arg(2));
        report(
            &here,
            &Rare {
                kind: MEMORY_FAILURE,
                a,
                b,
                code,
                ..NOTHING
            },
        );
    }
    0
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
    here.count(Hook::Refused, ino, tag(dev, class, UNTIMED, here.cpu), 0);
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
