//! Marks the shared types as plain bytes for aya. The only `unsafe` of this crate.

use crate::{
    event::{By, Faults},
    keys::{Cpu, Entry, Memory, Slot},
};

// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Slot {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Entry {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Cpu {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Memory {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for By {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Faults {}
