//! All guest tests, by topic. Poison and removal come late: a poisoned page stays poisoned. What
//! changes the kernel for good comes last.

mod abi;
mod abi42;
mod abi43;
mod abi44;
mod abi44_allowed;
mod abi44_bad;
mod abi44_mount;
mod commands;
mod commands_refused;
mod compat;
mod copies_lost;
mod crowd;
mod devices;
mod doctor;
mod exactness;
mod exactness_crowd;
pub(crate) mod exactness_trees;
mod faults;
mod hostile;
mod instrument;
mod interleave;
mod io;
mod io_map;
mod isolation;
mod json;
pub(crate) mod lockdown;
pub(crate) mod many;
mod memory_errors;
pub(crate) mod module;
mod mount8;
mod mounting;
mod mounts;
mod player;
mod poison;
mod principles;
mod privileges;
mod probes;
mod recorded;
mod refusals;
mod removal;
mod runtime;
mod shut;
mod situations;
mod times;

use crate::harness::Test;

pub(crate) const ALL: &[&[Test]] = &[
    module::TESTS,
    runtime::TESTS,
    player::TESTS,
    hostile::TESTS,
    commands::TESTS,
    commands_refused::TESTS,
    compat::TESTS,
    json::TESTS,
    mount8::TESTS,
    situations::TESTS,
    refusals::TESTS,
    abi::TESTS,
    abi42::TESTS,
    abi43::TESTS,
    abi44::TESTS,
    abi44_bad::TESTS,
    abi44_allowed::TESTS,
    abi44_mount::TESTS,
    io::TESTS,
    io_map::TESTS,
    isolation::TESTS,
    interleave::TESTS,
    mounting::TESTS,
    mounts::TESTS,
    principles::TESTS,
    times::TESTS,
    faults::TESTS,
    exactness::TESTS,
    exactness_crowd::TESTS,
    exactness_trees::TESTS,
    probes::TESTS,
    instrument::TESTS,
    privileges::TESTS,
    recorded::TESTS,
    doctor::TESTS,
    many::TESTS,
    copies_lost::TESTS,
    memory_errors::TESTS,
    probes::BREAKING,
    poison::TESTS,
    removal::TESTS,
    devices::TESTS,
    module::LAST,
    lockdown::TESTS,
];
