//! The kinds of attack, in the order in which they run.

pub(crate) mod calls;
pub(crate) mod chaos;
pub(crate) mod claim;
pub(crate) mod data;
mod file;
pub(crate) mod mounts;
pub(crate) mod names;
