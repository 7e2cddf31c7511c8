//! What the commands of the toolkit share, whatever they are about.

#[cfg(feature = "schema")]
pub mod contract;
pub mod env;
pub mod name;
#[cfg(feature = "schema")]
pub mod status;
