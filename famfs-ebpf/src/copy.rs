//! Reads and writes: copies between a DAX file and a buffer, through `dax_iomap_rw`.

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use famfs_common::{
    fault::{Class, Order, Outcome},
    field::Field,
    hist,
    keys::{RW_SLOTS, RwSlot, TIMELESS, UNTIMED},
    probe::Hook,
};

use crate::{
    kernel::{Kernel, follow, identity, read, tag, watched},
    maps::COPIES,
    record::{Here, hit},
};

/// The slot of the current thread. Threads whose numbers are a multiple of the slots apart share
/// one, which costs a latency when both copy at once, and no count.
#[inline(always)]
fn slot() -> Option<*mut RwSlot> {
    let thread = bpf_get_current_pid_tgid() as u32;
    COPIES.get_ptr_mut(thread & (RW_SLOTS - 1))
}

/// Inode number and device of the file of a `kiocb`, if it is watched.
#[inline(always)]
fn file_of(kiocb: Kernel) -> Option<(u64, u32)> {
    // SAFETY: callers pass a kiocb, which has a file.
    unsafe {
        let file = follow::<{ Field::KiocbFile as usize }>(kiocb);
        let (ino, sb) = identity(follow::<{ Field::FileInode as usize }>(file));
        watched(sb).then(|| (ino, read::<{ Field::SbDev as usize }>(sb) as u32))
    }
}

/// `dax_iomap_rw(kiocb, iter, ops)`
#[fentry(function = "dax_iomap_rw")]
pub fn copy_enter(ctx: FEntryContext) -> i32 {
    let kiocb: Kernel = ctx.arg(0);
    if file_of(kiocb).is_none() {
        return 0;
    }
    if hit(Hook::CopyEnter).is_some()
        && let Some(slot) = slot()
    {
        // SAFETY: inside the map.
        unsafe {
            (*slot).kiocb = kiocb as u64;
            (*slot).start_ns = bpf_ktime_get_ns();
        }
    }
    0
}

#[fexit(function = "dax_iomap_rw")]
pub fn copy_exit(ctx: FExitContext) -> i32 {
    let kiocb: Kernel = ctx.arg(0);
    let Some((ino, dev)) = file_of(kiocb) else {
        return 0;
    };
    let (Some(here), Some(slot)) = (hit(Hook::CopyExit), slot()) else {
        return 0;
    };
    // SAFETY: no preconditions; the slot is inside the map; the second argument is an iov_iter.
    let (ns, write) = unsafe {
        let (start, owner) = ((*slot).start_ns, (*slot).kiocb);
        let now = bpf_ktime_get_ns();
        let is_ours = start != 0 && owner == kiocb as u64 && now >= start;
        if is_ours {
            (*slot).start_ns = 0;
        }
        let source = read::<{ Field::IterSource as usize }>(ctx.arg(1));
        (is_ours.then(|| now - start), source != 0)
    };
    let copied = ctx.ret::<u64>().unwrap_or_default() as i64;
    if copied < 0 {
        count(&here, ino, dev, write, Outcome::CopyFailed, TIMELESS, 0);
        return 0;
    }
    let bucket = match ns {
        Some(ns) => hist::index(ns),
        None => UNTIMED,
    };
    let ns = ns.unwrap_or_default();
    count(&here, ino, dev, write, Outcome::Copied, bucket, ns);
    let bytes = copied as u64;
    count(
        &here,
        ino,
        dev,
        write,
        Outcome::CopiedBytes,
        TIMELESS,
        bytes,
    );
    0
}

#[inline(always)]
fn count(here: &Here, ino: u64, dev: u32, write: bool, outcome: Outcome, bucket: u16, amount: u64) {
    let class = Class {
        order: Order::Pte,
        write,
        outcome,
    }
    .pack();
    here.count(ino, tag(dev, class, bucket, here.cpu), amount);
}
