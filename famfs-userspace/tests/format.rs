//! What our mkfs writes, byte by byte, against offsets and checksums that are literals
//! or come from the bitwise checksum of the tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::bitwise_crc;
use famfs_runtime::ops::mkfs::{Made, Options, kill, mkfs};
use tempfile::TempDir;
use uuid::Uuid;

const MIB: u64 = 1 << 20;
const HOST: &str = "0f0e0d0c-0b0a-0908-0706-050403020100";

fn image(size: u64, garbage: usize) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("img");
    let file = File::create(&path).unwrap();
    file.write_all_at(&vec![0xa5; garbage], 0).unwrap();
    file.set_len(size).unwrap();
    (dir, path)
}

fn make(path: &Path, log_len: u64, alloc_unit: u64) -> Made {
    let options = Options {
        force: false,
        log_len,
        alloc_unit,
    };
    mkfs(path, &options, Uuid::parse_str(HOST).unwrap()).unwrap()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn superblock_and_log_of_a_default_mkfs() {
    let (_dir, path) = image(1024 * MIB, 12 << 20);
    let made = make(&path, 8 * MIB, 2 * MIB);
    let mut bytes = vec![0; 12 << 20];
    File::open(&path)
        .unwrap()
        .read_exact_at(&mut bytes, 0)
        .unwrap();

    assert_eq!(bytes[0..8], [0xff, 0x82, 0xb2, 0x87, 0, 0, 0, 0]);
    assert_eq!(bytes[8..16], [48, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[16..24], [0, 0, 0x20, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[24..32], [0, 0, 0x80, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[32..40], [0, 0, 0x20, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[40..48], [2, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(bytes[48..64], *made.fs_uuid.as_bytes());
    assert_eq!(bytes[64..80], *made.dev_uuid.as_bytes());
    assert_eq!(
        bytes[80..96],
        [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        "a uuid's bytes lie in the order of its text"
    );
    assert_eq!(u64_at(&bytes, 96), bitwise_crc(&bytes[..96]));
    assert_eq!(bytes[104..112], [0; 8], "flags and padding");
    assert_eq!(u64_at(&bytes, 112), 1024 * MIB);
    assert_eq!(bytes[120..136], [0; 16], "device uuid");
    let name = path.to_str().unwrap().as_bytes();
    let len = name.len().min(63);
    assert_eq!(bytes[136..136 + len], name[..len]);
    assert_eq!(bytes[199], 0, "the name ends with a NUL");
    assert!(
        bytes[200..2 << 20].iter().all(|b| *b == 0),
        "the rest of the region is zero"
    );

    let header = &bytes[2 << 20..];
    assert_eq!(header[0..8], [0x0d, 0xf0, 0xfe, 0xca, 0xad, 0x0b, 0, 0]);
    assert_eq!(u64_at(header, 8), 8 * MIB);
    assert_eq!(u64_at(header, 16), 15_419);
    assert_eq!(u64_at(header, 24), 0xa587_5078);
    assert_eq!(u64_at(header, 24), bitwise_crc(&header[..24]));
    assert_eq!(header[32..48], [0; 16], "no entries");
    assert!(
        header[48..8 << 20].iter().all(|b| *b == 0),
        "the log is zero"
    );
    assert_eq!(
        bytes[10 << 20],
        0xa5,
        "what lies behind the log is left alone"
    );

    assert_ne!(made.fs_uuid, made.dev_uuid);
    assert_eq!(made.fs_uuid.get_version_num(), 4);
    assert_eq!(made.free_bytes, 1014 * MIB);
}

#[test]
fn long_log_and_small_units() {
    let (_dir, path) = image(64 * MIB, 0);
    let made = make(&path, 16 * MIB, 4096);
    let mut bytes = vec![0; (2 << 20) + 48];
    File::open(&path)
        .unwrap()
        .read_exact_at(&mut bytes, 0)
        .unwrap();
    assert_eq!(u64_at(&bytes, 24), 16 * MIB);
    assert_eq!(u64_at(&bytes, 32), 4096);
    assert_eq!(u64_at(&bytes, 96), bitwise_crc(&bytes[..96]));
    let header = &bytes[2 << 20..];
    assert_eq!(u64_at(header, 16), 30_839);
    assert_eq!(u64_at(header, 24), 0x3514_e0d7);
    assert_eq!((made.log_entries, made.free_bytes), (30_840, 46 * MIB));
}

#[test]
fn the_smallest_device_holds_the_log_and_one_unit() {
    let (_dir, path) = image(12 * MIB, 0);
    assert_eq!(make(&path, 8 * MIB, 2 * MIB).free_bytes, 2 * MIB);
    let (_dir, path) = image(12 * MIB - 1, 0);
    let options = Options {
        force: true,
        log_len: 8 * MIB,
        alloc_unit: 2 * MIB,
    };
    mkfs(&path, &options, Uuid::nil()).unwrap_err();
    assert_eq!(
        fs::read(&path).unwrap(),
        vec![0; 12 << 20][1..],
        "nothing was written"
    );
    // A part of a unit at the end is no room.
    let (_dir, path) = image(14 * MIB - 1, 0);
    assert_eq!(make(&path, 8 * MIB, 2 * MIB).free_bytes, 2 * MIB);
}

#[test]
fn what_is_there_is_not_overwritten_unless_told() {
    let marks: [(u64, &[u8]); 4] = [
        (0x438, &[0x53, 0xef]),
        (0, b"XFSB"),
        (0, &[0xff, 0x82, 0xb2, 0x87, 0, 0, 0, 0]),
        (0x1_0040, b"_BHRfS_M"),
    ];
    for (at, mark) in marks {
        let (_dir, path) = image(16 * MIB, 0);
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(mark, at).unwrap();
        let before = fs::read(&path).unwrap();
        let options = Options {
            force: false,
            log_len: 8 * MIB,
            alloc_unit: 2 * MIB,
        };
        mkfs(&path, &options, Uuid::nil()).unwrap_err();
        assert!(
            fs::read(&path).unwrap() == before,
            "{mark:?} at {at}: nothing was written"
        );
        mkfs(
            &path,
            &Options {
                force: true,
                ..options
            },
            Uuid::nil(),
        )
        .unwrap();
    }
}

#[test]
fn kill_zeroes_eight_bytes() {
    let (_dir, path) = image(16 * MIB, 0);
    kill(&path).unwrap_err();
    make(&path, 8 * MIB, 2 * MIB);
    let mut before = fs::read(&path).unwrap();
    kill(&path).unwrap();
    before[..8].fill(0);
    assert!(fs::read(&path).unwrap() == before);
    kill(&path).unwrap_err();
}
