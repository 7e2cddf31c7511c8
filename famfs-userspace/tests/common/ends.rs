//! Ends of streams that a program meets: nobody reads them, or they are full. The tests of
//! famfs-bench use them too.

use std::fs::OpenOptions;
use std::io;
use std::process::Stdio;

/// A pipe that nobody will ever read.
pub(crate) fn unread() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A device without any room.
pub(crate) fn full() -> Stdio {
    OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}
