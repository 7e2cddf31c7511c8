//! A mapped file or device whose stores are written back line by line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memmap2::{MmapOptions, MmapRaw};

use super::cache;
use super::memory::{Memory, check_range};

/// A shared mapping of the first `len` bytes of `file`.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
    file: File,
    loads: Loads,
    writable: bool,
}

/// How bytes are copied out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// By `pread`: memory that failed is an error, not a signal.
    Read,
    /// Out of the mapping, where the device cannot be read.
    Copy,
}

impl Mapping {
    pub fn new(file: File, len: u64, loads: Loads, writable: bool) -> io::Result<Self> {
        let bytes = usize::try_from(len).map_err(io::Error::other)?;
        let mut options = MmapOptions::new();
        options.len(bytes);
        let map = if writable {
            options.map_raw(&file)?
        } else {
            options.map_raw_read_only(&file)?
        };
        Ok(Self {
            map,
            file,
            loads,
            writable,
        })
    }

    /// The file that is mapped.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The mapped address of `[at, at + len)`, checked.
    fn at(&self, at: u64, len: usize) -> io::Result<*mut u8> {
        check_range(at, len, self.map.len() as u64)?;
        let at = usize::try_from(at).map_err(io::Error::other)?;
        Ok(self.map.as_mut_ptr().wrapping_add(at))
    }

    fn at_writable(&self, at: u64, len: usize) -> io::Result<*mut u8> {
        if self.writable {
            self.at(at, len)
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }

    /// Reads one byte by a system call, so that failed memory is an error here and not
    /// a signal at the cache line instruction that follows.
    fn probe(&self, at: u64) -> io::Result<()> {
        match self.loads {
            Loads::Read => self.file.read_exact_at(&mut [0], at),
            Loads::Copy => Ok(()),
        }
    }
}

impl Memory for Mapping {
    fn len(&self) -> u64 {
        self.map.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let from = self.at(at, into.len())?;
        match self.loads {
            Loads::Read => self.file.read_exact_at(into, at),
            Loads::Copy => {
                // SAFETY: `at` checked that the source is mapped; the target is a
                // private buffer, so they do not overlap.
                unsafe { std::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
                Ok(())
            }
        }
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let to = self.at_writable(at, bytes.len())?;
        // SAFETY: `at_writable` checked that the target is mapped and writable; the
        // source is a private buffer, so they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(())
    }

    #[expect(clippy::cast_ptr_alignment, reason = "checked on the line after it")]
    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        let to = self.at_writable(at, size_of::<u64>())?.cast::<u64>();
        if !to.is_aligned() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: mapped, writable and aligned as checked above; one volatile store of
        // eight aligned bytes is one store of the CPU.
        unsafe { to.write_volatile(value.to_le()) };
        Ok(())
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let start = self.at(at, len)?;
        // SAFETY: `at` checked that the range is mapped.
        unsafe { cache::write_back(start, len, cache::best()) };
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        cache::store_fence();
        Ok(())
    }

    fn invalidate(&mut self, at: u64, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let start = self.at(at, len)?;
        self.probe(at)?;
        // SAFETY: `at` checked that the range is mapped.
        unsafe { cache::invalidate(start, len) };
        Ok(())
    }
}
