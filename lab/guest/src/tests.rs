//! All guest tests, by topic. Poison and removal come last: a poisoned page stays poisoned.

mod exactness;
mod faults;
mod instrument;
mod memory_errors;
mod player;
mod refusals;
mod runtime;

use crate::harness::Test;

pub(crate) const ALL: &[&[Test]] = &[
    runtime::TESTS,
    player::TESTS,
    refusals::TESTS,
    faults::TESTS,
    exactness::TESTS,
    instrument::TESTS,
    memory_errors::TESTS,
];
