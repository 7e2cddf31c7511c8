//! The few system calls that the safe wrappers lack, and small readings of this process.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;

use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;

/// Page faults of this process that needed no input or output, so far.
pub(crate) fn minor_faults() -> u64 {
    getrusage(UsageWho::RUSAGE_SELF)
        .ok()
        .and_then(|usage| u64::try_from(usage.minor_page_faults()).ok())
        .unwrap_or(0)
}

/// Keeps this process on the processor it runs on; which one, if that worked.
pub(crate) fn pin() -> Option<usize> {
    let cpu = sched_getcpu().ok()?;
    let mut set = CpuSet::new();
    set.set(cpu).ok()?;
    sched_setaffinity(Pid::from_raw(0), &set).ok()?;
    Some(cpu)
}

/// Keeps what is mapped now in memory, so that recording a fault causes none.
///
/// Later mappings are left alone: locking them would fault them in before they are measured.
pub(crate) fn lock_memory() -> bool {
    mlockall(MlockAllFlags::MCL_CURRENT).is_ok()
}

/// Whether the file's pages are the memory itself, not a cache of it.
pub(crate) fn is_dax(file: &File) -> io::Result<bool> {
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the descriptor is open, the path an empty C string, the buffer large enough.
    let failed = unsafe {
        libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            0,
            stat.as_mut_ptr(),
        )
    };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero is a valid statx, and the call has filled it in.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.stx_attributes & u64::try_from(libc::STATX_ATTR_DAX).unwrap_or(0) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_page_cache_is_not_dax() {
        assert!(!is_dax(&tempfile::tempfile().unwrap()).unwrap());
    }
}
