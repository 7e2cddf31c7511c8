//! The famfs media format: read, check and plan from bytes alone.
//!
//! An image, a device's memory or anything else that implements [`memory::Memory`] goes through
//! [`volume`] to a list of entries, which [`player`] turns into a plan and [`fsck`] into findings. Nothing
//! in here depends on Linux or on another crate of the toolkit.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a library prints nothing"
)]

pub mod alloc;
pub mod format;
pub mod fsck;
pub mod memory;
pub mod player;
pub mod role;
pub mod shadow;
pub mod volume;
pub mod yaml;
