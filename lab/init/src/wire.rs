//! Framed messages on two virtio-serial ports: [`DATA_PORT`] carries the command's streams, its
//! exit status and the share; [`CONTROL_PORT`] carries what must not queue behind them.
//!
//! A frame is a tag byte, the payload length as little-endian `u32`, and the payload.

use std::io::{self, Read, Write};

pub const DATA_PORT: &str = "famfs.lab.data";
pub const CONTROL_PORT: &str = "famfs.lab.control";

/// The input/output port on which a deterministic guest sends what it has for the data port.
pub const DEBUG_PORT: u64 = 0xe9;

/// Longest payload that either side sends or accepts.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// One message. Bytes of `Stdin`, `Stdout`, `Stderr` and `Share` are chunks of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    // Host to guest, data port.
    Stdin(Vec<u8>),
    StdinClosed,
    // Host to guest, control port.
    Signal(u8),
    Resize {
        rows: u16,
        cols: u16,
    },
    // Guest to host, data port.
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    /// A chunk of a tar archive of what `/share` holds.
    Share(Vec<u8>),
    /// The command is done; nothing follows.
    Exit(u8),
    /// The guest could not be made ready; the reason. Nothing follows.
    Failed(String),
    // Guest to host, control port.
    Heartbeat,
}

impl Message {
    fn parts(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Stdin(bytes) => (1, bytes.clone()),
            Self::StdinClosed => (2, Vec::new()),
            Self::Signal(n) => (3, vec![*n]),
            Self::Resize { rows, cols } => {
                let [r0, r1] = rows.to_le_bytes();
                let [c0, c1] = cols.to_le_bytes();
                (4, vec![r0, r1, c0, c1])
            }
            Self::Stdout(bytes) => (5, bytes.clone()),
            Self::Stderr(bytes) => (6, bytes.clone()),
            Self::Share(bytes) => (7, bytes.clone()),
            Self::Exit(code) => (8, vec![*code]),
            Self::Failed(why) => (
                9,
                why.as_bytes().iter().copied().take(MAX_PAYLOAD).collect(),
            ),
            Self::Heartbeat => (10, Vec::new()),
        }
    }

    /// Writes one frame and flushes.
    ///
    /// # Errors
    /// The writer's, or `InvalidInput` for a payload over [`MAX_PAYLOAD`].
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (tag, payload) = self.parts();
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        if payload.len() > MAX_PAYLOAD {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "message too long",
            ));
        }
        let mut frame = Vec::with_capacity(5 + payload.len());
        frame.push(tag);
        frame.extend_from_slice(&len.to_le_bytes());
        frame.extend_from_slice(&payload);
        to.write_all(&frame)?;
        to.flush()
    }

    /// Reads one frame; `None` at the end of the stream.
    ///
    /// # Errors
    /// The reader's, or `InvalidData` for a frame that no peer of ours sends.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut tag = [0];
        if from.read(&mut tag)? == 0 {
            return Ok(None);
        }
        let mut len = [0; 4];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > MAX_PAYLOAD {
            return Err(invalid(&format!("frame of {len} bytes")));
        }
        let mut payload = vec![0; len];
        from.read_exact(&mut payload)?;
        Self::decode(tag[0], payload).map(Some)
    }

    fn decode(tag: u8, payload: Vec<u8>) -> io::Result<Self> {
        Ok(match (tag, payload.as_slice()) {
            (1, _) => Self::Stdin(payload),
            (2, []) => Self::StdinClosed,
            (3, [n]) => Self::Signal(*n),
            (4, [r0, r1, c0, c1]) => Self::Resize {
                rows: u16::from_le_bytes([*r0, *r1]),
                cols: u16::from_le_bytes([*c0, *c1]),
            },
            (5, _) => Self::Stdout(payload),
            (6, _) => Self::Stderr(payload),
            (7, _) => Self::Share(payload),
            (8, [code]) => Self::Exit(*code),
            (9, _) => Self::Failed(String::from_utf8_lossy(&payload).into_owned()),
            (10, []) => Self::Heartbeat,
            (tag, payload) => {
                return Err(invalid(&format!("tag {tag} with {} bytes", payload.len())));
            }
        })
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("lab protocol: {what}"))
}

/// Turns what is written into messages of at most [`MAX_PAYLOAD`] bytes each.
#[derive(Debug)]
pub struct Chunks<F>(pub F);

impl<F: FnMut(Vec<u8>) -> io::Result<()>> Write for Chunks<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(MAX_PAYLOAD);
        (self.0)(bytes[..n].to_vec())?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(message: &Message) -> Message {
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        Message::read(&mut bytes.as_slice()).unwrap().unwrap()
    }

    #[test]
    fn every_message_survives_the_wire() {
        for message in [
            Message::Stdin(vec![1, 2]),
            Message::StdinClosed,
            Message::Signal(2),
            Message::Resize {
                rows: 24,
                cols: 300,
            },
            Message::Stdout(vec![]),
            Message::Stderr(vec![0xff; MAX_PAYLOAD]),
            Message::Share(vec![7]),
            Message::Exit(255),
            Message::Failed("no device".into()),
            Message::Heartbeat,
        ] {
            assert_eq!(round_trip(&message), message);
        }
    }

    #[test]
    fn the_end_of_the_stream_is_no_error() {
        assert_eq!(Message::read(&mut [].as_slice()).unwrap(), None);
    }

    #[test]
    fn chunks_bound_every_message() {
        let mut sizes = Vec::new();
        Chunks(|bytes: Vec<u8>| {
            sizes.push(bytes.len());
            Ok(())
        })
        .write_all(&vec![0; MAX_PAYLOAD + 1])
        .unwrap();
        assert_eq!(sizes, [MAX_PAYLOAD, 1]);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_cleanly(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Message::read(&mut bytes.as_slice());
        }
    }
}
