//! The hostile images, as the tests of user space build them, for a device of the guest.

use std::{fs::File, os::unix::fs::FileExt};

use crate::{
    bare::{MIB, PAGE},
    fixture::Famfs,
    raw::{Form, v2},
};

#[path = "../../../famfs-userspace/tests/common/builder.rs"]
#[expect(dead_code, reason = "the images take their part of it")]
pub(crate) mod builder;
#[path = "../../../famfs-userspace/tests/common/hostile.rs"]
mod table;

pub(crate) use table::images;

/// Who made the images, as they say: with this, we are their master.
pub(crate) const HOST: &str = "30313233-3435-3637-3839-3a3b3c3d3e3f";

/// Bytes at the start of superblock and log that are not zero in an image.
const ENDS: [usize; 2] = [4 << 10, 16 << 10];
const METADATA: u64 = 10 * MIB;

/// CRC-32/ISO-HDLC, bit by bit.
pub(crate) fn bitwise_crc(bytes: &[u8]) -> u64 {
    u64::from(!bytes.iter().fold(u32::MAX, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte), |r, _| {
            (r >> 1) ^ (0xedb8_8320 * (r & 1))
        })
    }))
}

/// The same by a table, for the megabytes of a full log.
pub(crate) fn table_crc(bytes: &[u8]) -> u64 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0_u32;
        while index < 256 {
            let mut register = index;
            let mut bit = 0;
            while bit < 8 {
                register = (register >> 1) ^ (0xedb8_8320 * (register & 1));
                bit += 1;
            }
            table[index as usize] = register;
            index += 1;
        }
        table
    };
    u64::from(!bytes.iter().fold(u32::MAX, |register, byte| {
        let [low, ..] = register.to_le_bytes();
        (register >> 8) ^ TABLE[usize::from(low ^ byte)]
    }))
}

/// The metadata of the device, past every check but the module's.
#[derive(Debug)]
pub(crate) struct Plate([File; 2]);

impl Plate {
    /// Name, file type of the ABI, place and length of superblock and log.
    const PARTS: [(&str, u32, u64, u64); 2] = [
        ("superblock", 1, 0, 2 * MIB),
        ("log", 2, 2 * MIB, METADATA - 2 * MIB),
    ];

    /// Makes the files in a bare mount, whose device is free.
    pub(crate) fn open(famfs: &Famfs) -> Self {
        Self(Self::PARTS.map(|(name, file_type, at, len)| {
            let file = famfs.blank(name);
            Form::V2
                .map(&file, file_type, len, &[v2::extent(at, len)])
                .unwrap_or_else(|errno| panic!("cannot map the {name}: {errno}"));
            file
        }))
    }

    /// The same, with everything in it gone.
    pub(crate) fn blank(famfs: &Famfs) -> Self {
        let plate = Self::open(famfs);
        let zeroes = vec![0; 1 << 20];
        for (file, (.., len)) in plate.0.iter().zip(Self::PARTS) {
            for at in (0..len).step_by(zeroes.len()) {
                file.write_all_at(&zeroes, at).unwrap();
            }
        }
        plate
    }

    /// Writes an image; behind its ends, everything must be blank.
    pub(crate) fn write(&self, image: &[u8]) {
        assert_eq!(image.len() as u64, METADATA);
        for ((file, (.., at, len)), end) in self.0.iter().zip(Self::PARTS).zip(ENDS) {
            let [at, len] = [at, len].map(|bytes| usize::try_from(bytes).unwrap());
            let (end, rest) = image[at..at + len].split_at(end);
            file.write_all_at(end, 0).unwrap();
            // By pages: there are 76 images of 10 MiB each.
            let blank = [0; PAGE];
            let mut pages = rest.chunks_exact(PAGE);
            assert!(pages.all(|page| page == blank), "more than its ends");
            assert!(pages.remainder().is_empty());
        }
    }
}

/// Makes us the master of the images.
pub(crate) fn be_their_maker(path: &str) {
    std::fs::write(path, HOST).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_checksums_are_one() {
        for bytes in [&b""[..], b"\0", b"123456789", &[0xff; 544]] {
            assert_eq!(table_crc(bytes), bitwise_crc(bytes));
        }
        assert_eq!(table_crc(b"123456789"), 0xcbf4_3926);
    }
}
