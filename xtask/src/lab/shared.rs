//! The memory that hosts share, as the host of all of them sees it.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{FallocateFlags, fallocate},
    sys::memfd::{MFdFlags, memfd_create},
    unistd::{Whence, lseek64},
};

/// What is looked at, and copied, at a time.
const CHUNK: u64 = 64 << 10;

/// Bytes that guests map. A guest's store is in it as soon as the emulated CPU has executed it:
/// there is no cache in between.
#[derive(Debug)]
pub(crate) struct Shared {
    file: File,
    path: PathBuf,
    /// Where the device begins: an info block of the kernel's may stand before it.
    base: u64,
    size: u64,
}

/// What of a memory is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(Vec<(u64, Vec<u8>)>);

impl Shared {
    /// Memory that no file system holds, and that goes with this. What is read and written here
    /// is the device, which begins at `base`.
    pub(crate) fn anonymous(base: u64, size: u64) -> Result<Self> {
        let file: File = memfd_create(c"famfs-lab", MFdFlags::MFD_CLOEXEC)
            .context("cannot create shared memory")?
            .into();
        file.set_len(size).context("cannot size shared memory")?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self {
            file,
            path: path.into(),
            base,
            size,
        })
    }

    /// A file that is there already, and stays.
    pub(crate) fn open(path: &Path, size: u64) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            base: 0,
            size,
        })
    }

    /// What QEMU opens.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the device.
    pub(crate) fn size(&self) -> u64 {
        self.size - self.base
    }

    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(into, self.base + at)
            .with_context(|| format!("cannot read {} bytes of the memory at {at}", into.len()))
    }

    /// A little-endian field.
    pub(crate) fn field(&self, at: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, self.base + at)
            .with_context(|| format!("cannot write {} bytes of the memory at {at}", bytes.len()))
    }

    /// How many bytes were ever stored to, page by page.
    pub(crate) fn used(&self) -> Result<u64> {
        let meta = self.file.metadata().context("cannot look at the memory")?;
        Ok(meta.blocks() * 512)
    }

    /// Forgets everything from `start` on.
    pub(crate) fn clear(&self, start: u64) -> Result<()> {
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let signed = |n: u64| i64::try_from(n).context("too large");
        let start = self.base + start;
        let len = self.size - start;
        fallocate(&self.file, flags, signed(start)?, signed(len)?)
            .context("cannot clear the memory")
    }

    /// Copies what is not zero.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let mut chunks = Vec::new();
        // Compared as a whole, because this program is built without optimisation.
        let zeroes = vec![0; usize::try_from(CHUNK)?];
        let mut next = 0;
        for (start, end) in self.stored()? {
            // At fixed places, so that the same bytes are always the same chunks.
            next = next.max(start - start % CHUNK);
            while next < end {
                let len = CHUNK.min(self.size() - next);
                let mut bytes = vec![0; usize::try_from(len)?];
                self.read(next, &mut bytes)?;
                if bytes != zeroes[..bytes.len()] {
                    chunks.push((next, bytes));
                }
                next += len;
            }
        }
        Ok(Snapshot(chunks))
    }

    /// Makes this memory what another was.
    pub(crate) fn restore(&self, from: &Snapshot) -> Result<()> {
        self.clear(0)?;
        for (at, bytes) in &from.0 {
            self.write(*at, bytes)?;
        }
        Ok(())
    }

    /// The ranges of the device that are not holes.
    fn stored(&self) -> Result<Vec<(u64, u64)>> {
        let mut ranges = Vec::new();
        let base = i64::try_from(self.base).context("too large")?;
        let mut at = base;
        loop {
            let seek = |at, whence| lseek64(&self.file, at, whence);
            let start = match seek(at, Whence::SeekData) {
                Ok(start) => start,
                Err(nix::errno::Errno::ENXIO) => return Ok(ranges),
                Err(error) => return Err(error).context("cannot find what the memory holds"),
            };
            at = seek(start, Whence::SeekHole).context("cannot find what the memory holds")?;
            ranges.push(((start - base).unsigned_abs(), (at - base).unsigned_abs()));
        }
    }
}

impl Snapshot {
    /// A little-endian field; what was not copied is zero.
    pub(crate) fn field(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub(crate) fn read(&self, at: u64, into: &mut [u8]) {
        into.fill(0);
        let end = at + into.len() as u64;
        for (start, bytes) in &self.0 {
            let (from, to) = (at.max(*start), end.min(start + bytes.len() as u64));
            if from < to {
                let range = |base: u64| {
                    let place = |n: u64| usize::try_from(n - base).unwrap_or(usize::MAX);
                    place(from)..place(to)
                };
                into[range(at)].copy_from_slice(&bytes[range(*start)]);
            }
        }
    }

    /// Writes it as a sparse image, for whoever wants to look at it.
    pub(crate) fn save(&self, path: &Path, size: u64) -> io::Result<()> {
        let file = File::create(path)?;
        file.set_len(size)?;
        for (at, bytes) in &self.0 {
            file.write_all_at(bytes, *at)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_has_what_is_stored_and_brings_it_back() {
        let memory = Shared::anonymous(0, 4 << 20).unwrap();
        memory.file.write_all_at(b"near", 10).unwrap();
        memory.file.write_all_at(b"far", (3 << 20) - 1).unwrap();
        // Stored, and zero: no part of a snapshot.
        memory.file.write_all_at(&[0; 8192], 1 << 20).unwrap();
        let taken = memory.snapshot().unwrap();
        assert_eq!(taken.0.len(), 3);
        let mut bytes = [0; 4];
        taken.read((3 << 20) - 2, &mut bytes);
        assert_eq!(&bytes, b"\0far");
        assert_eq!(taken.field(8), u64::from_le_bytes(*b"\0\0near\0\0"));
        assert_eq!(taken.field(2 << 20), 0);

        // The same device, behind an info block that is nobody's business.
        let other = Shared::anonymous(1 << 20, 5 << 20).unwrap();
        other.file.write_all_at(b"info", 0).unwrap();
        other.write(2 << 20, b"old").unwrap();
        other.restore(&taken).unwrap();
        assert_eq!(other.snapshot().unwrap(), taken);
        assert_eq!(other.field(2 << 20).unwrap(), 0);
        other.clear(1 << 20).unwrap();
        assert_ne!(other.snapshot().unwrap(), taken);
        assert_eq!(
            other.used().unwrap(),
            CHUNK + 4096,
            "one chunk and the info block"
        );
        let mut info = [0; 4];
        other.file.read_exact_at(&mut info, 0).unwrap();
        assert_eq!(&info, b"info");
    }
}
