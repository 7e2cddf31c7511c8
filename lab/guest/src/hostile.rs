//! The hostile images, as the tests of user space build them, for a device of the guest.

use std::{fs::OpenOptions, os::unix::fs::FileExt};

use crate::{
    bare::{KIB, MIB},
    fixture::Famfs,
};

#[path = "../../../famfs-userspace/tests/common/builder.rs"]
#[expect(dead_code, reason = "the images take their part of it")]
pub(crate) mod builder;
#[path = "../../../famfs-userspace/tests/common/hostile.rs"]
mod table;

pub(crate) use table::images;

/// Who made the images, as they say: with this, we are their master.
pub(crate) const HOST: &str = "30313233-3435-3637-3839-3a3b3c3d3e3f";

/// Superblock and log of an image; everything behind is zero in each.
const ENDS: [(u64, usize); 2] = [(0, 4 * KIB as usize), (2 * MIB, 16 * KIB as usize)];
const METADATA: u64 = 10 * MIB;

/// CRC-32/ISO-HDLC, bit by bit.
fn bitwise_crc(bytes: &[u8]) -> u64 {
    u64::from(!bytes.iter().fold(u32::MAX, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte), |r, _| {
            (r >> 1) ^ (0xedb8_8320 * (r & 1))
        })
    }))
}

/// The metadata of the device as a file, past every check; what was there is gone.
#[derive(Debug)]
pub(crate) struct Plate(std::fs::File);

impl Plate {
    const NAME: &'static str = "metadata";

    /// For a bare mount, whose device is all free.
    pub(crate) fn blank(famfs: &Famfs) -> Self {
        let plate = Self(famfs.mapped(Self::NAME, METADATA, &[(0, METADATA)]));
        let zeroes = vec![0; MIB as usize];
        for at in (0..METADATA).step_by(zeroes.len()) {
            plate.0.write_all_at(&zeroes, at).unwrap();
        }
        plate
    }

    /// The same again, in another bare mount.
    pub(crate) fn again(famfs: &Famfs) -> Self {
        Self(famfs.mapped(Self::NAME, METADATA, &[(0, METADATA)]))
    }

    pub(crate) fn write(&self, image: &[u8]) {
        assert_eq!(image.len() as u64, METADATA);
        for (at, len) in ENDS {
            let from = usize::try_from(at).unwrap();
            self.0.write_all_at(&image[from..from + len], at).unwrap();
        }
        let shown = ENDS.map(|(at, len)| usize::try_from(at).unwrap() + len);
        for (from, to) in [(shown[0], 2 << 20), (shown[1], image.len())] {
            assert!(image[from..to].iter().all(|b| *b == 0), "not in the ends");
        }
    }
}

/// Makes us the master of the images.
pub(crate) fn be_their_maker(path: &str) {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .unwrap();
    file.write_all_at(HOST.as_bytes(), 0).unwrap();
}
