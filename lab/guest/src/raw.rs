//! The ioctls as any caller may use them: bytes written from the ABI, not from our driver.

pub(crate) mod golden;
pub(crate) mod v1;
pub(crate) mod v2;
pub(crate) mod v44;

use std::{fs::File, os::fd::AsRawFd};

use nix::{errno::Errno, libc};

pub(crate) use self::v2::Extent;

/// An address that no process has mapped.
pub(crate) const NOWHERE: u64 = 8;

pub(crate) const NOP_43: u32 = 0x7553;
pub(crate) const NOP_44: u32 = 0x7550;

/// Calls an ioctl with this argument, whatever it is.
pub(crate) fn call(file: &File, number: u32, argument: u64) -> Result<(), Errno> {
    // SAFETY: the kernel checks the pointer; buffers that it may write to are the callers' own.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), u64::from(number), argument) };
    let value = Errno::result(result)?;
    assert_eq!(value, 0, "ioctl {number:#x} returned a number");
    Ok(())
}

/// Sends these bytes.
pub(crate) fn send(file: &File, number: u32, message: &[u8]) -> Result<(), Errno> {
    call(file, number, message.as_ptr().addr() as u64)
}

/// Reads a reply of this many bytes. What the kernel leaves alone is 0xaa.
pub(crate) fn receive(file: &File, number: u32, size: usize) -> Result<Vec<u8>, Errno> {
    let mut reply = vec![0xaa; size];
    call(file, number, reply.as_mut_ptr().addr() as u64)?;
    Ok(reply)
}

/// Words of an ABI message, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes(pub Vec<u8>);

impl Bytes {
    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }
}

/// The three ways to give a file its map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    V1,
    V2,
    V44,
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::V1, Self::V2, Self::V44];

    /// The number of its `MAP_CREATE`.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::V1 => v1::MAP_CREATE,
            Self::V2 => v2::MAP_CREATE,
            Self::V44 => v44::MAP_CREATE,
        }
    }

    /// Maps simple extents.
    pub(crate) fn map(
        self,
        file: &File,
        file_type: u32,
        size: u64,
        extents: &[Extent],
    ) -> Result<(), Errno> {
        match self {
            Self::V1 => send(
                file,
                v1::MAP_CREATE,
                &v1::message(0, file_type, size, extents.len() as u64, extents),
            ),
            Self::V2 => {
                let list = v2::list(extents);
                let count = u32::try_from(extents.len()).unwrap();
                let message =
                    v2::message(size, file_type, 0, count, 0, list.as_ptr().addr() as u64);
                send(file, v2::MAP_CREATE, &message)
            }
            Self::V44 => send(
                file,
                v44::MAP_CREATE,
                &v44::simple(u8::try_from(file_type).unwrap(), size, extents),
            ),
        }
    }
}
