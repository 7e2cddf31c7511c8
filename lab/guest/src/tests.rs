//! All guest tests, by topic. Poison and removal come late: a poisoned page stays poisoned. What
//! changes the kernel for good comes last.

mod exactness;
mod faults;
mod instrument;
mod memory_errors;
mod module;
mod player;
mod refusals;
mod runtime;

use crate::harness::Test;

pub(crate) const ALL: &[&[Test]] = &[
    module::TESTS,
    runtime::TESTS,
    player::TESTS,
    refusals::TESTS,
    faults::TESTS,
    exactness::TESTS,
    instrument::TESTS,
    memory_errors::TESTS,
    module::LAST,
];
