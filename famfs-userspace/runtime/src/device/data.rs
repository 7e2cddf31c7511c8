//! Bulk data on its way from a file to shared memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use famfs_media::memory::Memory;

use super::source::Source;

/// Memory that takes a file's bytes without their passing through a buffer of the caller.
pub trait DataMemory: Memory {
    /// Stores `len` bytes of `source`, those at `from`. Fails where the source is shorter.
    fn fill(&mut self, at: u64, len: usize, source: &File, from: u64) -> io::Result<()> {
        let mut bytes = vec![0; len];
        source.read_exact_at(&mut bytes, from)?;
        self.store(at, &bytes)
    }

    /// Stores `len` bytes of `source`, those at `from`, and starts writing them back: what
    /// `store` and `flush` of the range do, best without the lines ever being in a cache.
    fn stream(&mut self, at: u64, len: usize, source: &Source, from: u64) -> io::Result<()> {
        let mut bytes = vec![0; len];
        source.load(from, &mut bytes)?;
        self.store(at, &bytes)?;
        self.flush(at, len as u64)
    }

    /// The same of bytes that are at hand.
    fn stream_bytes(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.store(at, bytes)?;
        self.flush(at, bytes.len() as u64)
    }
}
