//! The command lines: arguments in, exit status out.

pub mod famfs;
mod pages;
pub mod top;
