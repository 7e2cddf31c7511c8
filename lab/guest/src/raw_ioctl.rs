//! The map ioctls as a hostile caller would use them, written from the ABI, not from our driver.

use std::{fs::File, os::fd::AsRawFd};

use nix::errno::Errno;

/// KABI 43's message for a regular file with simple extents.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Fmap {
    pub size: u64,
    pub file_type: u32,
    pub ext_type: u32,
    pub count: u32,
    pub reserved: u32,
    pub extents: u64,
}

/// One extent of the device.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub devindex: u64,
    pub offset: u64,
    pub len: u64,
}

nix::ioctl_write_ptr!(map_create_v2, b'u', 0x54, Fmap);

/// Maps `extents` into `file`, with whatever nonsense they hold.
pub(crate) fn map(file: &File, size: u64, extents: &[Extent]) -> Result<(), Errno> {
    let message = Fmap {
        size,
        file_type: 0,
        ext_type: 0,
        count: u32::try_from(extents.len()).unwrap(),
        reserved: 0,
        extents: extents.as_ptr().addr() as u64,
    };
    send(file, &message)
}

/// Sends a message as it is.
pub(crate) fn send(file: &File, message: &Fmap) -> Result<(), Errno> {
    // SAFETY: the message is a live struct of the ioctl's own size; the kernel checks the rest.
    unsafe { map_create_v2(file.as_raw_fd(), message) }.map(|_| ())
}
