//! The table in which the programs count: two halves, of which one is emptied while they use the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use famfs_common::keys::{Entry, HALF, HALF_BYTES, Memory, State};

use super::{
    Error,
    mapped::{Shared, View, wait_for_programs},
    totals::Totals,
};

/// The two halves of results, and all that was taken out of them.
pub(super) struct Table {
    entries: View<Entry>,
    half: View<u64>,
    used: View<u64>,
    /// Drains since attach; the last bit is the half in use.
    flips: u64,
    totals: Totals,
}

impl Table {
    /// Makes an empty table, in memory that begins with zeros.
    pub(super) fn new(memory: &Shared) -> Self {
        let at = std::mem::offset_of!(Memory, state);
        Self {
            entries: memory.view(std::mem::offset_of!(Memory, table), 2 * HALF as usize),
            half: memory.view(at + std::mem::offset_of!(State, half), 1),
            used: memory.view(at + std::mem::offset_of!(State, used), 2),
            flips: 0,
            totals: Totals::default(),
        }
    }

    /// Returns what was taken out so far.
    pub(super) fn totals(&mut self) -> &mut Totals {
        &mut self.totals
    }

    /// Turns the programs to the other half, waits for those still in the old one, and takes
    /// everything out of it.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        let retired = usize::from(self.flips & 1 != 0);
        self.flips += 1;
        self.half.write(0, (self.flips & 1) * HALF_BYTES);
        wait_for_programs().map_err(Error::Membarrier)?;
        let first = retired * HALF as usize;
        let entries = &self.entries;
        let used = (first..first + HALF as usize).filter(|&i| entries.read_first(i) != 0);
        self.totals.add(used.map(|i| {
            let entry = entries.read(i);
            entries.write(i, Entry::default());
            entry
        }));
        self.used.write(retired, 0);
        Ok(())
    }
}

/// Takes the table, from the thread that polls or from the one that empties it early.
pub(super) fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // A panic in between leaves counts that are right as far as they go.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
