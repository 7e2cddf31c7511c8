//! The metadata of a file system in a buffer of this process.

use std::io::{self, Read};

use crate::format::superblock::SIZE;
use crate::format::{
    Body, LOG_LEN_MAX, LOG_LEN_MIN, LOG_OFFSET, LogHeader, Super, Superblock, UNIT_2M,
};
use crate::memory::{Memory, check_range};
use crate::writer;

/// The first bytes of a device, up to the end of the log or further.
///
/// It is the simplest [`Memory`]: nobody else sees it, so there is nothing to flush or to wait for.
#[derive(Clone, Debug, Default)]
pub struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Makes an empty file system for a device of `dev_size` bytes, with the log and the allocation
    /// unit that mkfs makes by default and without any identity.
    ///
    /// # Errors
    ///
    /// Returns the error of a store, which cannot happen as the buffer is long enough.
    pub fn formatted(dev_size: u64) -> io::Result<Self> {
        let len = usize::try_from(LOG_OFFSET + LOG_LEN_MIN).map_err(io::Error::other)?;
        let mut image = Self {
            bytes: vec![0; len],
        };
        let superblock = Superblock::new(dev_size, LOG_LEN_MIN, UNIT_2M);
        writer::format(&mut image, &superblock)?;
        Ok(image)
    }

    /// Reads the metadata of a file system from the start of a file or a device, and no more: the
    /// superblock says how long the log is, and is believed up to [`LOG_LEN_MAX`].
    ///
    /// Bytes that are not a file system are no error here; [`crate::volume::Volume::check`] says what
    /// is wrong with them.
    ///
    /// # Errors
    ///
    /// Returns the error of the reader.
    pub fn read(mut reader: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        reader.by_ref().take(LOG_OFFSET).read_to_end(&mut bytes)?;
        let mut head = [0; SIZE];
        let there = bytes.len().min(SIZE);
        head[..there].copy_from_slice(&bytes[..there]);
        let log_len = Super::parse(&head).log_len().min(LOG_LEN_MAX);
        reader.take(log_len).read_to_end(&mut bytes)?;
        Ok(Self { bytes })
    }

    /// Adds an entry to the log, and returns the number of its slot.
    ///
    /// # Errors
    ///
    /// Returns `UnexpectedEof` if the log is full or is not in the buffer.
    pub fn append(&mut self, body: &Body) -> io::Result<u64> {
        let memory: &mut dyn Memory = self;
        let index = LogHeader::parse(&memory.load_array(LOG_OFFSET)?).next_index;
        writer::append_all(memory, index, [body])?;
        Ok(index)
    }

    /// Returns the bytes, from the start of the device.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the checked range of the buffer.
    fn range(&self, at: u64, len: usize) -> io::Result<std::ops::Range<usize>> {
        check_range(at, len, self.len())?;
        let start = usize::try_from(at).map_err(io::Error::other)?;
        Ok(start..start + len)
    }
}

impl From<Vec<u8>> for Image {
    /// Takes bytes as they are, from the start of a device.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

impl Memory for Image {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        into.copy_from_slice(&self.bytes[self.range(at, into.len())?]);
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let range = self.range(at, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.store(at, &value.to_le_bytes())
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.range(at, len).map(drop)
    }

    fn fence(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Returns at once: there is no other writer to wait for.
    fn pause(&mut self) {}

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Dir, PathField};
    use crate::volume::Volume;

    fn folder(name: &[u8]) -> Body {
        Body::Mkdir(Dir {
            uid: 1,
            gid: 2,
            mode: 0o755,
            path: PathField::new(name).unwrap(),
        })
    }

    #[test]
    fn what_is_appended_is_read_again_from_a_longer_file() {
        let mut image = Image::formatted(64 << 20).unwrap();
        assert_eq!(image.append(&folder(b"a")).unwrap(), 0);
        assert_eq!(image.append(&folder(b"a/b")).unwrap(), 1);
        let mut bytes = image.into_bytes();
        let metadata = bytes.len();
        bytes.resize(metadata + 4096, 0xee);
        let mut image = Image::read(&bytes[..]).unwrap();
        assert_eq!(image.len(), metadata as u64);
        let volume = Volume::load(&mut image).unwrap();
        volume.check().unwrap();
        let bodies: Vec<_> = volume.slots().map(|slot| slot.entry.body).collect();
        assert_eq!(bodies, [folder(b"a"), folder(b"a/b")]);
    }

    #[test]
    fn bytes_of_anything_are_read_and_found_wanting() {
        let mut claims_all = vec![0; 4096];
        claims_all[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        for bytes in [vec![], vec![0xff; 100], claims_all, vec![0xff; 3 << 20]] {
            let mut image = Image::read(&bytes[..]).unwrap();
            assert_eq!(image.len(), bytes.len() as u64);
            let volume = Volume::load(&mut image);
            assert!(volume.is_err() || volume.is_ok_and(|volume| volume.check().is_err()));
        }
    }

    #[test]
    fn a_full_log_takes_no_more() {
        let mut image = Image::formatted(64 << 20).unwrap();
        let memory: &mut dyn Memory = &mut image;
        memory.publish(LOG_OFFSET + 40, 15_420).unwrap();
        let error = image.append(&folder(b"a")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
