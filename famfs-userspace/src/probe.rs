//! The programs in the kernel as seen from user space. Only this folder knows aya.
//!
//! `btf` finds kernel fields, `plan` decides what can attach, `attach` loads and attaches,
//! `drain` moves counts out of the kernel, `events` reads what is rare, `names` finds paths,
//! `health` says how each program fares.

mod attach;
mod btf;
mod drain;
mod error;
mod events;
mod health;
mod mapped;
mod names;
mod plan;
mod privilege;
mod totals;

pub use attach::{Attached, Options};
pub use drain::{Beside, Drain};
pub use error::Error;
pub use events::{Events, Told, wall_time};
pub use health::Health;
pub use names::Names;
pub use totals::{Counts, Latencies, Totals};

/// The clock that the programs read: `CLOCK_MONOTONIC`, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map(std::time::Duration::from)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
