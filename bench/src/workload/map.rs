//! A file mapped at an address of our choosing: what decides between PMD and PTE faults.
//!
//! A DAX fault is served by 2 MiB only where address, file offset and extent agree modulo
//! 2 MiB. The address is the part that a process chooses, so it is chosen here: a reservation
//! large enough for any alignment, then the file over it.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::raw::c_void;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use super::{PAGE, PMD};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Congruent to the file offset modulo 2 MiB.
    Aligned,
    /// 4 KiB away from that.
    Skewed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) offset: u64,
    pub(crate) len: usize,
    pub(crate) placement: Placement,
    pub(crate) private: bool,
    pub(crate) writable: bool,
}

/// A mapping of a file; dropping it unmaps it and its reservation.
#[derive(Debug)]
pub(crate) struct Mapping {
    reservation: NonNull<c_void>,
    reserved: usize,
    base: NonNull<u8>,
    len: usize,
}

impl Mapping {
    pub(crate) fn new(file: &File, request: Request) -> Result<Self, Errno> {
        let len = NonZeroUsize::new(request.len).ok_or(Errno::EINVAL)?;
        let reserved = reservation_len(request.len).ok_or(Errno::ENOMEM)?;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches nothing.
        let reservation = unsafe {
            mmap_anonymous(
                None,
                reserved,
                ProtFlags::PROT_NONE,
                MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE,
            )
        }?;
        let mut mapping = Self {
            reservation,
            reserved: reserved.get(),
            base: reservation.cast(),
            len: 0,
        };

        let skip = skip_to(
            reservation.as_ptr().addr(),
            request.offset,
            request.placement,
        );
        let at = NonZeroUsize::new(reservation.as_ptr().addr() + skip);
        let mut prot = ProtFlags::PROT_READ;
        prot.set(ProtFlags::PROT_WRITE, request.writable);
        let sharing = if request.private {
            MapFlags::MAP_PRIVATE
        } else {
            MapFlags::MAP_SHARED
        };
        let offset = libc::off_t::try_from(request.offset)
            .ok()
            .ok_or(Errno::EOVERFLOW)?;
        // SAFETY: `skip + len` is within the reservation above, which nothing else uses, so
        // MAP_FIXED replaces only that.
        let base = unsafe { mmap(at, len, prot, sharing | MapFlags::MAP_FIXED, file, offset) }?;
        mapping.base = base.cast();
        mapping.len = len.get();
        Ok(mapping)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Unmaps the file and keeps the reservation, so that what is timed is the file's own cost.
    pub(crate) fn unmap_file(&mut self) -> Result<(), Errno> {
        let len = std::mem::take(&mut self.len);
        if len == 0 {
            return Ok(());
        }
        // SAFETY: `base` and `len` are the file mapping made in `new`; `len` is zero from here
        // on, so no touch goes through it again.
        unsafe { munmap(self.base.cast(), len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the reservation is ours alone, and the file mapping lies within it.
        let unmapped = unsafe { munmap(self.reservation, self.reserved) };
        debug_assert_eq!(unmapped, Ok(()), "munmap of a reservation of our own");
    }
}

/// Room for `len` bytes at any alignment modulo 2 MiB.
fn reservation_len(len: usize) -> Option<NonZeroUsize> {
    let pages = len.checked_next_multiple_of(PAGE)?;
    NonZeroUsize::new(pages.checked_add(PMD)?)
}

/// How far from `start` the first address of the wanted congruence is; less than 2 MiB.
fn skip_to(start: usize, offset: u64, placement: Placement) -> usize {
    let within = usize::try_from(offset % PMD as u64).unwrap_or(0);
    let wanted = match placement {
        Placement::Aligned => within,
        Placement::Skewed => (within + PAGE) % PMD,
    };
    (wanted + PMD - start % PMD) % PMD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_is_congruent_to_the_offset() {
        for start in [0, PAGE, PMD - PAGE, 5 * PMD + 7 * PAGE] {
            for offset in [0, PAGE, PMD - PAGE, 3 * PMD + PAGE] {
                let skip = skip_to(start, offset as u64, Placement::Aligned);
                assert!(skip < PMD);
                assert_eq!((start + skip) % PMD, offset % PMD);
            }
        }
    }

    #[test]
    fn skewed_is_one_page_off_and_never_congruent() {
        for start in [0, PAGE, PMD - PAGE] {
            for offset in [0, PAGE, PMD - PAGE] {
                let skip = skip_to(start, offset as u64, Placement::Skewed);
                assert!(skip < PMD);
                assert_eq!((start + skip) % PMD, (offset + PAGE) % PMD);
            }
        }
    }

    #[test]
    fn the_reservation_holds_any_placement() {
        let reserved = reservation_len(PMD + 1).unwrap().get();
        assert_eq!(reserved, PMD + PAGE + PMD);
        assert_eq!(reservation_len(usize::MAX), None);
    }

    #[test]
    fn a_mapping_shows_the_file_at_the_wanted_place() {
        let file = tempfile::tempfile().unwrap();
        file.set_len((2 * PMD) as u64).unwrap();
        for (placement, wanted) in [(Placement::Aligned, 0), (Placement::Skewed, PAGE)] {
            let request = Request {
                offset: 0,
                len: 2 * PMD,
                placement,
                private: false,
                writable: true,
            };
            let mut mapping = Mapping::new(&file, request).unwrap();
            assert_eq!(mapping.base().as_ptr().addr() % PMD, wanted);
            assert_eq!(mapping.len(), 2 * PMD);
            mapping.unmap_file().unwrap();
            assert_eq!(mapping.len(), 0);
        }
    }
}
