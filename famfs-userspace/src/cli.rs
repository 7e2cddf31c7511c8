//! The command lines: arguments in, exit status out.

pub mod famfs;
mod pages;
mod stderr;
pub mod top;
