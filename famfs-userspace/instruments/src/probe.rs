//! The programs in the kernel as seen from user space. Only this folder knows aya.
//!
//! `btf` finds kernel fields, `here` what there is to attach to, `plan` decides what can attach, `patch` and
//! `attach` load and attach, `table` is where the programs count, `drain` moves counts out of it (`wake` when
//! it has to be early), `events` reads what is rare, `names` finds paths, and `health` says how each program
//! fares.

mod attach;
mod btf;
mod drain;
mod error;
mod events;
mod examine;
mod health;
mod here;
mod mapped;
mod names;
mod patch;
mod plan;
mod privilege;
mod processes;
mod rehearsal;
mod table;
mod totals;
mod wake;

pub(crate) use attach::Attached;
pub use attach::Options;
pub(crate) use drain::Drain;
pub(crate) use error::Error;
pub(crate) use events::{Events, Happening, Told, wall_time};
pub(crate) use examine::{Fields, fields};
pub(crate) use health::{Health, silent};
pub(crate) use names::Names;
pub(crate) use processes::Processes;
pub(crate) use rehearsal::{Filled, Rehearsal};
pub(crate) use totals::Count;

/// The clock that the programs read: `CLOCK_MONOTONIC`, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    now_ns(nix::time::ClockId::CLOCK_MONOTONIC)
}

/// Processor time that this process has had, in nanoseconds.
pub fn cpu_ns() -> u64 {
    now_ns(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn now_ns(clock: nix::time::ClockId) -> u64 {
    let now = nix::time::clock_gettime(clock)
        .map(std::time::Duration::from)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
