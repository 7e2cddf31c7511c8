//! A file whose bytes are copied out of a mapping of it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::bus;

/// Bytes of a file, mapped to be read, addressed by file offset. Another process may write
/// them or cut the file: what a copy finds then is an error or some of both.
#[derive(Debug)]
pub struct Source {
    map: MmapRaw,
    start: u64,
    /// Pages of it were replaced.
    lost: AtomicBool,
}

impl Source {
    /// Maps `[start, start + len)`. `None` where it must be read instead: what has no
    /// mappings, and what has holes, for on a tmpfs a mapping would fill them.
    pub fn map(file: &File, start: u64, len: u64) -> Option<Self> {
        let about = file.metadata().ok()?;
        if about.blocks().saturating_mul(512) < about.len() {
            return None;
        }
        let mut options = MmapOptions::new();
        options.offset(start).len(usize::try_from(len).ok()?);
        let map = options.map_raw_read_only(file).ok()?;
        // What is not in the page cache is read ahead of the copy; a kernel that does not
        // take the advice is no worse off. MADV_POPULATE_READ looks at each page once more:
        // measured, 500 instructions a page on top of what the faults of the copy cost.
        let _ = map.advise(Advice::Sequential);
        let lost = AtomicBool::new(false);
        Some(Self { map, start, lost })
    }

    /// The mapped addresses of `[at, at + len)`.
    pub(super) fn range(&self, at: u64, len: usize) -> io::Result<Range<*const u8>> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(io::Error::other("its mapping was lost"));
        }
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let at = at.checked_sub(self.start).ok_or_else(invalid)?;
        let at = usize::try_from(at).map_err(io::Error::other)?;
        match at.checked_add(len) {
            Some(end) if end <= self.map.len() => {
                let start = self.map.as_ptr().wrapping_add(at);
                Ok(start..start.wrapping_add(len))
            }
            _ => Err(invalid()),
        }
    }

    /// Notes that pages of it are no longer the file's.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Copies bytes out.
    pub fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let from = self.range(at, into.len())?;
        let (to, len) = (into.as_mut_ptr(), into.len());
        bus::guarded(from.start.addr()..from.end.addr(), 0..0, || {
            // SAFETY: `range` checked that the source is mapped; the target is a buffer of
            // the caller's own.
            unsafe { std::ptr::copy_nonoverlapping(from.start, to, len) };
        })
        .inspect_err(|_| self.lose())
    }
}
