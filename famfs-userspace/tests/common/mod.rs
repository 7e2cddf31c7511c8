//! Shared by the integration tests of the runtime.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod builder;
pub(crate) mod hostile;
pub(crate) mod model;
pub(crate) mod play;
pub(crate) mod recorded;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use famfs_media::memory::Memory;

/// CRC-32/ISO-HDLC bit by bit: nothing of the code under test is in it.
pub(crate) fn bitwise_crc(bytes: &[u8]) -> u64 {
    let mut register = 0xffff_ffff_u32;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = register & 1;
            register >>= 1;
            if carry == 1 {
                register ^= 0xedb8_8320;
            }
        }
    }
    u64::from(!register)
}

/// Device memory in a buffer, with bytes changed on top of it. Cheap to make from an
/// image that others use too.
#[derive(Clone, Debug)]
pub(crate) struct Ram {
    base: Arc<Vec<u8>>,
    changed: BTreeMap<u64, u8>,
}

impl Ram {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self::over(Arc::new(bytes))
    }

    pub(crate) fn over(base: Arc<Vec<u8>>) -> Self {
        Self {
            base,
            changed: BTreeMap::new(),
        }
    }

    fn check(&self, at: u64, len: usize) -> io::Result<()> {
        match at.checked_add(len as u64) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Memory for Ram {
    fn len(&self) -> u64 {
        self.base.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.check(at, into.len())?;
        let start = usize::try_from(at).unwrap();
        into.copy_from_slice(&self.base[start..start + into.len()]);
        for (place, byte) in self.changed.range(at..at + into.len() as u64) {
            into[usize::try_from(place - at).unwrap()] = *byte;
        }
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(at, bytes.len())?;
        self.changed.extend((at..).zip(bytes.iter().copied()));
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

    fn pause(&mut self) {}

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}
