//! An image: a regular file that holds a device, or its first bytes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Access, Device, Error, io_error};
use famfs_media::memory::{Memory, check_range};

/// Positional I/O; the page cache keeps it coherent with every mapping on this host,
/// and a file that shrinks is an error here, not a signal.
#[derive(Debug)]
pub struct ImageFile {
    file: File,
    len: u64,
}

pub fn open(path: &Path, access: Access) -> Result<Device, Error> {
    let writable = access != Access::Read;
    let file = OpenOptions::new()
        .read(true)
        .write(writable)
        .open(path)
        .map_err(io_error("open", path))?;
    let len = file.metadata().map_err(io_error("look at", path))?.len();
    let memory = Box::new(ImageFile { file, len });
    Ok(Device {
        path: path.to_owned(),
        size: len,
        is_memory: false,
        memory,
    })
}

impl Memory for ImageFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        check_range(at, into.len(), self.len)?;
        self.file.read_exact_at(into, at)
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        check_range(at, bytes.len(), self.len)?;
        self.file.write_all_at(bytes, at)
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.store(at, &value.to_le_bytes())
    }

    fn flush(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}
