//! What any famfs kernel interface can do, without its numbers and structs.

use std::io;
use std::os::fd::BorrowedFd;

use super::{Error, kabi43};
use crate::media::Extent;

/// What a file of a famfs mount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    Regular,
    Superblock,
    Log,
}

/// One piece of the mount's own device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simple {
    pub offset: u64,
    pub len: u64,
}

/// A map as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelMap {
    pub size: u64,
    pub file_type: u32,
    pub ext_type: u32,
    pub extents: Vec<Extent>,
    /// Of an interleaved map.
    pub chunk_size: Option<u64>,
}

/// Where the module says which interface it speaks.
const VERSION_FILE: &str = "/sys/module/famfs/parameters/famfs_kabi_version";

/// Fails unless the module speaks an interface that this tool speaks.
pub fn check_version() -> Result<(), Error> {
    let Ok(text) = std::fs::read_to_string(VERSION_FILE) else {
        return Ok(()); // no such parameter: the first ioctl will tell
    };
    match text.trim().parse() {
        Ok(42 | 43) | Err(_) => Ok(()),
        Ok(found) => Err(Error::Kabi { found }),
    }
}

/// Maps one of the two metadata files.
pub fn map_meta(file: BorrowedFd<'_>, file_type: FileType, at: Simple) -> io::Result<()> {
    kabi43::map_create(file, file_type, at)
}

/// Gives a regular file its size and its extents.
pub fn map_file(file: BorrowedFd<'_>, size: u64, extents: &[Extent]) -> io::Result<()> {
    kabi43::map_create_v2(file, size, extents)
}

/// The map of a file; `None` for a file of a famfs mount that has none.
pub fn get_map(file: BorrowedFd<'_>) -> io::Result<Option<KernelMap>> {
    kabi43::map_get(file)
}

/// Whether the file lives in a famfs mount.
pub fn is_famfs(file: BorrowedFd<'_>) -> bool {
    kabi43::nop(file)
}
