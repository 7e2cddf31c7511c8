//! What can be done with the bytes of files that are there: verify, flush, read twice.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;

use super::watch::Watch;
use super::{Error, contents, failed, refused, stale};
use crate::device::map::{Loads, Mapping};
use famfs_media::memory::Memory;

/// Whether a file holds the stream of `seed`; if not, its first byte that differs. It
/// only reads, so a client may ask.
pub fn verify(path: &Path, seed: u32, watch: &Watch) -> Result<Option<u64>, Error> {
    let (file, size) = open(path)?;
    if size == 0 {
        return Err(refused(path, "it is empty"));
    }
    Mapping::new(file, size, Loads::Read, false)
        .and_then(|mut map| contents::differs_from_seed(&mut map, size, seed, watch))
        .map_err(failed("verify", path))
}

/// Writes back what this host has changed of a file, and drops what it has cached.
pub fn flush(path: &Path) -> Result<(), Error> {
    let (file, size) = open(path)?;
    if size == 0 {
        return Ok(());
    }
    contents::flush_all(file, size).map_err(failed("flush", path))
}

/// The first byte of a file that a read and a mapping do not show alike.
pub fn reads_alike(path: &Path, watch: &Watch) -> Result<Option<u64>, Error> {
    const CHUNK: u64 = 1 << 20;
    let (file, size) = open(path)?;
    if size == 0 {
        return Err(refused(path, "it is empty"));
    }
    let compare = || -> io::Result<Option<u64>> {
        let map = Mapping::new(file.try_clone()?, size, Loads::Copy, false)?;
        let (mut read, mut mapped) = (Vec::new(), Vec::new());
        for at in (0..size).step_by(1 << 20) {
            watch.go_on()?;
            let len = usize::try_from(CHUNK.min(size - at)).map_err(io::Error::other)?;
            read.resize(len, 0);
            mapped.resize(len, 0);
            // The read comes first: memory that failed is an error there.
            file.read_exact_at(&mut read, at)?;
            map.load(at, &mut mapped)?;
            if let Some(i) = read.iter().zip(&mapped).position(|(a, b)| a != b) {
                return Ok(Some(at + i as u64));
            }
            watch.add(len as u64);
        }
        Ok(None)
    };
    compare().map_err(failed("read", path))
}

/// Whether a file starts with a number, as superblock and log do.
pub fn starts_with(path: &Path, magic: u64) -> Result<bool, Error> {
    let (file, size) = open(path)?;
    let mut found = [0; 8];
    if size < found.len() as u64 {
        return Ok(false);
    }
    file.read_exact_at(&mut found, 0)
        .map_err(failed("read", path))?;
    Ok(u64::from_le_bytes(found) == magic)
}

/// Opens a regular file for reading.
fn open(path: &Path) -> Result<(File, u64), Error> {
    let meta = std::fs::metadata(path).map_err(failed("look at", path))?;
    let kind = meta.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "a folder"
        } else if kind.is_block_device() || kind.is_char_device() {
            "a device"
        } else {
            "no file"
        };
        return Err(refused(path, format!("it is {what}, not a regular file")));
    }
    let file = File::open(path).map_err(failed("open", path))?;
    stale::check_file(&file.metadata().map_err(failed("look at", path))?, path)?;
    Ok((file, meta.len()))
}
