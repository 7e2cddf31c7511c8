//! All guest tests, by topic. Poison and removal come last: a poisoned page stays poisoned.

mod faults;
mod instrument;
mod memory_errors;
mod refusals;
mod runtime;

use crate::harness::Test;

pub(crate) const ALL: &[&[Test]] = &[
    runtime::TESTS,
    refusals::TESTS,
    faults::TESTS,
    instrument::TESTS,
    memory_errors::TESTS,
];
