//! Moves counts out of the kernel: no call per entry, and no count is ever taken twice or lost.

use std::sync::{Arc, Mutex};

use aya::{Ebpf, maps::MapData};
use famfs_common::{
    keys::{CLASSES, Cpu},
    probe::HOOKS,
};

use super::{
    Error,
    attach::take_data,
    mapped::{Shared, View, wait_for_programs},
    table::{Table, lock},
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
        table.totals().overflow(&beside.overflow);
        Ok(show(table.totals(), &beside))
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
