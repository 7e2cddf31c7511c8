//! Exit statuses, as tables from which the documentation is written.

use std::fmt;

/// How a program can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Ends with this status.
    Exit(u8),
    /// Ends with 128 and the number of the signal that ended it.
    Signal,
    /// Ends with the status of the command that it ran.
    Command,
}

/// One way to end, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub code: Code,
    pub meaning: &'static str,
}

/// The ways in which some commands of a program end.
#[derive(Clone, Copy, Debug)]
pub struct Statuses {
    /// The commands.
    pub of: &'static str,
    pub all: &'static [Status],
}

/// A row of a table of statuses.
pub const fn exit(code: u8, meaning: &'static str) -> Status {
    Status {
        code: Code::Exit(code),
        meaning,
    }
}

/// The row for what a signal ended.
pub const fn signal(meaning: &'static str) -> Status {
    Status {
        code: Code::Signal,
        meaning,
    }
}

/// The row for what ends as a command that it ran.
pub const fn command(meaning: &'static str) -> Status {
    Status {
        code: Code::Command,
        meaning,
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "{code}"),
            Self::Signal => f.write_str("128+N"),
            Self::Command => f.write_str("CMD's"),
        }
    }
}
