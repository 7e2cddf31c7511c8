//! One library, two wings that share only the host facts.
//!
//! * The runtime wing turns bytes on shared memory into files: `media` -> `player` -> a mount.
//! * The instrument wing turns faults into pictures: `probe`, `source` -> `model` -> `report`, `tui`.

pub mod cli;
pub mod model;
pub mod mounts;
pub mod report;
pub mod source;
pub mod text;
pub mod tui;
