//! Types and arithmetic that the BPF programs and user space share.
//!
//! Both sides are always built from one tree and the object is embedded in the binary,
//! so no version travels between them; `tests/layout.rs` holds the shapes still.
#![no_std]

pub mod event;
pub mod fault;
pub mod field;
pub mod hist;
pub mod keys;
pub mod probe;

#[cfg(feature = "user")]
mod pod;
