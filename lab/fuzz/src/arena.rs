//! Memory for messages that ends where no memory is, so that a byte too many is EFAULT.

use std::ptr;

use crate::{prng::Rng, sys};

const PAGE: usize = 4096;

/// Room for the longest message and some more.
const LEN: usize = (4 << 20) + 16 * PAGE;

/// What a pointer in a call points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ptr {
    Good,
    /// The last bytes of the object are where no memory is.
    Short(u16),
    Null,
    /// An address without access.
    Guard,
    Kernel,
    NonCanonical,
    /// Memory that may be read only.
    ReadOnly,
    /// So high that adding a length wraps.
    Top,
}

impl Ptr {
    pub(crate) fn generate(rng: &mut Rng, bad_percent: u64) -> Self {
        if !rng.chance(bad_percent) {
            return Self::Good;
        }
        let bytes = u16::try_from(1 + rng.below(40)).unwrap_or(1);
        rng.pick(&[
            Self::Short(bytes),
            Self::Null,
            Self::Guard,
            Self::Kernel,
            Self::NonCanonical,
            Self::ReadOnly,
            Self::Top,
        ])
    }

    /// Whether the kernel can read an object of this length.
    pub(crate) fn readable(self) -> bool {
        matches!(self, Self::Good | Self::ReadOnly)
    }

    pub(crate) fn writable(self) -> bool {
        self == Self::Good
    }
}

/// One buffer between readable memory and none.
#[derive(Debug)]
pub(crate) struct Arena {
    base: usize,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let how = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let base = sys::mmap(-1, LEN + 2 * PAGE, access, how, 0).expect("memory for messages");
        for (at, protection) in [(LEN, libc::PROT_NONE), (LEN + PAGE, libc::PROT_READ)] {
            let words = [base + at, PAGE, sys::flags(protection)];
            // SAFETY: pages of the mapping just made.
            unsafe { sys::call(libc::SYS_mprotect, words) }.expect("guard pages");
        }
        Self { base }
    }

    /// Puts `bytes` so that they end at the guard, and returns the address that `ptr` asks for.
    pub(crate) fn place(&mut self, bytes: &[u8], ptr: Ptr) -> usize {
        let len = bytes.len().min(LEN);
        let end = self.base + LEN;
        match ptr {
            Ptr::Good | Ptr::ReadOnly => {
                let at = end - len;
                let to = ptr::with_exposed_provenance_mut::<u8>(at);
                // SAFETY: inside the arena, which nothing else refers to.
                unsafe { ptr::copy(bytes.as_ptr(), to, len) };
                at
            }
            Ptr::Short(missing) => {
                let there = len.saturating_sub(usize::from(missing));
                let at = end - there;
                let to = ptr::with_exposed_provenance_mut::<u8>(at);
                // SAFETY: inside the arena, which nothing else refers to.
                unsafe { ptr::copy(bytes.as_ptr(), to, there) };
                at
            }
            Ptr::Null => 0,
            Ptr::Guard => end,
            Ptr::Kernel => 0xffff_8880_0010_0000,
            Ptr::NonCanonical => 0x8000_0000_0000_0000,
            Ptr::Top => usize::MAX - 4095,
        }
    }

    /// Room for a reply of `len` bytes, zeroed, where `ptr` asks for it.
    pub(crate) fn reply(&mut self, len: usize, ptr: Ptr) -> usize {
        match ptr {
            Ptr::ReadOnly => self.base + LEN + PAGE,
            _ => self.place(&vec![0; len], ptr),
        }
    }

    /// What the kernel wrote into a good reply of `len` bytes.
    pub(crate) fn read(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let from = ptr::with_exposed_provenance::<u8>(self.base + LEN - len);
        // SAFETY: inside the arena, which nothing else refers to.
        unsafe { ptr::copy(from, bytes.as_mut_ptr(), len) };
        bytes
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the arena any more.
        let _ = unsafe { sys::munmap(self.base, LEN + 2 * PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_placed_can_be_read_and_the_byte_behind_it_cannot() {
        let mut arena = Arena::new();
        let at = arena.place(b"message", Ptr::Good);
        assert_eq!(arena.read(7), b"message");
        let mut pipe = [0; 2];
        // SAFETY: pipe writes two descriptors.
        unsafe { sys::call(libc::SYS_pipe, [pipe.as_mut_ptr().addr()]) }.unwrap();
        let write = |from: usize, len| {
            // SAFETY: the kernel only reads.
            unsafe { sys::call(libc::SYS_write, [sys::word(pipe[1]), from, len]) }
        };
        assert_eq!(write(at, 7), Ok(7));
        assert_eq!(write(at + 7, 1), Err(nix::errno::Errno::EFAULT));
        let short = arena.place(b"message", Ptr::Short(2));
        assert_eq!(write(short + 5, 1), Err(nix::errno::Errno::EFAULT));
        for fd in pipe {
            sys::close(fd).unwrap();
        }
    }

    #[test]
    fn bad_pointers_are_as_frequent_as_asked() {
        let mut rng = crate::prng::Seed(1).generator("ptr", 0);
        let bad = (0..1000).filter(|_| Ptr::generate(&mut rng, 10) != Ptr::Good);
        assert!((50..150).contains(&bad.count()));
    }
}
