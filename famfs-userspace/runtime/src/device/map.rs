//! A mapped file or device whose stores are written back line by line.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use memmap2::{MmapOptions, MmapRaw};

use famfs_media::memory::{Memory, check_range};

use super::bus::{self, Bus, End};
use super::data::DataMemory;
use super::source::Source;
use super::{cache, pair, stream};

/// A shared mapping of `file`, addressed by file offset.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
    /// Where in the file the mapping starts.
    start: u64,
    file: File,
    loads: Loads,
    writable: bool,
    /// Pages of it are no longer the file's.
    lost: bool,
}

/// How bytes are copied out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// They are copied by `pread`: memory that failed is an error, not a signal.
    Read,
    /// They are copied out of the mapping, if the device cannot be read.
    Copy,
}

impl Mapping {
    /// Maps the first `len` bytes.
    pub fn new(file: File, len: u64, loads: Loads, writable: bool) -> io::Result<Self> {
        Self::window(file, 0, len, loads, writable)
    }

    /// Maps `[start, start + len)`; `start` is a multiple of the page size.
    pub fn window(
        file: File,
        start: u64,
        len: u64,
        loads: Loads,
        writable: bool,
    ) -> io::Result<Self> {
        let bytes = usize::try_from(len).map_err(io::Error::other)?;
        let mut options = MmapOptions::new();
        options.len(bytes).offset(start);
        let map = if writable {
            options.map_raw(&file)?
        } else {
            options.map_raw_read_only(&file)?
        };
        Ok(Self {
            map,
            start,
            file,
            loads,
            writable,
            lost: false,
        })
    }

    /// The file that is mapped.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The mapped address of `[at, at + len)`, checked.
    fn at(&self, at: u64, len: usize) -> io::Result<*mut u8> {
        if self.lost {
            return Err(io::Error::other("its mapping was lost"));
        }
        check_range(at, len, self.len())?;
        let at = at
            .checked_sub(self.start)
            .ok_or(io::ErrorKind::InvalidInput)?;
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
        self.start + self.map.len() as u64
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

    #[expect(clippy::cast_ptr_alignment, reason = "checked on the line after it")]
    fn publish_pair(&mut self, at: u64, pair: [u64; 2]) -> io::Result<()> {
        let to = self.at_writable(at, size_of::<u128>())?.cast::<u128>();
        if !to.is_aligned() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: mapped, writable and aligned as checked above; no reference to it exists.
        unsafe { pair::store(to, pair) }
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

impl DataMemory for Mapping {
    /// The kernel copies straight into the mapping.
    fn fill(&mut self, at: u64, len: usize, source: &File, from: u64) -> io::Result<()> {
        let to = self.at_writable(at, len)?;
        let mut done = 0;
        while done < len {
            let offset = i64::try_from(from + done as u64).map_err(io::Error::other)?;
            // SAFETY: `at_writable` checked that `len` bytes at `to` are mapped and
            // writable, and `done < len`; no reference to them exists.
            let got = unsafe {
                libc::pread(
                    source.as_raw_fd(),
                    to.wrapping_add(done).cast(),
                    len - done,
                    offset,
                )
            };
            match usize::try_from(got) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(got) => done += got,
                Err(_negative) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn stream(&mut self, at: u64, len: usize, source: &Source, from: u64) -> io::Result<()> {
        let to = self.at_writable(at, len)?;
        let from = source.range(from, len)?;
        let target = to.addr()..to.addr() + len;
        let done = bus::guarded(from.start.addr()..from.end.addr(), target, || {
            // SAFETY: `at_writable` and `range` checked that both are mapped, and the target
            // writable. They are mappings of their own, and no reference to their bytes
            // exists.
            unsafe { stream::copy(from.start, to, len, stream::widest()) };
        });
        match done.as_ref().err().and_then(Bus::of) {
            Some(Bus {
                end: End::Source, ..
            }) => source.lose(),
            Some(Bus {
                end: End::Target, ..
            }) => self.lost = true,
            None => {}
        }
        done
    }

    fn stream_bytes(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let to = self.at_writable(at, bytes.len())?;
        // SAFETY: `at_writable` checked that the target is mapped and writable, and no reference
        // to it exists; the source is a private buffer, so they do not overlap.
        unsafe { stream::copy(bytes.as_ptr(), to, bytes.len(), stream::widest()) };
        Ok(())
    }
}
