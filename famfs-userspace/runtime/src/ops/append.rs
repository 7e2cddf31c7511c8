//! Append entries so that no reader counts what is not there.

use std::borrow::Borrow;
use std::io;

use famfs_media::format::log::NEXT_SEQNUM_AT;
use famfs_media::format::{Body, Entry, LOG_OFFSET, Layout};
use famfs_media::memory::Memory;

/// Writes `body` into slot `index`, the first that is not counted, and counts it.
pub fn append(memory: &mut dyn Memory, index: u64, body: Body) -> io::Result<()> {
    append_all(memory, index, [body]).map(drop)
}

/// Writes `bodies` into the slots from `index` on, the first that is not counted, and
/// counts them all at once. Returns how many.
///
/// The entries reach the memory before the header that counts them: a host that sees the
/// new count finds whole entries.
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
    // At once: a writer that dies between the two would leave counters that differ.
    memory.publish_pair(LOG_OFFSET + NEXT_SEQNUM_AT, [next, next])?;
    memory.flush(LOG_OFFSET + NEXT_SEQNUM_AT, 16)?;
    memory.fence()?;
    Ok(next - index)
}
