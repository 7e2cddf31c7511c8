//! Writes snapshots into a recording, with one write for each frame.

use std::{
    io::{Read as _, Write},
    time::{Duration, SystemTime},
};

use flate2::{Compression, bufread::DeflateEncoder};

use super::{
    Error, codec,
    frame::{END, Frame, Header, KEY, KEY_EVERY, PAYLOAD_MAX, VERSION},
};
use crate::model::Snapshot;

/// Appends to `to` and never goes back: what was written stays readable, whatever comes after it.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
    last: Option<Last>,
    bytes: u64,
    frames: u64,
}

/// What the next frame is the difference to.
#[derive(Debug)]
struct Last {
    snapshot: Snapshot,
    payload_crc: u32,
    /// Frames since the whole snapshot.
    since_key: u32,
}

impl<W: Write> Writer<W> {
    /// Begins a recording of snapshots that are `interval` apart.
    ///
    /// # Errors
    ///
    /// Fails if the header cannot be written.
    pub fn new(to: W, interval: Duration) -> Result<Self, Error> {
        let mut writer = Self {
            to,
            last: None,
            bytes: 0,
            frames: 0,
        };
        let header = Header {
            version: VERSION,
            interval_ms: u32::try_from(interval.as_millis()).unwrap_or(u32::MAX),
        };
        writer.write(&header.to_bytes())?;
        Ok(writer)
    }

    /// Adds a snapshot.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::TooLarge`] for a snapshot that no frame can hold, and otherwise if it
    /// cannot be written.
    pub fn append(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let before = self
            .last
            .take()
            .filter(|last| last.since_key + 1 < KEY_EVERY);
        let nothing = codec::nothing();
        let (old, base, flags, since_key) = match &before {
            Some(last) => (&last.snapshot, last.payload_crc, 0, last.since_key + 1),
            None => (&nothing, 0, KEY, 0),
        };
        let unpacked = codec::encode(old, snapshot).map_err(|why| Error::TooLarge { why })?;
        let packed = pack(&unpacked)?;
        let payload_crc = crc32fast::hash(&packed);
        let frame = Frame {
            flags,
            packed: length(&packed)?,
            unpacked: length(&unpacked)?,
            time_ns: nanos(snapshot.time),
            elapsed_ns: snapshot.elapsed_ns,
            base,
            payload_crc,
        };
        // One write, so that a process that is killed leaves whole frames.
        let mut bytes = frame.to_bytes();
        bytes.extend_from_slice(&packed);
        self.write(&bytes)?;
        self.frames += 1;
        self.last = Some(Last {
            snapshot: snapshot.clone(),
            payload_crc,
            since_key,
        });
        Ok(())
    }

    /// Says that the recording is complete, and gives back what it was written to.
    pub fn finish(mut self) -> Result<W, Error> {
        let end = end_frame(self.last.as_ref().map(|last| &last.snapshot));
        self.write(&end)?;
        self.to.flush().map_err(Error::io("write the recording"))?;
        Ok(self.to)
    }

    /// What was written so far, in bytes and in snapshots.
    pub fn written(&self) -> (u64, u64) {
        (self.bytes, self.frames)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        (self.to.write_all(bytes)).map_err(Error::io("write the recording"))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// The frame that ends a recording whose last snapshot is `last`.
pub(super) fn end_frame(last: Option<&Snapshot>) -> Vec<u8> {
    let frame = Frame {
        flags: END,
        packed: 0,
        unpacked: 0,
        time_ns: last.map_or(0, |last| nanos(last.time)),
        elapsed_ns: last.map_or(0, |last| last.elapsed_ns),
        base: 0,
        payload_crc: 0,
    };
    frame.to_bytes()
}

fn pack(unpacked: &[u8]) -> Result<Vec<u8>, Error> {
    let mut packed = Vec::new();
    DeflateEncoder::new(unpacked, Compression::new(6))
        .read_to_end(&mut packed)
        .map_err(Error::io("compress a snapshot"))?;
    Ok(packed)
}

fn length(payload: &[u8]) -> Result<u32, Error> {
    u32::try_from(payload.len())
        .ok()
        .filter(|len| *len <= PAYLOAD_MAX)
        .ok_or(Error::TooLarge {
            why: "more than 64 MiB",
        })
}

/// Returns the time in nanoseconds, for finding a moment; the snapshot has its exact time.
fn nanos(time: SystemTime) -> i64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
