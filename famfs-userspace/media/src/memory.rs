//! Shared memory as the metadata code sees it: loads, stores, and the order in which other hosts see
//! them.

use std::io;
use std::time::Duration;

/// Metadata bytes of a device, addressed by device offset.
///
/// Another host sees a store once it was flushed and a fence followed. Nothing else orders two
/// stores: a cache may write back a line at any earlier time.
///
/// # Errors
///
/// Each function fails if the range is not within [`Memory::len`], or with the error of the file or
/// the mapping behind it.
pub trait Memory {
    /// Returns how many bytes can be reached from the start of the device.
    fn len(&self) -> u64;

    /// Returns whether no byte can be reached.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the bytes at `at` out, all of them or none.
    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Stores bytes at `at`. Other hosts do not see them before a flush and a fence.
    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Stores one aligned little-endian 64-bit field in such a way that no reader sees half of it.
    fn publish(&mut self, at: u64, value: u64) -> io::Result<()>;

    /// Stores two neighbouring fields at a multiple of 16 at once: whatever stops the store in the
    /// middle leaves both or neither.
    fn publish_pair(&mut self, at: u64, [first, second]: [u64; 2]) -> io::Result<()> {
        let both = u128::from(first) | u128::from(second) << 64;
        self.store(at, &both.to_le_bytes())
    }

    /// Starts writing back what was stored in the range.
    fn flush(&mut self, at: u64, len: u64) -> io::Result<()>;

    /// Waits for the write-backs that were started before.
    fn fence(&mut self) -> io::Result<()>;

    /// Waits for a short time, so that stores of another host that are on their way can arrive.
    fn pause(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
    }

    /// Drops cached lines of the range, so that the next load asks the memory itself.
    fn invalidate(&mut self, at: u64, len: u64) -> io::Result<()>;
}

impl dyn Memory + '_ {
    /// Copies `N` bytes out.
    pub fn load_array<const N: usize>(&self, at: u64) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        self.load(at, &mut out)?;
        Ok(out)
    }

    /// Stores bytes, flushes them, and waits until other hosts see them.
    pub fn persist(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.store(at, bytes)?;
        self.flush(at, bytes.len() as u64)?;
        self.fence()
    }

    /// Publishes a field, flushes it, and waits until other hosts see it.
    pub fn persist_publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.publish(at, value)?;
        self.flush(at, 8)?;
        self.fence()
    }

    /// Stores zeroes without flushing them.
    pub fn zero(&mut self, at: u64, len: u64) -> io::Result<()> {
        const CHUNK: u64 = 1 << 20;
        let zeroes = vec![0; usize::try_from(CHUNK.min(len)).unwrap_or(0)];
        let mut done = 0;
        while done < len {
            let n = usize::try_from(CHUNK.min(len - done)).unwrap_or(0);
            self.store(at + done, &zeroes[..n])?;
            done += n as u64;
        }
        Ok(())
    }
}

/// Checks that `count` bytes at `at` lie within `len` bytes.
///
/// # Errors
///
/// Returns `UnexpectedEof` for a range that does not.
pub fn check_range(at: u64, count: usize, len: u64) -> io::Result<()> {
    match at.checked_add(count as u64) {
        Some(end) if end <= len => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{count} bytes at {at} are past the end, which is at {len}"),
        )),
    }
}
