//! Reads a recording: first an index of its sound frames, then any snapshot.

use std::io::{Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;

use super::{
    Error, codec,
    frame::{FRAME_LEN, Frame, HEADER_LEN, Header, SYNC},
};
use crate::model::Snapshot;

/// How many damages are kept one by one.
const DAMAGES_MAX: usize = 1000;
/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// Part of a recording that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes are lost.
    pub bytes: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A snapshot in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    frame: Frame,
    /// Where its payload begins.
    payload: u64,
}

impl Entry {
    /// Returns when the snapshot was taken, by `CLOCK_REALTIME` in nanoseconds.
    pub fn time_ns(&self) -> i64 {
        self.frame.time_ns
    }

    /// Returns the time since attach in nanoseconds.
    pub fn elapsed_ns(&self) -> u64 {
        self.frame.elapsed_ns
    }

    #[cfg(test)]
    pub(crate) fn for_test(time_ns: i64, elapsed_ns: u64) -> Self {
        let frame = Frame {
            flags: 0,
            packed: 0,
            unpacked: 0,
            time_ns,
            elapsed_ns,
            base: 0,
            payload_crc: 0,
        };
        Self { frame, payload: 0 }
    }

    /// Returns whether the frame has the whole snapshot, not a difference.
    pub fn is_key(&self) -> bool {
        self.frame.is_key()
    }
}

/// A recording of which any snapshot can be read.
#[derive(Debug)]
pub struct Recording<R> {
    from: R,
    header: Header,
    entries: Vec<Entry>,
    damages: Vec<Damage>,
    ended: bool,
    /// The snapshot that was read last, and its place.
    last: Option<(usize, Snapshot)>,
}

impl<R: Read + Seek> Recording<R> {
    /// Reads all of the recording once, and keeps where its sound frames are. Damaged frames are no
    /// error; [`Recording::damages`] lists them.
    ///
    /// # Errors
    ///
    /// Fails if the reader does, if it does not begin as a recording of a known version, or if no
    /// snapshot in it is whole.
    pub fn open(mut from: R) -> Result<Self, Error> {
        let mut head = [0; HEADER_LEN];
        let len = read_at(&mut from, 0, &mut head)?;
        let header = Header::parse(&head[..len])?;
        let mut recording = Self {
            from,
            header,
            entries: Vec::new(),
            damages: Vec::new(),
            ended: false,
            last: None,
        };
        recording.scan()?;
        if recording.entries.is_empty() {
            return Err(Error::Empty);
        }
        Ok(recording)
    }

    /// Returns the head of the recording.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Returns the snapshots in the order in which they were recorded. There is at least one.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns what could not be read, in the order of the file.
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// Returns whether its writer ended in good order. If not, it is still writing, or it was
    /// killed.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Reads the snapshot in place `at`, or the last one if `at` is behind it.
    ///
    /// # Errors
    ///
    /// Fails if the reader does, or if the file has changed since it was opened.
    pub fn snapshot(&mut self, at: usize) -> Result<Snapshot, Error> {
        let at = at.min(self.entries.len() - 1);
        let key = (0..=at).rev().find(|&i| self.entries[i].is_key());
        // The index keeps no frame without the ones that it needs.
        let key = key.unwrap_or(0);
        let mut last = self.last.take().filter(|(i, _)| (key..=at).contains(i));
        let from = last.as_ref().map_or(key, |(i, _)| i + 1);
        for i in from..=at {
            let old = last.map_or_else(codec::nothing, |(_, snapshot)| snapshot);
            last = Some((i, self.decode(i, &old)?));
        }
        self.last = last;
        Ok(self
            .last
            .as_ref()
            .map_or_else(codec::nothing, |(_, s)| s.clone()))
    }

