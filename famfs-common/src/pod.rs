//! Marks the shared types as plain bytes for aya. The only `unsafe` of this crate.

use crate::keys::{Cpu, Entry, Slot};

// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Slot {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Entry {}
// SAFETY: `repr(C)`, integers only, no padding (`tests/layout.rs`).
unsafe impl aya::Pod for Cpu {}
