//! A play into a mount, or into a folder of a shadow: what makes the files, and what is asked when one
//! cannot have its own memory.

pub mod mounted;
pub mod owners;
pub mod shadowed;

pub use mounted::MountTree;
