//! A pmem block device, written past the page cache.
//!
//! A buffered write would leave pages of the block device cached over memory that a
//! mounted famfs then changes; a later raw read would show those old pages. `O_DIRECT`
//! goes to the driver, which copies with non-temporal stores.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Access, Device, Error, io_error};
use famfs_media::memory::{Memory, check_range};

/// What direct I/O is aligned to.
const BLOCK: usize = 4096;

#[derive(Debug)]
pub struct BlockDevice {
    file: File,
    len: u64,
}

pub fn open(path: &Path, rdev: u64, access: Access) -> Result<Device, Error> {
    if !has_dax(rdev) {
        return Err(Error::NoDax {
            path: path.to_owned(),
        });
    }
    let writable = access != Access::Read;
    // O_EXCL on a block device fails while a file system holds it.
    let exclusive = if writable { libc::O_EXCL } else { 0 };
    let file = OpenOptions::new()
        .read(true)
        .write(writable)
        .custom_flags(libc::O_DIRECT | exclusive)
        .open(path)
        .map_err(|e| match e.raw_os_error() {
            Some(libc::EBUSY) => Error::InUse {
                path: path.to_owned(),
            },
            _ => io_error("open", path)(e),
        })?;
    let len = size(path)?;
    let memory = Box::new(BlockDevice { file, len });
    Ok(Device {
        path: path.to_owned(),
        size: len,
        is_memory: true,
        memory,
    })
}

/// Bytes of the block device. Sysfs tells it to anyone, the device only to who may open it.
pub fn size(path: &Path) -> Result<u64, Error> {
    const SECTOR: u64 = 512;
    let rdev = std::fs::metadata(path)
        .map_err(io_error("look at", path))?
        .rdev();
    let (major, minor) = (libc::major(rdev), libc::minor(rdev));
    let size = PathBuf::from(format!("/sys/dev/block/{major}:{minor}/size"));
    let text = std::fs::read_to_string(&size).map_err(io_error("read", &size))?;
    let sectors = text.trim().parse::<u64>().ok();
    sectors
        .and_then(|sectors| sectors.checked_mul(SECTOR))
        .ok_or_else(|| Error::Io {
            action: "understand the size of",
            path: path.to_owned(),
            source: io::ErrorKind::InvalidData.into(),
        })
}

fn has_dax(rdev: u64) -> bool {
    let dir = format!("/sys/dev/block/{}:{}", libc::major(rdev), libc::minor(rdev));
    // A partition's queue is its parent's.
    [format!("{dir}/queue/dax"), format!("{dir}/../queue/dax")]
        .iter()
        .any(|f| std::fs::read_to_string(f).is_ok_and(|s| s.trim() == "1"))
}

/// The blocks that hold `[at, at + count)`, read into an aligned buffer.
struct Blocks {
    buffer: Vec<u8>,
    align: usize,
    len: usize,
    /// Where the first block starts on the device.
    start: u64,
    /// Where the range starts in the blocks.
    skip: usize,
}

impl Blocks {
    fn around(at: u64, count: usize) -> Self {
        let skip = usize::try_from(at % BLOCK as u64).unwrap_or(0);
        let len = (skip + count).next_multiple_of(BLOCK);
        let buffer = vec![0; len + BLOCK];
        let align = buffer.as_ptr().align_offset(BLOCK);
        Self {
            buffer,
            align,
            len,
            start: at - skip as u64,
            skip,
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.buffer[self.align..self.align + self.len]
    }

    fn range(&mut self, count: usize) -> &mut [u8] {
        let from = self.align + self.skip;
        &mut self.buffer[from..from + count]
    }
}

impl BlockDevice {
    fn read(&self, at: u64, count: usize) -> io::Result<Blocks> {
        check_range(at, count, self.len)?;
        let mut blocks = Blocks::around(at, count);
        let start = blocks.start;
        self.file.read_exact_at(blocks.bytes(), start)?;
        Ok(blocks)
    }
}

impl Memory for BlockDevice {
    fn len(&self) -> u64 {
        self.len
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        into.copy_from_slice(self.read(at, into.len())?.range(into.len()));
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut blocks = self.read(at, bytes.len())?;
        blocks.range(bytes.len()).copy_from_slice(bytes);
        let start = blocks.start;
        self.file.write_all_at(blocks.bytes(), start)
    }

    /// The driver copies eight aligned bytes at a time, and all others of the block
    /// stay what they were.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_range() {
        let mut blocks = Blocks::around(0x20_0020, 16);
        assert_eq!(
            (blocks.start, blocks.len, blocks.skip),
            (0x20_0000, 4096, 32)
        );
        assert_eq!(blocks.bytes().as_ptr().align_offset(BLOCK), 0);
        let blocks = Blocks::around(4095, 2);
        assert_eq!((blocks.start, blocks.len, blocks.skip), (0, 8192, 4095));
        let blocks = Blocks::around(4096, 4096);
        assert_eq!((blocks.start, blocks.len, blocks.skip), (4096, 4096, 0));
    }
}
