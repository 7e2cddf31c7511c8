//! From log to files: validate each entry, plan without touching anything, act.
//!
//! * A slot with a bad checksum or number ends the play: what stands before it counts.
//! * A good slot with bad content is refused alone, and the play goes on.
//! * Nothing that the log says reaches the kernel unchecked.

pub mod act;
pub mod plan;
pub mod validate;

pub use act::{Outcome, play};
pub use plan::{Action, Plan, Refused, Stop};
pub use validate::Refusal;
