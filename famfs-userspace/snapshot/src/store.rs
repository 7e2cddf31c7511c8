//! Recordings: snapshots in a file, each frame on its own checked and bounded.
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
    /// The reason is part of the text, so that it is no `source` too: a chain would say it twice.
    #[error("cannot {action}: {error}")]
    Io {
        action: &'static str,
        error: io::Error,
    },
    #[error("it is no recording: it does not begin with `famfsrec`")]
    NotARecording,
    #[error("its header is damaged: its checksum does not match")]
    Header,
    #[error("it has version {found}, and this famfs-top reads {VERSION}: use a newer famfs-top")]
    Version { found: u16 },
    #[error("it holds no whole snapshot")]
    Empty,
    #[error("the frame at byte {offset} is damaged: {why}")]
    Frame { offset: u64, why: &'static str },
    #[error("the snapshot does not fit a frame: {why}")]
    TooLarge { why: &'static str },
}

impl Error {
    fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { action, error }
    }
}
