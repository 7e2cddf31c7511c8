//! The bytes of a file: written, flushed exactly where they were written, read back.

use std::fs::File;
use std::io;

use famfs_media::memory::Memory as _;

use super::fill::Stream;
use super::watch::Watch;
use crate::device::data::DataMemory;
use crate::device::map::{Loads, Mapping};
use crate::device::source::Source;

/// Written, then flushed while the lines are still in the cache.
const CHUNK: u64 = 1 << 20;

/// Copies `[at, at + len)` of `source` to the same place of `to`. When it returns, the
/// memory has it: a fence waits for the write-backs of its own thread alone, and the
/// thread that logs the file may be another.
pub fn copy(
    source: &File,
    to: &mut dyn DataMemory,
    at: u64,
    len: u64,
    watch: &Watch,
) -> io::Result<()> {
    let mapped = Source::map(source, at, len);
    for (at, len) in chunks(at, len)? {
        watch.go_on()?;
        let copied = match &mapped {
            Some(mapped) => to.stream(at, len, mapped, at),
            None => to
                .fill(at, len, source, at)
                .map_err(of_source)
                .and_then(|()| to.flush(at, len as u64)),
        };
        // Asked after success too: see below.
        still_there(source, at + len as u64)?;
        copied?;
        watch.add(len as u64);
    }
    to.fence()
}

/// What is wrong with the source of a copy, not with its target.
#[derive(Debug, thiserror::Error)]
pub enum SourceFault {
    #[error("it became shorter while it was copied")]
    Shorter,
    #[error("it has fewer bytes than its size says")]
    Short,
    #[error("{0}")]
    Read(io::Error),
}

impl SourceFault {
    /// The one in an I/O error.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Says of an error of [`DataMemory::fill`] whether the source is its reason.
fn of_source(error: io::Error) -> io::Error {
    let kind = error.kind();
    match error.raw_os_error() {
        // The kernel could not write to the target.
        Some(libc::EFAULT) => error,
        Some(_) => io::Error::new(kind, SourceFault::Read(error)),
        None if kind == io::ErrorKind::UnexpectedEof => io::Error::new(kind, SourceFault::Short),
        None => error,
    }
}

/// Fails where a file has become shorter: its last page then shows zeroes to a mapping, and
/// those behind it are a SIGBUS.
fn still_there(source: &File, end: u64) -> io::Result<()> {
    if source.metadata()?.len() < end {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            SourceFault::Shorter,
        ));
    }
    Ok(())
}

/// Writes the stream of `seed` to the first `size` bytes of `to`.
pub fn write_seeded(
    to: &mut dyn DataMemory,
    size: u64,
    seed: u32,
    watch: &Watch,
) -> io::Result<()> {
    let mut stream = Stream::new(seed);
    let mut bytes = Vec::new();
    for (at, len) in chunks(0, size)? {
        watch.go_on()?;
        bytes.resize(len, 0);
        stream.fill(&mut bytes);
        to.stream_bytes(at, &bytes)?;
        watch.add(len as u64);
    }
    to.fence()
}

/// The first byte of `from` that is not the stream's; `None` when all are.
pub fn differs_from_seed(
    from: &mut dyn DataMemory,
    size: u64,
    seed: u32,
    watch: &Watch,
) -> io::Result<Option<u64>> {
    let mut stream = Stream::new(seed);
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    for (at, len) in chunks(0, size)? {
        watch.go_on()?;
        wanted.resize(len, 0);
        found.resize(len, 0);
        stream.fill(&mut wanted);
        // Another host may have written it since this one read it.
        from.invalidate(at, len as u64)?;
        from.load(at, &mut found)?;
        if let Some(i) = first_difference(&wanted, &found) {
            return Ok(Some(at + i));
        }
        watch.add(len as u64);
    }
    Ok(None)
}

/// The first byte of `[at, at + len)` that `source` and `to` do not share.
pub fn differs(
    source: &File,
    to: &mut dyn DataMemory,
    at: u64,
    len: u64,
    watch: &Watch,
) -> io::Result<Option<u64>> {
    use std::os::unix::fs::FileExt;
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    for (at, len) in chunks(at, len)? {
        watch.go_on()?;
        wanted.resize(len, 0);
        found.resize(len, 0);
        source.read_exact_at(&mut wanted, at).map_err(of_source)?;
        to.invalidate(at, len as u64)?;
        to.load(at, &mut found)?;
        if let Some(i) = first_difference(&wanted, &found) {
            return Ok(Some(at + i));
        }
        watch.add(len as u64);
    }
    Ok(None)
}

/// Drops every cached line of a file, after writing back those that are dirty.
pub fn flush_all(file: File, size: u64) -> io::Result<()> {
    let mut map = Mapping::new(file, size, Loads::Read, false)?;
    for (at, len) in chunks(0, size)? {
        map.invalidate(at, len as u64)?;
    }
    Ok(())
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<u64> {
    if a == b {
        return None;
    }
    a.iter().zip(b).position(|(a, b)| a != b).map(|i| i as u64)
}

fn chunks(at: u64, len: u64) -> io::Result<impl Iterator<Item = (u64, usize)>> {
    let end = at.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
    let step = usize::try_from(CHUNK).map_err(io::Error::other)?;
    Ok((at..end)
        .step_by(step)
        .map(move |at| (at, usize::try_from(CHUNK.min(end - at)).unwrap_or(step))))
}
