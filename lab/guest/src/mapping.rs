//! A mapping of a file, touched byte by byte.

use std::{fs::File, num::NonZero, ptr::NonNull};

use nix::{
    errno::Errno,
    libc::{self, c_int, c_void},
    sys::mman::{self, MRemapFlags, MapFlags, ProtFlags, mremap},
};

pub(crate) const READ: c_int = libc::PROT_READ;
pub(crate) const BOTH: c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<c_void>,
    len: usize,
}

// SAFETY: a `&Mapping` only lets bytes be loaded and stored, each by one volatile instruction, and
// what threads that share one make of the values is theirs.
unsafe impl Sync for Mapping {}

/// What to ask mmap(2) for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub len: usize,
    pub offset: u64,
    pub access: c_int,
    pub flags: c_int,
    /// Zero for an address of the kernel's choice.
    pub address: usize,
}

/// Shared, readable and writable, from the file's start, anywhere.
pub(crate) const ANYWHERE: Request = Request {
    len: 0,
    offset: 0,
    access: BOTH,
    flags: libc::MAP_SHARED,
    address: 0,
};

impl Mapping {
    pub(crate) fn shared(file: &File, len: usize) -> Self {
        Self::new(file, Request { len, ..ANYWHERE }).unwrap()
    }

    pub(crate) fn read_only(file: &File, len: usize) -> Self {
        Self::new(
            file,
            Request {
                len,
                access: READ,
                ..ANYWHERE
            },
        )
        .unwrap()
    }

    pub(crate) fn private(file: &File, len: usize) -> Self {
        Self::new(
            file,
            Request {
                len,
                flags: libc::MAP_PRIVATE,
                ..ANYWHERE
            },
        )
        .unwrap()
    }

    pub(crate) fn new(file: &File, request: Request) -> Result<Self, Errno> {
        let access = ProtFlags::from_bits(request.access).unwrap();
        // MAP_SHARED_VALIDATE and MAP_SYNC are flags that nix may not know.
        let flags = MapFlags::from_bits_retain(request.flags);
        let len = NonZero::new(request.len).unwrap();
        let offset = i64::try_from(request.offset).unwrap();
        // SAFETY: a new mapping; the tests give addresses that they have reserved themselves.
        let base = unsafe {
            mman::mmap(
                NonZero::new(request.address),
                len,
                access,
                flags,
                file,
                offset,
            )
        }?;
        Ok(Self {
            base,
            len: request.len,
        })
    }

    pub(crate) fn address(&self, at: usize) -> u64 {
        (self.base.as_ptr().addr() + at) as u64
    }

    fn byte(&self, at: usize) -> *mut u8 {
        assert!(
            at < self.len,
            "{at} is outside of {} mapped bytes",
            self.len
        );
        self.base.as_ptr().cast::<u8>().wrapping_add(at)
    }

    pub(crate) fn get(&self, at: usize) -> u8 {
        // SAFETY: inside the mapping; a SIGBUS is what the test may be after.
        unsafe { self.byte(at).read_volatile() }
    }

    pub(crate) fn set(&self, at: usize, value: u8) {
        // SAFETY: as for `get`; nothing holds a reference into the mapping.
        unsafe { self.byte(at).write_volatile(value) }
    }

    /// Touches one byte every `step`.
    pub(crate) fn read_each(&self, step: usize) {
        for at in (0..self.len).step_by(step) {
            self.get(at);
        }
    }

    pub(crate) fn write_each(&self, step: usize, value: u8) {
        for at in (0..self.len).step_by(step) {
            self.set(at, value);
        }
    }

    pub(crate) fn protect(&self, access: c_int) -> Result<(), Errno> {
        let access = ProtFlags::from_bits(access).unwrap();
        // SAFETY: the mapping is ours, and no reference into it exists.
        unsafe { mman::mprotect(self.base, self.len, access) }
    }

    /// Makes it longer or shorter, elsewhere if need be.
    pub(crate) fn resize(&mut self, len: usize) {
        // SAFETY: the mapping is ours, and no reference into it exists.
        self.base =
            unsafe { mremap(self.base, self.len, len, MRemapFlags::MREMAP_MAYMOVE, None) }.unwrap();
        self.len = len;
    }

    pub(crate) fn advise(
        &self,
        at: usize,
        len: usize,
        advice: mman::MmapAdvise,
    ) -> Result<(), Errno> {
        assert!(at + len <= self.len);
        let start = NonNull::new(self.byte(at).cast()).unwrap();
        // SAFETY: inside the mapping, into which no reference exists.
        unsafe { mman::madvise(start, len, advice) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference into it exists.
        let _ = unsafe { mman::munmap(self.base, self.len) };
    }
}

/// Address space without access, to place mappings in; kept until the program ends.
pub(crate) fn reserve(len: usize, align: usize) -> usize {
    let room = NonZero::new(len + align).unwrap();
    // SAFETY: a new mapping at an address of the kernel's choice.
    let base =
        unsafe { mman::mmap_anonymous(None, room, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) };
    base.unwrap().as_ptr().addr().next_multiple_of(align)
}

/// An address at which a page can be mapped, in a span of 2 MiB that has its page table already.
///
/// There, the first touch of a page is one fault. Elsewhere it may be two: where a span has no page
/// table yet, the kernel first tries to map all of it, however short the mapping is, and the module
/// counts that try, which falls back, as a fault of its own. What else lies in the span decides, and
/// with a random layout of the address space nobody knows what that is.
pub(crate) fn beside_a_page() -> usize {
    const SPAN: usize = 2 << 20;
    const PAGE: usize = 4096;
    let span = reserve(SPAN, SPAN);
    let page = NonNull::new(std::ptr::with_exposed_provenance_mut::<c_void>(span)).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a page of the span that was just reserved, into which no reference exists.
    unsafe { mman::mprotect(page, PAGE, access) }.unwrap();
    // SAFETY: the same page, which may be written now.
    unsafe { page.cast::<u8>().write_volatile(1) };
    span + PAGE
}
