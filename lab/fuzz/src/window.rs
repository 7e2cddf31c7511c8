//! A mapped piece of a file, touched as a program would or as the kernel does for one.

use std::{os::fd::RawFd, ptr};

use nix::errno::Errno;

use crate::{
    sigbus,
    sys::{self, Ret},
};

pub(crate) const PAGE: usize = 4096;

#[derive(Debug)]
pub(crate) struct Window {
    place: usize,
    pub at: usize,
    pub len: usize,
    /// Offset in the file.
    pub offset: u64,
    pub shared: bool,
    pub prot: i32,
}

/// Which way memory is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Instructions of this program: SIGBUS if the page is not available.
    User,
    /// The kernel copies from or to it: EFAULT.
    Copy,
    /// The kernel looks the page up: EFAULT.
    Gup,
}

impl Window {
    /// Maps; `place` is the caller's own.
    pub(crate) fn new(
        place: usize,
        fd: RawFd,
        offset: u64,
        len: usize,
        prot: i32,
        how: i32,
    ) -> Result<Self, Errno> {
        let at = sys::mmap(fd, len, prot, how, usize::try_from(offset).unwrap_or(0))?;
        sigbus::announce(place, at, len);
        Ok(Self {
            place,
            at,
            len,
            offset,
            shared: how & libc::MAP_TYPE != libc::MAP_PRIVATE,
            prot,
        })
    }

    pub(crate) fn writable(&self) -> bool {
        self.prot & libc::PROT_WRITE != 0
    }

    pub(crate) fn readable(&self) -> bool {
        self.prot & libc::PROT_READ != 0
    }

    /// Reads one byte.
    pub(crate) fn load(&self, at: usize) -> u8 {
        assert!(at < self.len && self.readable());
        // SAFETY: inside the mapping; a page that cannot be had raises a signal that is handled.
        unsafe { ptr::with_exposed_provenance::<u8>(self.at + at).read_volatile() }
    }

    /// Writes one byte.
    pub(crate) fn store(&self, at: usize, byte: u8) {
        assert!(at < self.len && self.writable());
        // SAFETY: inside the mapping, to which nothing refers.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(self.at + at).write_volatile(byte) };
    }

    /// Bytes of the window, read by the kernel.
    pub(crate) fn copy_out(&self, at: usize, to: &mut [u8], way: Way) -> Ret {
        if way == Way::User {
            for (n, byte) in to.iter_mut().enumerate() {
                *byte = self.load(at + n);
            }
            return Ok(to.len());
        }
        let local = [to.as_mut_ptr().addr(), to.len()];
        let remote = [self.at + at, to.len()];
        let pid = std::process::id() as usize;
        let words = [pid, local.as_ptr().addr(), 1, remote.as_ptr().addr(), 1, 0];
        // SAFETY: the kernel writes to the slice.
        unsafe { sys::call(libc::SYS_process_vm_readv, words) }
    }

    /// Lets the kernel read (`write` false) or change a byte at `at`, or look its page up.
    pub(crate) fn touch(&self, at: usize, write: bool, way: Way, byte: u8) -> Ret {
        match way {
            Way::User if write => self.store(at, byte),
            Way::User => {
                self.load(at);
            }
            Way::Copy | Way::Gup => return self.touch_in_kernel(at, write, way, byte),
        }
        Ok(1)
    }

    fn touch_in_kernel(&self, at: usize, write: bool, way: Way, byte: u8) -> Ret {
        if way == Way::Gup {
            let mut byte = [byte];
            let local = [byte.as_mut_ptr().addr(), 1];
            let remote = [self.at + at, 1];
            let pid = std::process::id() as usize;
            let number = if write {
                libc::SYS_process_vm_writev
            } else {
                libc::SYS_process_vm_readv
            };
            let words = [pid, local.as_ptr().addr(), 1, remote.as_ptr().addr(), 1, 0];
            // SAFETY: the kernel writes to the local byte or to the window.
            return unsafe { sys::call(number, words) };
        }
        let mut ends = [0_i32; 2];
        // SAFETY: the kernel writes two descriptors.
        unsafe {
            sys::call(
                libc::SYS_pipe2,
                [ends.as_mut_ptr().addr(), sys::flags(libc::O_CLOEXEC)],
            )
        }?;
        let (from, to) = (sys::word(ends[0]), sys::word(ends[1]));
        let result = if write {
            let byte = [byte];
            // SAFETY: the kernel only reads the byte.
            unsafe { sys::call(libc::SYS_write, [to, byte.as_ptr().addr(), 1]) }
                // SAFETY: the kernel writes to the window.
                .and_then(|_| unsafe { sys::call(libc::SYS_read, [from, self.at + at, 1]) })
        } else {
            // SAFETY: the kernel only reads the window.
            unsafe { sys::call(libc::SYS_write, [to, self.at + at, 1]) }
        };
        let _ = (sys::close(ends[0]), sys::close(ends[1]));
        result
    }

