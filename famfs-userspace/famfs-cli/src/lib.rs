//! What the commands of the toolkit share, whatever they are about.

pub mod args;
#[cfg(feature = "schema")]
pub mod contract;
pub mod env;
pub mod name;
pub mod signals;
pub mod size;
#[cfg(feature = "schema")]
pub mod status;
pub mod stream;
pub mod terminal;
