//! Faults by process and file. Only programs that were asked for it come here.

use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid};
use famfs_common::event::{By, Faults};

use crate::{maps::PROCESSES, record::add};

/// Counts a fault of the current process. Without room for one more it counts for pid 0.
#[inline(always)]
pub fn count(ino: u64, dev: u32) {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let key = By { ino, dev, pid };
    match PROCESSES.get_ptr_mut(key) {
        // SAFETY: inside the map's value; every CPU may write it, hence atomic.
        Some(faults) => unsafe { add(&raw mut (*faults).n, 1) },
        None => first(key),
    }
}

#[inline(never)]
fn first(key: By) {
    const NOEXIST: u64 = 1;
    let comm = bpf_get_current_comm().unwrap_or_default();
    if PROCESSES
        .insert(key, Faults { n: 1, comm }, NOEXIST)
        .is_ok()
    {
        return;
    }
    // Another CPU was faster, or the map is full.
    let rest = By { pid: 0, ..key };
    let nobody = By::default();
    for key in [key, rest, nobody] {
        if let Some(faults) = PROCESSES.get_ptr_mut(key) {
            // SAFETY: as above.
            unsafe { add(&raw mut (*faults).n, 1) };
            return;
        }
    }
}