    fn decode(&mut self, at: usize, old: &Snapshot) -> Result<Snapshot, Error> {
        let Entry { frame, payload } = self.entries[at];
        let broken = |why| Error::Frame {
            offset: payload - FRAME_LEN as u64,
            why,
        };
        let packed = self.payload(&frame, payload)?;
        if packed.len() < frame.packed as usize || crc32fast::hash(&packed) != frame.payload_crc {
            return Err(broken("it changed since the recording was opened"));
        }
        let mut unpacked = Vec::new();
        let limit = u64::from(frame.unpacked) + 1;
        DeflateDecoder::new(packed.as_slice())
            .take(limit)
            .read_to_end(&mut unpacked)
            .map_err(|_corrupt| broken("it does not unpack"))?;
        if unpacked.len() != frame.unpacked as usize {
            return Err(broken("it does not unpack to its length"));
        }
        let whole = codec::nothing();
        let old = if frame.is_key() { &whole } else { old };
        codec::decode(old, &unpacked).map_err(broken)
    }

    fn payload(&mut self, frame: &Frame, at: u64) -> Result<Vec<u8>, Error> {
        (self.from.seek(SeekFrom::Start(at))).map_err(Error::io("read the recording"))?;
        let mut packed = Vec::new();
        (&mut self.from)
            .take(frame.packed.into())
            .read_to_end(&mut packed)
            .map_err(Error::io("read the recording"))?;
        Ok(packed)
    }

    fn scan(&mut self) -> Result<(), Error> {
        let mut at = HEADER_LEN as u64;
        // The checksum that the next frame builds on, while nothing is missing before it.
        let mut base = None;
        loop {
            let mut head = [0; FRAME_LEN];
            let len = read_at(&mut self.from, at, &mut head)?;
            if len == 0 {
                return Ok(());
            }
            let Some(frame) = Frame::parse(&head[..len]) else {
                let next = self.search(at + 1)?;
                let why = if len < FRAME_LEN {
                    "the end of the last frame is missing"
                } else {
                    "its checksum does not match"
                };
                self.damaged(at, next - at, why);
                (at, base) = (next, None);
                continue;
            };
            let payload = at + FRAME_LEN as u64;
            let after = payload + u64::from(frame.packed);
            let packed = self.payload(&frame, payload)?;
            if packed.len() < frame.packed as usize {
                self.damaged(
                    at,
                    (len + packed.len()) as u64,
                    "the end of the last frame is missing",
                );
                return Ok(());
            }
            self.ended = frame.is_end();
            if crc32fast::hash(&packed) != frame.payload_crc {
                self.damaged(at, after - at, "the checksum of its payload does not match");
                base = None;
            } else if frame.is_key() || base == Some(frame.base) && !frame.is_end() {
                self.entries.push(Entry { frame, payload });
                base = Some(frame.payload_crc);
            } else if !frame.is_end() {
                self.damaged(at, after - at, "a frame that it builds on is missing");
                base = None;
            }
            at = after;
        }
    }

    /// Where the next sound frame begins from `at` on, or the end of the file.
    fn search(&mut self, mut at: u64) -> Result<u64, Error> {
        let mut chunk = vec![0; CHUNK + FRAME_LEN];
        loop {
            let len = read_at(&mut self.from, at, &mut chunk)?;
            let bytes = &chunk[..len];
            let sound =
                |i: &usize| bytes[*i..].starts_with(&SYNC) && Frame::parse(&bytes[*i..]).is_some();
            if let Some(i) = (0..len.min(CHUNK)).find(sound) {
                return Ok(at + i as u64);
            }
            if len <= CHUNK {
                return Ok(at + len as u64);
            }
            at += CHUNK as u64;
        }
    }

    /// Tells of damage; what adjoins the last one, for the same reason, is one with it.
    fn damaged(&mut self, offset: u64, bytes: u64, why: &'static str) {
        let full = self.damages.len() == DAMAGES_MAX;
        match self.damages.last_mut() {
            Some(last) if last.offset + last.bytes == offset && last.why == why => {
                last.bytes += bytes;
            }
            Some(last) if full => {
                last.bytes = (offset + bytes).saturating_sub(last.offset);
                last.why = "damaged in many places";
            }
            _ => self.damages.push(Damage { offset, bytes, why }),
        }
    }
}

/// Fills `buffer` from byte `at` on, as far as the file goes.
fn read_at(from: &mut (impl Read + Seek), at: u64, buffer: &mut [u8]) -> Result<usize, Error> {
    (from.seek(SeekFrom::Start(at))).map_err(Error::io("read the recording"))?;
    let mut len = 0;
    while len < buffer.len() {
        match from.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read the recording")(error)),
        }
    }
    Ok(len)
}
