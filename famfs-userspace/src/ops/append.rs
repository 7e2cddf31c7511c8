//! Append one entry so that no reader counts what is not there.

use std::io;

use crate::device::Memory;
use crate::media::log::{NEXT_INDEX_AT, NEXT_SEQNUM_AT};
use crate::media::{Body, Entry, LOG_OFFSET, Layout};

/// Writes `body` into slot `index`, the first that is not counted, and counts it.
///
/// The entry reaches the memory before the header that counts it: a host that sees the
/// new count finds the whole entry.
pub fn append(memory: &mut dyn Memory, index: u64, body: Body) -> io::Result<()> {
    let entry = Entry::new(index, body);
    memory.persist(Layout::Current.entry_offset(index), &entry.to_bytes())?;
    // Readers take no notice of the number; it lies in the line of the count, and both
    // go out in one write-back.
    memory.publish(LOG_OFFSET + NEXT_SEQNUM_AT, index + 1)?;
    memory.publish(LOG_OFFSET + NEXT_INDEX_AT, index + 1)?;
    memory.flush(LOG_OFFSET + NEXT_SEQNUM_AT, 16)?;
    memory.fence()
}
