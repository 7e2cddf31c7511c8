//! Shared by the integration tests of the runtime.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io;

use famfs_userspace::device::Memory;

/// Device memory in a buffer.
#[derive(Clone, Debug)]
pub(crate) struct Ram(pub(crate) Vec<u8>);

impl Ram {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    fn range(&self, at: u64, len: usize) -> io::Result<std::ops::Range<usize>> {
        let at = usize::try_from(at).unwrap();
        match at.checked_add(len) {
            Some(end) if end <= self.0.len() => Ok(at..end),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Memory for Ram {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        into.copy_from_slice(&self.0[self.range(at, into.len())?]);
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let range = self.range(at, bytes.len())?;
        self.0[range].copy_from_slice(bytes);
        Ok(())
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.store(at, &value.to_le_bytes())
    }

    fn flush(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}
