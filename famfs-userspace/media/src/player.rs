//! Turns the log into files: each entry is validated, a plan is made without touching anything, and the
//! plan is carried out in a [`Tree`].
//!
//! * A slot with a bad checksum or number ends the play: what stands before it counts.
//! * A good slot with bad content is refused alone, and the play goes on.
//! * A type without a meaning is skipped with a note.
//! * Nothing that the log says reaches the kernel unchecked.

pub mod act;
mod again;
pub mod plan;
pub mod tree;
pub mod validate;
mod why;

pub use act::{Options, Outcome, compare, play};
pub use plan::{Action, Plan, Refused, Skipped, Stop};
pub use tree::Tree;
pub use validate::Refusal;
