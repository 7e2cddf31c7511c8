//! read(2), write(2) and their relatives: where a file ends, and what famfs does not do.

use std::{
    fs::{self, File, OpenOptions},
    io::{IoSlice, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, SpliceFFlags, copy_file_range, fallocate, splice},
    libc,
    sys::{sendfile::sendfile, statvfs::fstatvfs, uio::pwritev},
};

use crate::{
    bare::{KIB, MIB, errno},
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "io::reads_end_where_the_file_ends",
        run: reads,
    },
    Test {
        name: "io::writes_never_extend_and_never_allocate",
        run: writes,
    },
    Test {
        name: "io::what_needs_a_disk_is_refused",
        run: refused,
    },
    Test {
        name: "io::sendfile_splice_and_copies_move_every_byte",
        run: moved,
    },
    Test {
        name: "io::bytes_are_where_the_map_says",
        run: placed,
    },
];

const AT: u64 = 512 * MIB;
const SIZE: u64 = 10_000;

/// Bytes that differ from place to place.
pub(crate) fn pattern(seed: u64, len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| ((at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

fn reads() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", SIZE, &[(AT, 4 * KIB), (AT + MIB, 8 * KIB)]);
    let content = pattern(1, 10_000);
    file.write_all_at(&content, 0).unwrap();
    assert_eq!(fs::read(famfs.path("file")).unwrap(), content);
    let mut buffer = vec![0; 15_000];
    for (at, len) in [
        (0, 10_000),
        (1, 9_999),
        (4_000, 6_000),
        (9_999, 1),
        (10_000, 0),
        (10_001, 0),
        (12_288, 0),
        (1 << 20, 0),
        (1 << 62, 0),
    ] {
        let seen = file.read_at(&mut buffer, at).unwrap();
        assert_eq!(seen, len, "at {at}");
        let start = 10_000 - len;
        assert_eq!(buffer[..seen], content[start..], "at {at}");
    }
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
}

fn writes() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", SIZE, &[(AT, 12 * KIB)]);
    file.write_all_at(&[0; 10_000], 0).unwrap();
    let free = fstatvfs(&file).unwrap().blocks_free();
    let data = [7; 100];
    for (at, len) in [
        (0, 100),
        (9_899, 100),
        (9_900, 100),
        (9_901, 99),
        (9_999, 1),
    ] {
        assert_eq!(file.write_at(&data, at).unwrap(), len, "at {at}");
    }
    for at in [10_000, 10_001, 12_287, 12_288, 1 << 20, 1 << 40] {
        assert_eq!(errno(file.write_at(&data, at)), Errno::ENOSPC, "at {at}");
    }
    assert_eq!(
        file.write_at(&[], 10_000).unwrap(),
        0,
        "nothing fits everywhere"
    );
    let pieces = [
        IoSlice::new(&data),
        IoSlice::new(&data),
        IoSlice::new(&data),
    ];
    assert_eq!(pwritev(&file, &pieces, 9_850).unwrap(), 150);
    let mut appending = OpenOptions::new()
        .append(true)
        .open(famfs.path("file"))
        .unwrap();
    assert_eq!(errno(appending.write(&data)), Errno::ENOSPC);
    assert_eq!(fs::read(famfs.path("file")).unwrap().len(), 10_000);
    let meta = file.metadata().unwrap();
    assert_eq!((meta.len(), meta.blocks()), (SIZE, 24));
    assert_eq!(fstatvfs(&file).unwrap().blocks_free(), free);
}

fn refused() {
    let famfs = Famfs::bare();
    let path = famfs.path("file");
    let file = famfs.mapped("file", SIZE, &[(AT, 12 * KIB)]);
    for mode in [
        FallocateFlags::empty(),
        FallocateFlags::FALLOC_FL_KEEP_SIZE,
        FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE,
        FallocateFlags::FALLOC_FL_ZERO_RANGE,
    ] {
        let taken = fallocate(&file, mode, 0, 4096);
        assert_eq!(taken, Err(Errno::EOPNOTSUPP), "{mode:?}");
    }
    let direct = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(&path);
    assert_eq!(errno(direct), Errno::EINVAL, "O_DIRECT");
    assert_eq!(errno(file.set_len(4096)), Errno::EPERM, "shorter");
    assert_eq!(errno(file.set_len(1 << 20)), Errno::EPERM, "longer");
    assert_eq!(errno(File::create(&path)), Errno::EPERM, "O_TRUNC");
    assert_eq!(file.metadata().unwrap().len(), SIZE);
    // There is nothing to write back, which is no error.
    file.sync_all().unwrap();
    file.sync_data().unwrap();
}

fn moved() {
    let famfs = Famfs::bare();
    let len = 300_000;
    let from = famfs.mapped(
        "from",
        len as u64,
        &[(AT, 128 * KIB), (AT + MIB, 256 * KIB)],
    );
    let into = famfs.mapped("into", len as u64, &[(AT + 2 * MIB, 512 * KIB)]);
    let content = pattern(2, len);
    from.write_all_at(&content, 0).unwrap();
    let same = |file: &File| {
        let mut seen = vec![0; len];
        file.read_exact_at(&mut seen, 0).unwrap();
        seen == content
    };

    let other = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open("/tmp/sent")
        .unwrap();
    let mut offset = 0;
    while sendfile(&other, &from, Some(&mut offset), len).unwrap() > 0 {}
    assert!(
        offset == i64::try_from(len).unwrap() && same(&other),
        "sendfile"
    );

    // Through a pipe into another file of the mount, which ends where it ends.
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let (mut offset_in, mut offset_out) = (0, 0);
    let none = SpliceFFlags::empty();
    loop {
        let taken = splice(&from, Some(&mut offset_in), &writer, None, 65_536, none).unwrap();
        if taken == 0 {
            break;
        }
        let mut left = taken;
        while left > 0 {
            left -= splice(&reader, None, &into, Some(&mut offset_out), left, none).unwrap();
        }
    }
    assert!(
        offset_out == i64::try_from(len).unwrap() && same(&into),
        "splice"
    );
    nix::unistd::write(&writer, b"too much").unwrap();
    let past = splice(&reader, None, &into, Some(&mut offset_out), 8, none);
    assert_eq!(past, Err(Errno::ENOSPC));

    into.write_all_at(&vec![0; len], 0).unwrap();
    let (mut offset_in, mut offset_out) = (0, 0);
    let mut left = len;
    while left > 0 {
        left -= copy_file_range(
            &from,
            Some(&mut offset_in),
            &into,
            Some(&mut offset_out),
            left,
        )
        .unwrap();
    }
    assert!(same(&into), "copy_file_range");
}

/// Two mounts, one memory: what a file wrote in the first, another one reads in the second,
/// each byte by way of the device offset that both maps give it.
fn placed() {
    let famfs = Famfs::bare();
    let (first, second) = ((AT, 2 * MIB), (AT + 20 * MIB, 64 * KIB));
    let len = 2 * MIB + 64 * KIB;
    let content = pattern(3, usize::try_from(len).unwrap());
    let file = famfs.mapped("file", len, &[first, second]);
    file.write_all_at(&content, 0).unwrap();
    drop(file);
    famfs.detach();
    famfs.attach();
    let file = famfs.mapped("swapped", len, &[second, first]);
    let mut seen = vec![0; content.len()];
    file.read_exact_at(&mut seen, 0).unwrap();
    let middle = 2 << 20;
    assert!(seen[..64 << 10] == content[middle..], "the second extent");
    assert!(seen[64 << 10..] == content[..middle], "the first extent");
    // By a mapping as well.
    let map = Mapping::read_only(&file, seen.len());
    for at in (0..seen.len()).step_by(4093) {
        assert_eq!(map.get(at), seen[at], "at {at}");
    }
}
