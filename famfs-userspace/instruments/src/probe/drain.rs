//! Moves counts out of the kernel: no call per entry, and no count is ever taken twice or lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aya::{Ebpf, maps::MapData};
use famfs_common::{
    keys::{CLASSES, Cpu, Entry, HALF, HALF_BYTES, Memory, State},
    probe::HOOKS,
};

use super::{
    Error,
    attach::take_data,
    mapped::{Shared, View, wait_for_programs},
    totals::Totals,
    wake::Waker,
};

/// The kernel's counters as mapped memory, and what was read from them so far.
pub(crate) struct Drain {
    table: Arc<Mutex<Table>>,
    cpus: View<Cpu>,
    _waker: Waker,
}

/// The counters beside the table, summed over all CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) hits: [u64; HOOKS],
    pub(crate) dropped: u64,
    /// Numbers and sums by class.
    overflow: [(u64, u64); CLASSES],
}

/// The two halves of results, and all that was taken out of them.
pub(super) struct Table {
    entries: View<Entry>,
    half: View<u64>,
    used: View<u64>,
    /// Drains since attach; the last bit is the half in use.
    flips: u64,
    totals: Totals,
}

impl Drain {
    /// Takes the maps out of the loaded object. `memory` is what its programs count in.
    pub(super) fn new(ebpf: &mut Ebpf, memory: &Shared) -> Result<Self, Error> {
        let cpus = Shared::new("CPUS", take_data(ebpf, "CPUS")?)?;
        // Better no instrument than one that can never be read.
        wait_for_programs().map_err(Error::Membarrier)?;
        let table = Arc::new(Mutex::new(Table::new(memory)));
        let ring: MapData = take_data(ebpf, "WAKES")?;
        let waker = Waker::start(ring, Arc::clone(&table))?;
        Ok(Self {
            table,
            cpus: cpus.view(0, cpus.bytes() / size_of::<Cpu>()),
            _waker: waker,
        })
    }

    /// Moves everything out of the kernel, what found no room included, and shows the totals.
    pub(crate) fn drain<T>(
        &mut self,
        show: impl FnOnce(&mut Totals, &Beside) -> T,
    ) -> Result<T, Error> {
        let mut table = lock(&self.table);
        table.drain()?;
        let beside = self.beside();
        table.totals.overflow(&beside.overflow);
        Ok(show(&mut table.totals, &beside))
    }

    /// The counters beside the table as they are now.
    fn beside(&self) -> Beside {
        let mut sum = Beside {
            hits: [0; HOOKS],
            dropped: 0,
            overflow: [(0, 0); CLASSES],
        };
        for cpu in 0..self.cpus.len() {
            let cpu = self.cpus.read(cpu);
            sum.dropped += cpu.dropped;
            for (sum, n) in sum.hits.iter_mut().zip(cpu.hits) {
                *sum += n;
            }
            let classes = cpu.overflow.iter().zip(&cpu.overflow_sum);
            for (sum, (n, amount)) in sum.overflow.iter_mut().zip(classes) {
                sum.0 += n;
                sum.1 = sum.1.saturating_add(*amount);
            }
        }
        sum
    }
}

impl Table {
    /// Empty, in memory that begins with zeros.
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

pub(super) fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // A panic in between leaves counts that are right as far as they go.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
