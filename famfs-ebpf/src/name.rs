//! The first sight of a file tells user space its path inside the file system.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_probe_read_kernel_str};
use core::ptr::read_volatile;
use famfs_common::{
    event::{NAME, Name, PATH_BYTES, PATH_DEPTH},
    field::Field,
};

use crate::{
    kernel::{Kernel, follow, read},
    maps::{EVENTS, File, NAMES, SEEN},
};

/// Longest component, with its terminating zero.
const COMPONENT: u32 = 256;

/// Sends the path of the file that `key` and `ino` name, unless that was done before. Without room
/// in the ring the file stays unseen, and its next new entry tries again.
#[inline(never)]
pub fn announce(inode: Kernel, vmf: Kernel, ino: u64, key: u64) {
    let dev = (key >> 32) as u32;
    // SAFETY: a constant of the loader's.
    if unsafe { read_volatile(&raw const NAMES) } == 0 {
        return;
    }
    let file = File {
        ino,
        dev: u64::from(dev),
    };
    if SEEN.get_ptr(file).is_some() {
        return;
    }
    let Some(mut record) = EVENTS.reserve::<Name>(0) else {
        return;
    };
    let name: *mut Name = record.as_mut_ptr();
    // SAFETY: the record is ours until it is submitted, and every field but the unused end
    // of the path is written. The pointers come from the tracepoint.
    unsafe {
        (*name).kind = NAME;
        (*name).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*name).ino = ino;
        (*name).size = read::<{ Field::InodeSize as usize }>(inode);
        (*name).dev = dev;
        let (len, complete) = walk(vmf, (&raw mut (*name).path).cast());
        (*name).len = len as u16;
        (*name).complete = u16::from(complete);
    }
    record.submit(0);
    // A full table of seen files only means that a name is told twice.
    let _ = SEEN.insert(file, 1, 0);
}

/// Writes the components from the mapped file up to the root of its file system.
///
/// # Safety
/// `path` must have room for `PATH_BYTES`, `vmf` must be a vm_fault.
#[inline(always)]
unsafe fn walk(vmf: Kernel, path: *mut u8) -> (u32, bool) {
    // SAFETY: the caller's; every pointer below is of a type that the verifier follows.
    unsafe {
        let vma = follow::<{ Field::VmfVma as usize }>(vmf);
        let file = follow::<{ Field::VmaFile as usize }>(vma);
        let mut dentry = follow::<{ Field::FileDentry as usize }>(file);
        let mut len = 0u32;
        for _ in 0..PATH_DEPTH {
            let parent = follow::<{ Field::DentryParent as usize }>(dentry);
            if parent == dentry {
                return (len, true);
            }
            if len > PATH_BYTES as u32 - COMPONENT {
                break;
            }
            let text = follow::<{ Field::DentryName as usize }>(dentry);
            let n =
                bpf_probe_read_kernel_str(path.add(len as usize).cast(), COMPONENT, text.cast());
            if n <= 0 {
                break;
            }
            len += n as u32;
            dentry = parent;
        }
        (len, false)
    }
}
