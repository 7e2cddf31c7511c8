//! What the lab's host side and its PID 1 agree on: the [`Config`] that travels into the guest
//! and the [`wire`] messages that travel both ways afterwards.

pub mod config;
pub mod wire;

pub use config::{Config, Memory};
pub use wire::Message;
