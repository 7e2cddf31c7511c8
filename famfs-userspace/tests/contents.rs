//! The bytes of files: what is written back is exactly what was written.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{self, Write as _};

use famfs_media::memory::Memory;
use famfs_runtime::device::DataMemory;
use famfs_runtime::ops::contents;
use famfs_runtime::ops::watch::Watch;

/// Memory that writes down what is done to it.
#[derive(Default)]
struct Recorder {
    bytes: Vec<u8>,
    stored: Vec<(u64, u64)>,
    flushed: Vec<(u64, u64)>,
    /// Whether a fence followed the last flush.
    fenced: bool,
}

impl Recorder {
    fn new(len: usize) -> Self {
        Self {
            bytes: vec![0; len],
            ..Self::default()
        }
    }
}

impl Memory for Recorder {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        into.copy_from_slice(&self.bytes[at..at + into.len()]);
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(at).unwrap();
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.stored.push((at, bytes.len() as u64));
        Ok(())
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.store(at, &value.to_le_bytes())
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        self.flushed.push((at, len));
        self.fenced = false;
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        self.fenced = true;
        Ok(())
    }

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

impl DataMemory for Recorder {}

const MIB: usize = 1 << 20;

fn source(len: usize) -> (File, Vec<u8>) {
    let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    (file, bytes)
}

/// Upstream flushes the first bytes of the file for every piece, whatever the piece is.
#[test]
fn each_piece_is_flushed_where_it_was_written() {
    let len = 5 * MIB + 77;
    let (file, bytes) = source(len);
    let mut memory = Recorder::new(len);
    let watch = Watch::default();
    let pieces = [(0, 2 * MIB), (4 * MIB, MIB + 77), (2 * MIB, 2 * MIB)];
    for (at, len) in pieces {
        memory.stored.clear();
        memory.flushed.clear();
        contents::copy(&file, &mut memory, at as u64, len as u64, &watch).unwrap();
        assert_eq!(memory.stored, memory.flushed);
        let (first, last) = (memory.flushed[0], *memory.flushed.last().unwrap());
        assert_eq!((first.0, last.0 + last.1), (at as u64, (at + len) as u64));
        let sum: u64 = memory.flushed.iter().map(|(_, len)| len).sum();
        assert_eq!(sum, len as u64);
        assert!(memory.fenced);
    }
    assert!(memory.bytes == bytes);
    assert_eq!(watch.progress().0, len as u64);
}

#[test]
fn seeded_contents_are_flushed_where_they_were_written() {
    let size = 2 * MIB + 5;
    let mut memory = Recorder::new(size);
    let watch = Watch::default();
    contents::write_seeded(&mut memory, size as u64, 42, &watch).unwrap();
    assert_eq!(memory.stored, memory.flushed);
    assert!(memory.fenced);
    let found = |memory: &mut Recorder, seed| {
        contents::differs_from_seed(memory, size as u64, seed, &watch).unwrap()
    };
    assert_eq!(found(&mut memory, 42), None);
    assert_eq!(found(&mut memory, 43), Some(0));
    memory.bytes[MIB + 3] ^= 1;
    assert_eq!(found(&mut memory, 42), Some((MIB + 3) as u64));
}

#[test]
fn a_copy_is_compared_to_its_last_byte() {
    let len = MIB + 3;
    let (file, bytes) = source(len);
    let mut memory = Recorder {
        bytes,
        ..Recorder::default()
    };
    let watch = Watch::default();
    let differs =
        |memory: &mut Recorder| contents::differs(&file, memory, 0, len as u64, &watch).unwrap();
    assert_eq!(differs(&mut memory), None);
    memory.bytes[len - 1] ^= 1;
    assert_eq!(differs(&mut memory), Some(len as u64 - 1));
}

/// A source that becomes shorter is an error, and never zeroes in the copy.
#[test]
fn a_short_source_fails() {
    let (file, _) = source(MIB);
    let mut memory = Recorder::new(2 * MIB);
    let watch = Watch::default();
    let copied = contents::copy(&file, &mut memory, 0, 2 * MIB as u64, &watch);
    assert_eq!(copied.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

/// A copy that fails blames the right one.
#[test]
fn a_source_that_cannot_be_read_is_blamed() {
    let watch = Watch::default();
    // A file of the kernel says that it has a page, and has a few bytes; a folder cannot be read.
    for (path, said) in [
        (
            "/sys/devices/system/cpu/online",
            "fewer bytes than its size says",
        ),
        ("/", "Is a directory"),
    ] {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        let size = usize::try_from(len).unwrap();
        let copied = contents::copy(&file, &mut Recorder::new(size), 0, len, &watch);
        let compared = contents::differs(&file, &mut Recorder::new(size), 0, len, &watch);
        for error in [copied.unwrap_err(), compared.unwrap_err()] {
            let fault = contents::SourceFault::of(&error).map(ToString::to_string);
            assert!(
                fault.is_some_and(|fault| fault.contains(said)),
                "{path}: {error}"
            );
        }
    }
}

#[test]
fn a_signal_ends_the_copy_between_two_chunks() {
    let (file, _) = source(3 * MIB);
    let mut memory = Recorder::new(3 * MIB);
    let watch = Watch::default();
    watch
        .signal_slot()
        .store(2, std::sync::atomic::Ordering::Relaxed);
    contents::copy(&file, &mut memory, 0, 3 * MIB as u64, &watch).unwrap_err();
    assert!(memory.stored.is_empty());
    assert_eq!(watch.signal(), Some(2));
}
