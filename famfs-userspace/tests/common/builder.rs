//! Writes images byte by byte from the offsets of the format. It shares no code with
//! the writer in `src/media`, so that neither can hide the other's mistake.

use super::bitwise_crc;

pub(crate) const MIB: u64 = 1 << 20;
/// Where the log starts.
pub(crate) const LOG: usize = 2 << 20;
/// The first byte behind the log.
pub(crate) const DATA: u64 = 10 * MIB;
pub(crate) const DEVICE: u64 = 64 * MIB;
pub(crate) const ENTRY: usize = 544;
pub(crate) const ENTRY_46: usize = 328;

pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

pub(crate) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    put(bytes, at, &value.to_le_bytes());
}

pub(crate) fn put64(bytes: &mut [u8], at: usize, value: u64) {
    put(bytes, at, &value.to_le_bytes());
}

/// Puts the checksum of what lies before `at` there.
pub(crate) fn seal(bytes: &mut [u8], at: usize) {
    let sum = bitwise_crc(&bytes[..at]);
    put64(bytes, at, sum);
}

/// The first 10 MiB of a 64 MiB device.
#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) image: Vec<u8>,
    entry_size: usize,
    entries: u64,
}

impl Builder {
    /// Version 48, OMF 2.2, units of 2 MiB, a log of 8 MiB.
    pub(crate) fn new() -> Self {
        let mut sb = [0_u8; 200];
        put64(&mut sb, 0, 0x87b2_82ff);
        put64(&mut sb, 8, 48);
        put64(&mut sb, 16, 2 * MIB);
        put64(&mut sb, 24, 8 * MIB);
        put64(&mut sb, 32, 2 * MIB);
        put32(&mut sb, 40, 2);
        put32(&mut sb, 44, 2);
        put(&mut sb, 48, &(0x10..0x20).collect::<Vec<u8>>());
        put(&mut sb, 64, &(0x20..0x30).collect::<Vec<u8>>());
        put(&mut sb, 80, &(0x30..0x40).collect::<Vec<u8>>());
        seal(&mut sb, 96);
        put64(&mut sb, 112, DEVICE);
        put(&mut sb, 136, b"/dev/pmem0");
        let mut builder = Self {
            image: vec![0; 10 << 20],
            entry_size: ENTRY,
            entries: 0,
        };
        put(&mut builder.image, 0, &sb);
        builder.header(15_419);
        builder
    }

    /// Version 46 of April 2024.
    pub(crate) fn v46() -> Self {
        let mut sb = [0_u8; 168];
        put64(&mut sb, 0, 0x87b2_82ff);
        put64(&mut sb, 8, 46);
        put64(&mut sb, 16, 2 * MIB);
        put64(&mut sb, 24, 8 * MIB);
        put(&mut sb, 32, &(0x10..0x20).collect::<Vec<u8>>());
        put(&mut sb, 48, &(0x30..0x40).collect::<Vec<u8>>());
        seal(&mut sb, 64);
        put32(&mut sb, 72, 1);
        put64(&mut sb, 80, DEVICE);
        put(&mut sb, 104, b"/dev/dax0.0");
        let mut builder = Self {
            image: vec![0; 10 << 20],
            entry_size: ENTRY_46,
            entries: 0,
        };
        put(&mut builder.image, 0, &sb);
        builder.header(25_573);
        builder
    }

    fn header(&mut self, last_index: u64) {
        let mut header = [0_u8; 48];
        put64(&mut header, 0, 0xbad_cafe_f00d);
        put64(&mut header, 8, 8 * MIB);
        put64(&mut header, 16, last_index);
        seal(&mut header, 24);
        put(&mut self.image, LOG, &header);
    }

    pub(crate) fn entry_at(&self, index: u64) -> usize {
        LOG + 48 + usize::try_from(index).unwrap() * self.entry_size
    }

    /// Appends an entry as it is, number and checksum added, and counts it.
    pub(crate) fn push(&mut self, mut entry: Vec<u8>) -> &mut Self {
        put64(&mut entry, 0, self.entries);
        seal(&mut entry, self.entry_size - 8);
        let at = self.entry_at(self.entries);
        put(&mut self.image, at, &entry);
        self.entries += 1;
        put64(&mut self.image, LOG + 32, self.entries);
        put64(&mut self.image, LOG + 40, self.entries);
        self
    }

    pub(crate) fn mkdir(&mut self, path: &[u8]) -> &mut Self {
        let mut entry = vec![0; self.entry_size];
        put32(&mut entry, 8, 1);
        put32(&mut entry, 24, 0o755);
        put(&mut entry, 28, path);
        self.push(entry)
    }

    pub(crate) fn file(&mut self, path: &[u8], size: u64, extents: &[(u64, u64)]) -> &mut Self {
        let entry = file_entry(path, size, extents);
        self.push(entry)
    }

    pub(crate) fn file46(&mut self, path: &[u8], size: u64, extents: &[(u64, u64)]) -> &mut Self {
        let mut entry = vec![0; ENTRY_46];
        put64(&mut entry, 16, size);
        put32(&mut entry, 24, u32::try_from(extents.len()).unwrap());
        put32(&mut entry, 28, 2);
        put32(&mut entry, 40, 0o644);
        put(&mut entry, 44, path);
        for (i, (offset, len)) in extents.iter().enumerate() {
            put64(&mut entry, 128 + i * 24 + 8, *offset);
            put64(&mut entry, 128 + i * 24 + 16, *len);
        }
        self.push(entry)
    }

    /// A few folders and files, as a sound log has them.
    pub(crate) fn sample() -> Self {
        let mut builder = Self::new();
        builder
            .mkdir(b"d")
            .file(b"one", 1, &[(DATA, 2 * MIB)])
            .file(b"d/two", 3 * MIB, &[(DATA + 2 * MIB, 4 * MIB)])
            .mkdir(b"d/e")
            .file(
                b"d/e/three",
                6 * MIB,
                &[(DATA + 8 * MIB, 2 * MIB), (DATA + 20 * MIB, 4 * MIB)],
            );
        builder
    }
}

/// A FILE entry with a simple map, mode 644, owned by 1000:1001.
pub(crate) fn file_entry(path: &[u8], size: u64, extents: &[(u64, u64)]) -> Vec<u8> {
    let mut entry = vec![0; ENTRY];
    put64(&mut entry, 16, size);
    put32(&mut entry, 24, 2);
    put32(&mut entry, 28, 1000);
    put32(&mut entry, 32, 1001);
    put32(&mut entry, 36, 0o644);
    put(&mut entry, 40, path);
    put32(&mut entry, 128, u32::try_from(extents.len()).unwrap());
    for (i, (offset, len)) in extents.iter().enumerate() {
        put64(&mut entry, 136 + i * 24 + 8, *offset);
        put64(&mut entry, 136 + i * 24 + 16, *len);
    }
    entry
}

/// A FILE entry with an interleaved map.
pub(crate) fn interleaved_entry(path: &[u8], size: u64, chunk: u64, strips: &[u64]) -> Vec<u8> {
    let mut entry = file_entry(path, size, &[]);
    put32(&mut entry, 120, 1);
    put32(&mut entry, 128, 1);
    put64(&mut entry, 136, strips.len() as u64);
    put64(&mut entry, 144, chunk);
    for (i, offset) in strips.iter().enumerate() {
        put64(&mut entry, 152 + i * 24 + 8, *offset);
        put64(&mut entry, 152 + i * 24 + 16, 2 * MIB);
    }
    entry
}
