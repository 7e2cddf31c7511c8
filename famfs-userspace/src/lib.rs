//! One library, two wings that share only the host facts.
//!
//! * The runtime wing turns bytes on shared memory into files: `media` -> `player` -> a mount.
//! * The instrument wing turns faults into pictures: `probe`, `source` -> `model` -> `report`, `tui`.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "famfs_cli::stream writes"
)]

pub mod alloc;
pub mod cli;
pub mod device;
pub mod doctor;
pub mod dump;
pub mod fsck;
pub mod host;
pub mod kernel;
pub mod media;
pub mod model;
pub mod module;
pub mod mounts;
pub mod ops;
pub mod player;
pub mod privilege;
mod probe;
pub mod report;
pub mod serve;
pub mod shadow;
pub mod source;
pub mod store;
pub mod text;
pub mod tui;
pub mod volume;
pub mod yaml;
