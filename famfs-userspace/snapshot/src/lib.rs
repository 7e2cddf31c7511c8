//! What the instruments measured, as one document that every view is fed from.
//!
//! [`model`] holds the snapshot, [`store`] keeps snapshots in a file, [`source`] hands them out, and
//! [`report`] and [`text`] show them. Nothing in here depends on Linux.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a library prints nothing"
)]

pub mod model;
pub mod report;
pub mod source;
pub mod store;
pub mod text;
