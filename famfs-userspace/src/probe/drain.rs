//! Moves counts out of the kernel: no call per entry, and no count is ever taken twice or lost.

use aya::Ebpf;
use famfs_common::{
    keys::{Cpu, Entry, HALF},
    probe::{HOOKS, Hook},
};

use super::{
    Error,
    mapped::{Mapped, wait_for_programs},
    totals::Totals,
};

/// The kernel's counters as mapped memory, and what was read from them so far.
pub(crate) struct Drain {
    table: Mapped<Entry>,
    cpus: Mapped<Cpu>,
    epoch: u64,
    totals: Totals,
}

/// The counters beside the table, summed over all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) hits: [u64; HOOKS],
    pub(crate) overflow: [u64; HOOKS],
    pub(crate) dropped: u64,
}

impl Drain {
    /// Takes the maps out of the loaded object.
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, Error> {
        let mut map = |name: &'static str| {
            ebpf.take_map(name).ok_or_else(|| Error::Map {
                map: name,
                why: "not in the object".to_owned(),
            })
        };
        let table = Mapped::new("TABLE", map("TABLE")?)?;
        let cpus = Mapped::new("CPUS", map("CPUS")?)?;
        if table.len() != 2 * HALF as usize {
            return Err(Error::Map {
                map: "TABLE",
                why: format!("{} entries", table.len()),
            });
        }
        // Better no instrument than one that can never be read.
        wait_for_programs().map_err(Error::Membarrier)?;
        Ok(Self {
            table,
            cpus,
            epoch: 0,
            totals: Totals::default(),
        })
    }

    /// Turns the programs to the other half, waits for those still in the old one, and takes
    /// everything out of it.
    pub(crate) fn drain(&mut self) -> Result<&Totals, Error> {
        let retired = usize::from(self.epoch & 1 != 0) * HALF as usize;
        self.epoch += 1;
        for cpu in 0..self.cpus.len() {
            self.cpus.write_first(cpu, self.epoch);
        }
        wait_for_programs().map_err(Error::Membarrier)?;
        for i in retired..retired + HALF as usize {
            if self.table.read_first(i) != 0 {
                self.totals.add(&self.table.read(i));
                self.table.write(i, Entry::default());
            }
        }
        Ok(&self.totals)
    }

    /// The counters beside the table as they are now.
    pub(crate) fn beside(&self) -> Beside {
        let mut sum = Beside::default();
        for cpu in 0..self.cpus.len() {
            let cpu = self.cpus.read(cpu);
            sum.dropped += cpu.dropped;
            for hook in 0..HOOKS {
                sum.hits[hook] += cpu.hits[hook];
                sum.overflow[hook] += cpu.overflow[hook];
            }
        }
        sum
    }
}

impl Beside {
    /// Faults that found no room in the table. A repaired fault is no fault of its own.
    pub(crate) fn faults_without_room(&self) -> u64 {
        [Hook::PteExit, Hook::PmdExit, Hook::Refused]
            .iter()
            .map(|&hook| self.overflow[hook as usize])
            .sum()
    }
}
