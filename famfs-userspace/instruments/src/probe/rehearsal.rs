//! The table without a kernel: filled here as the programs fill it, emptied as ever. It shows
//! what reading costs, and that nothing overflows, with more files than a test can make.

use famfs_common::keys::{Entry, HALF, HALF_BYTES, Memory, PROBES, State, WAKE_AT, home};

use super::{
    Error, cpu_ns,
    mapped::{Shared, View},
    table::Table,
    totals::Totals,
};

/// Counts that arrive between the programs' call and the early drain. At a million faults a
/// second it is two milliseconds.
const LATE: u64 = 2000;

pub(crate) struct Rehearsal {
    table: Table,
    entries: View<Entry>,
    half: View<u64>,
    used: View<u64>,
    /// Counts left until the drain that was called for.
    due: Option<u64>,
    /// Counts that found no room.
    overflow: u64,
    early: u64,
    early_ns: u64,
}

/// What filling has led to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) overflow: u64,
    /// Drains before anyone asked for one, and the processor time that they took.
    pub(crate) early: u64,
    pub(crate) early_ns: u64,
}

impl Rehearsal {
    pub(crate) fn new() -> Result<Self, Error> {
        let memory = Shared::anonymous("MEMORY", size_of::<Memory>())?;
        let at = std::mem::offset_of!(Memory, state);
        Ok(Self {
            table: Table::new(&memory),
            entries: memory.view(std::mem::offset_of!(Memory, table), 2 * HALF as usize),
            half: memory.view(at + std::mem::offset_of!(State, half), 1),
            used: memory.view(at + std::mem::offset_of!(State, used), 2),
            due: None,
            overflow: 0,
            early: 0,
            early_ns: 0,
        })
    }

    /// Adds one to the entry of (`ino`, `tag`), and `amount` to its sum, as the programs do.
    pub(crate) fn count(&mut self, ino: u64, tag: u64, amount: u64) -> Result<(), Error> {
        let half = usize::from(self.half.read(0) & HALF_BYTES != 0);
        let home = home(ino, tag);
        let place = (0..PROBES)
            .map(|probe| half * HALF as usize + ((home + probe) & (HALF - 1)) as usize)
            .find(|&place| {
                let found = self.entries.read(place);
                found.tag == 0 || (found.tag, found.ino) == (tag, ino)
            });
        if let Some(place) = place {
            let mut entry = self.entries.read(place);
            if entry.tag == 0 {
                let used = self.used.read(half);
                self.used.write(half, used + 1);
                if used == WAKE_AT {
                    self.due = Some(LATE);
                }
                entry = Entry {
                    tag,
                    ino,
                    ..Entry::default()
                };
            }
            entry.count += 1;
            entry.sum_ns += amount;
            self.entries.write(place, entry);
        } else {
            self.overflow += 1;
        }
        match &mut self.due {
            Some(0) => {
                let begun = cpu_ns();
                self.table.drain()?;
                self.early += 1;
                self.early_ns += cpu_ns() - begun;
                self.due = None;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    /// Empties the table and shows the totals.
    pub(crate) fn drain<T>(&mut self, show: impl FnOnce(&mut Totals) -> T) -> Result<T, Error> {
        self.due = None;
        self.table.drain()?;
        Ok(show(self.table.totals()))
    }

    pub(crate) fn filled(&self) -> Filled {
        Filled {
            overflow: self.overflow,
            early: self.early,
            early_ns: self.early_ns,
        }
    }
}
