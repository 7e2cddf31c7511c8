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
mod exactness_trees;
mod faults;
mod hostile;
mod instrument;
mod interleave;
mod io;
mod io_map;
mod isolation;
mod json;
mod lockdown;
mod many;
mod memory_errors;
mod module;
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

use crate::harness::{Group, Need};

pub(crate) const ALL: &[Group] = &[
    Group::of(module::TESTS),
    Group::of(runtime::TESTS),
    Group::of(player::TESTS),
    Group::of(hostile::TESTS),
    Group::of(commands::TESTS),
    Group::of(commands_refused::TESTS),
    Group::of(compat::TESTS),
    Group::of(json::TESTS),
    Group::of(mount8::TESTS),
    Group::of(situations::TESTS),
    Group::of(refusals::TESTS),
    Group::of(abi::TESTS),
    Group::of(abi42::TESTS),
    Group::of(abi43::TESTS),
    Group::of(abi44::TESTS),
    Group::of(abi44_bad::TESTS),
    Group::of(abi44_allowed::TESTS),
    Group::of(abi44_mount::TESTS),
    Group::of(io::TESTS),
    Group::of(io_map::TESTS),
    Group::of(isolation::TESTS),
    Group::of(interleave::TESTS),
    Group::of(mounting::TESTS),
    Group::of(mounts::TESTS),
    Group::of(principles::TESTS),
    Group::of(times::TESTS),
    Group::of(faults::TESTS),
    Group::of(exactness::TESTS),
    Group::of(exactness_crowd::TESTS),
    Group::of(exactness_trees::TESTS),
    Group::needing(Need::BlockDevice, exactness_trees::ON_EXT4),
    Group::of(probes::TESTS),
    Group::of(instrument::TESTS),
    Group::of(privileges::TESTS),
    Group::of(recorded::TESTS),
    Group::of(doctor::TESTS),
    Group::needing(Need::BlockDevice, many::TESTS),
    Group::of(copies_lost::TESTS),
    Group::of(memory_errors::TESTS),
    Group::of(probes::BREAKING),
    Group::of(poison::TESTS),
    Group::of(removal::TESTS),
    Group::needing(Need::SecondDevice, devices::TESTS),
    Group::of(module::LAST),
    Group::needing(Need::Signatures, module::UNSIGNED),
    Group::needing(Need::OwnBoot, lockdown::TESTS),
];