    pub(crate) fn advise(&self, at: usize, len: usize, advice: i32) -> Ret {
        // SAFETY: the window's content is the file's: nothing refers to it.
        unsafe { sys::call(libc::SYS_madvise, [self.at + at, len, sys::flags(advice)]) }
    }

    pub(crate) fn protect(&mut self, prot: i32) -> Ret {
        // SAFETY: nothing refers to the window.
        let result =
            unsafe { sys::call(libc::SYS_mprotect, [self.at, self.len, sys::flags(prot)]) };
        if result.is_ok() {
            self.prot = prot;
        }
        result
    }

    /// Moves the window or changes its length.
    pub(crate) fn remap(&mut self, len: usize) -> Ret {
        let words = [self.at, self.len, len, sys::flags(libc::MREMAP_MAYMOVE)];
        // SAFETY: nothing refers to the window.
        let at = unsafe { sys::call(libc::SYS_mremap, words) }?;
        sigbus::announce(self.place, at, len);
        (self.at, self.len) = (at, len);
        Ok(0)
    }

    /// Puts pages of the window into a pipe, whose two ends keep them.
    pub(crate) fn pin(&self, at: usize, len: usize) -> Result<[RawFd; 2], Errno> {
        let mut ends = [0_i32; 2];
        let words = [ends.as_mut_ptr().addr(), sys::flags(libc::O_CLOEXEC)];
        // SAFETY: the kernel writes two descriptors.
        unsafe { sys::call(libc::SYS_pipe2, words) }?;
        let pages = [self.at + at, len];
        let words = [sys::word(ends[1]), pages.as_ptr().addr(), 1, sys::flags(2)];
        // SAFETY: the kernel reads the list; the pages stay the file's. 2 is SPLICE_F_NONBLOCK.
        let spliced = unsafe { sys::call(libc::SYS_vmsplice, words) };
        if let Err(error) = spliced {
            let _ = ends.map(sys::close);
            return Err(error);
        }
        Ok(ends)
    }

    /// Keeps pages of the window in a pipe while `meanwhile` runs.
    pub(crate) fn pinned(&self, at: usize, len: usize, meanwhile: impl FnOnce()) -> Ret {
        let ends = self.pin(at, len)?;
        meanwhile();
        let _ = ends.map(sys::close);
        Ok(0)
    }

    /// A child that has the window too, touches it and ends.
    pub(crate) fn fork(&self, at: usize, write: bool) -> Ret {
        let no_signal = [self.at + at, 1];
        // SAFETY: the child makes nothing but system calls.
        let child = unsafe { sys::call(libc::SYS_fork, []) }?;
        if child == 0 {
            let advice = if write {
                libc::MADV_POPULATE_WRITE
            } else {
                libc::MADV_POPULATE_READ
            };
            let words = [no_signal[0] & !(PAGE - 1), PAGE, sys::flags(advice)];
            // SAFETY: populates a page of the window.
            let _ = unsafe { sys::call(libc::SYS_madvise, words) };
            // SAFETY: ends the child, without any of Rust's clean-up.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: waits for the child; no status is asked for.
        unsafe { sys::call(libc::SYS_wait4, [child, 0, 0, 0]) }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        sigbus::announce(self.place, 0, 0);
        // SAFETY: nothing refers to the window.
        let _ = unsafe { sys::munmap(self.at, self.len) };
    }
}
