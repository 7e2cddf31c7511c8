//! The command lines: arguments in, exit status out.

pub mod top;
