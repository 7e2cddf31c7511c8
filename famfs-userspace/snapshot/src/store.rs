//! Recordings: snapshots in a file. Each frame is checked and bounded by itself.
//!
//! `codec` turns snapshots into bytes and back, `frame` wraps them, `writer` and `reader` move
//! them; `ring` keeps the last minutes. The format is in docs/reference/recording.md.

use std::io;

mod codec;
mod frame;
mod reader;
mod ring;
mod wire;
mod writer;

pub use frame::{HEADER_LEN, Header, KEY_EVERY, VERSION};
pub use reader::{Damage, Entry, Recording};
pub use ring::{Ring, create_new};
pub use writer::Writer;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written. The reason is part of the text, so it is not a `source`
    /// as well: a chain of errors would say it twice.
    #[error("cannot {action}: {error}")]
    Io {
        /// What was tried, as the rest of "cannot …".
        action: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// The file does not begin as a recording does.
    #[error("it is no recording: it does not begin with `famfsrec`")]
    NotARecording,
    /// The header is damaged.
    #[error("its header is damaged: its checksum does not match")]
    Header,
    /// The recording is of a later version.
    #[error("it has version {found}, and this famfs-top reads {VERSION}: use a newer famfs-top")]
    Version {
        /// The version that was read.
        found: u16,
    },
    /// No snapshot is whole.
    #[error("it holds no whole snapshot")]
    Empty,
    /// A frame is damaged.
    #[error("the frame at byte {offset} is damaged: {why}")]
    Frame {
        /// Where it begins, in bytes.
        offset: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The snapshot is larger than a frame may be.
    #[error("the snapshot does not fit a frame: {why}")]
    TooLarge {
        /// What is too large.
        why: &'static str,
    },
}

impl Error {
    fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { action, error }
    }
}
