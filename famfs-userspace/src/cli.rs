//! The command lines: arguments in, exit status out.

pub mod famfs;
pub mod top;
