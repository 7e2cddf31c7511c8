//! Writes a file system: superblock and empty log, and entries behind the counted ones.
//!
//! Other hosts may read at any time, and a cache may write back a line at any time. So each function
//! orders its stores in such a way that a reader finds the old state, the new one, or no file system.

use std::borrow::Borrow;
use std::io;

use crate::format::log::NEXT_SEQNUM_AT;
use crate::format::{Body, Entry, LOG_OFFSET, Layout, LogHeader, Superblock};
use crate::memory::Memory;

/// Writes superblock and empty log.
///
/// Wherever this stops, and in whatever order caches write back, no reader finds a valid superblock
/// over a log that is not this one and empty: a magic number that is there goes first, and the new one
/// comes last. None of the flushes and fences can be left out, as a test of every crash shows.
///
/// # Errors
///
/// Returns the error of the memory.
pub fn format(memory: &mut dyn Memory, superblock: &Superblock) -> io::Result<()> {
    const MAGIC_SIZE: u64 = 8;
    memory.persist_publish(0, 0)?;
    memory.zero(MAGIC_SIZE, LOG_OFFSET - MAGIC_SIZE)?;
    memory.store(MAGIC_SIZE, &superblock.to_bytes()[8..])?;
    memory.zero(LOG_OFFSET, superblock.log_len)?;
    memory.store(LOG_OFFSET, &LogHeader::empty(superblock.log_len).to_bytes())?;
    memory.flush(MAGIC_SIZE, LOG_OFFSET - MAGIC_SIZE)?;
    memory.flush(LOG_OFFSET, superblock.log_len)?;
    memory.fence()?;
    memory.persist_publish(0, superblock.magic)
}

/// Writes `body` into slot `index`, the first one that is not counted, and counts it.
///
/// # Errors
///
/// Returns the error of the memory.
pub fn append(memory: &mut dyn Memory, index: u64, body: Body) -> io::Result<()> {
    append_all(memory, index, [body]).map(drop)
}

/// Writes `bodies` into the slots from `index` on, the first one that is not counted, and counts them
/// all at once. Returns how many there are.
///
/// The entries reach the memory before the header that counts them, so that a host which sees the new
/// count finds whole entries.
///
/// # Errors
///
/// Returns the error of the memory.
pub fn append_all(
    memory: &mut dyn Memory,
    index: u64,
    bodies: impl IntoIterator<Item = impl Borrow<Body>>,
) -> io::Result<u64> {
    let layout = Layout::Current;
    let mut next = index;
    for body in bodies {
        memory.store(
            layout.entry_offset(next),
            &Entry::bytes_of(next, body.borrow()),
        )?;
        next += 1;
    }
    if next == index {
        return Ok(0);
    }
    let start = layout.entry_offset(index);
    memory.flush(start, layout.entry_offset(next) - start)?;
    memory.fence()?;
    // Both counters at once: a writer that dies between two stores would leave them different.
    memory.publish_pair(LOG_OFFSET + NEXT_SEQNUM_AT, [next, next])?;
    memory.flush(LOG_OFFSET + NEXT_SEQNUM_AT, 16)?;
    memory.fence()?;
    Ok(next - index)
}
