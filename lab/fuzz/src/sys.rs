//! System calls as they are: the number, the words, the errno. Nothing checks them but the kernel.

use std::{ffi::CStr, os::fd::RawFd};

use nix::errno::Errno;

/// What a system call returns.
pub(crate) type Ret = Result<usize, Errno>;

/// Makes a system call.
///
/// # Safety
/// The kernel must not be made to write to memory of this process that Rust uses.
pub(crate) unsafe fn call<const N: usize>(number: libc::c_long, words: [usize; N]) -> Ret {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&words);
    // SAFETY: the caller vouches for what the kernel writes.
    let returned = unsafe { libc::syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]) };
    usize::try_from(returned).map_err(|_negative| Errno::last())
}

/// `ioctl(2)`.
///
/// # Safety
/// `arg` is memory that the kernel may write, or none of this process.
pub(crate) unsafe fn ioctl(fd: RawFd, command: u32, arg: usize) -> Ret {
    // SAFETY: as required of the caller.
    unsafe { call(libc::SYS_ioctl, [word(fd), command as usize, arg]) }
}

/// A descriptor, also one that is not open, as a system call takes it.
#[expect(clippy::cast_sign_loss, reason = "the kernel takes the low 32 bits")]
pub(crate) fn word(fd: RawFd) -> usize {
    fd as usize
}

/// A flag or a number of C's `int`.
#[expect(clippy::cast_sign_loss, reason = "flags are not negative")]
pub(crate) fn flags(value: i32) -> usize {
    value as usize
}

pub(crate) fn open(path: &CStr, how: i32) -> Result<RawFd, Errno> {
    let words = [
        flags(libc::AT_FDCWD),
        path.as_ptr().addr(),
        flags(how | libc::O_CLOEXEC),
        0o666,
    ];
    // SAFETY: the kernel only reads the name.
    let fd = unsafe { call(libc::SYS_openat, words) }?;
    Ok(RawFd::try_from(fd).unwrap_or(-1))
}

pub(crate) fn close(fd: RawFd) -> Ret {
    // SAFETY: writes no memory.
    unsafe { call(libc::SYS_close, [word(fd)]) }
}

pub(crate) fn pread(fd: RawFd, to: &mut [u8], at: u64) -> Ret {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let words = [word(fd), to.as_mut_ptr().addr(), to.len(), at];
    // SAFETY: the kernel writes into the slice only.
    unsafe { call(libc::SYS_pread64, words) }
}

pub(crate) fn pwrite(fd: RawFd, from: &[u8], at: u64) -> Ret {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let words = [word(fd), from.as_ptr().addr(), from.len(), at];
    // SAFETY: the kernel only reads.
    unsafe { call(libc::SYS_pwrite64, words) }
}

/// A call whose only memory is one path that is read.
pub(crate) fn on_path<const N: usize>(number: libc::c_long, path: &CStr, rest: [usize; N]) -> Ret {
    let mut words = [0; 6];
    words[0] = path.as_ptr().addr();
    words[1..=N].copy_from_slice(&rest);
    // SAFETY: the kernel reads the name; callers pass numbers besides.
    unsafe { call(number, words) }
}

/// A call whose memory is two paths that are read.
pub(crate) fn on_paths(number: libc::c_long, from: &CStr, to: &CStr) -> Ret {
    // SAFETY: the kernel reads the names.
    unsafe { call(number, [from.as_ptr().addr(), to.as_ptr().addr()]) }
}

/// A mapping of the kernel's choice of address.
pub(crate) fn mmap(fd: RawFd, len: usize, prot: i32, how: i32, offset: usize) -> Ret {
    let words = [
        0,
        len,
        flags(prot),
        flags(how & !libc::MAP_FIXED),
        word(fd),
        offset,
    ];
    // SAFETY: not at a fixed address, so no other mapping changes.
    unsafe { call(libc::SYS_mmap, words) }
}

/// # Safety
/// Nothing refers to the range.
pub(crate) unsafe fn munmap(at: usize, len: usize) -> Ret {
    // SAFETY: as required of the caller.
    unsafe { call(libc::SYS_munmap, [at, len]) }
}

/// Switches `CAP_SYS_RAWIO` of this thread off and on; it stays permitted.
pub(crate) fn raw_io(on: bool) {
    const RAWIO: u32 = 1 << 17;
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Effective, permitted, inheritable; then the same for capabilities from 32 on.
    let mut sets = [0_u32; 6];
    let words = [header.as_ptr().addr(), sets.as_mut_ptr().addr()];
    // SAFETY: capget writes the six words of version 3.
    let got = unsafe { call(libc::SYS_capget, words) };
    sets[0] = if on {
        sets[0] | RAWIO
    } else {
        sets[0] & !RAWIO
    };
    let words = [header.as_ptr().addr(), sets.as_ptr().addr()];
    // SAFETY: capset only reads.
    let set = got.and_then(|_| unsafe { call(libc::SYS_capset, words) });
    assert!(set.is_ok(), "cannot change capabilities: {set:?}");
}
