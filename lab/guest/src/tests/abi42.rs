//! KABI 42 byte by byte: at most two extents, multiples of 2 MiB.

use std::{fs::File, os::unix::fs::MetadataExt};

use nix::errno::Errno;

use crate::{
    bare::{KIB, MIB},
    fixture::Famfs,
    harness::Test,
    raw::{
        Extent, NOWHERE, call, receive, send, v1,
        v2::{self, Interleaved, extent},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi42::bad_messages_have_their_errnos",
        run: bad_messages,
    },
    Test {
        name: "abi42::a_map_reads_back_byte_by_byte",
        run: reads_back,
    },
    Test {
        name: "abi42::getext_lists_what_other_forms_mapped",
        run: lists_others,
    },
];

const ROOM: u64 = 2 * MIB;
const AT: u64 = 512 * MIB;

fn bad_messages() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let good = [extent(AT, ROOM), extent(AT + ROOM, ROOM)];
    let first = |change: fn(&mut Extent)| {
        let mut list = good;
        change(&mut list[0]);
        list
    };
    for (why, ext_type, count, extents, expected) in [
        ("interleaved", 1, 2, good, Errno::EINVAL),
        ("the number of February 2024", 13, 2, good, Errno::EINVAL),
        ("no extent", 0, 0, good, Errno::ENOSPC),
        ("three extents", 0, 3, good, Errno::E2BIG),
        ("-1 extents", 0, u64::MAX, good, Errno::E2BIG),
        ("2^32 extents", 0, 1 << 32, good, Errno::E2BIG),
        (
            "an offset on a page",
            0,
            2,
            first(|e| e.offset += 4096),
            Errno::EINVAL,
        ),
        (
            "an odd offset",
            0,
            2,
            first(|e| e.offset += 1),
            Errno::EINVAL,
        ),
        (
            "pages before the last",
            0,
            2,
            first(|e| e.len -= 4096),
            Errno::EINVAL,
        ),
        (
            "bytes before the last",
            0,
            2,
            first(|e| e.len -= 1),
            Errno::EINVAL,
        ),
        ("type before count", 13, 0, good, Errno::EINVAL),
    ] {
        let message = v1::message(ext_type, 0, MIB, count, &extents);
        assert_eq!(
            send(&file, v1::MAP_CREATE, &message),
            Err(expected),
            "{why}"
        );
    }
    let second = v1::message(0, 0, 3 * MIB, 2, &[good[0], extent(AT + ROOM + 4096, ROOM)]);
    assert_eq!(send(&file, v1::MAP_CREATE, &second), Err(Errno::EINVAL));
    for number in [v1::MAP_GET, v1::MAP_GETEXT] {
        assert_eq!(
            call(&file, number, NOWHERE),
            Err(Errno::EINVAL),
            "no map yet"
        );
    }
    // The second extent of the message is not looked at where there is one.
    let one = v1::message(0, 0, MIB, 1, &[good[0], extent(1, u64::MAX)]);
    assert_eq!(send(&file, v1::MAP_CREATE, &one), Ok(()));
    for number in [v1::MAP_GET, v1::MAP_GETEXT] {
        assert_eq!(call(&file, number, NOWHERE), Err(Errno::EFAULT));
    }
}

/// `MAP_GET`'s reply: the head of the message, and nothing of the kernel's behind it.
fn head(file: &File) -> Vec<u8> {
    receive(file, v1::MAP_GET, v1::SIZE).unwrap()
}

/// `MAP_GETEXT`'s reply, and that it ends where it should.
fn list(file: &File, count: usize) -> Vec<(u64, u64)> {
    let bytes = receive(file, v1::MAP_GETEXT, (count + 1) * v1::EXTENT).unwrap();
    let (list, rest) = bytes.split_at(count * v1::EXTENT);
    assert!(rest.iter().all(|&byte| byte == 0xaa), "one extent too many");
    let word = |at: &[u8]| u64::from_le_bytes(at.try_into().unwrap());
    list.chunks_exact(v1::EXTENT)
        .map(|extent| (word(&extent[..8]), word(&extent[8..])))
        .collect()
}

fn reads_back() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    // The last extent may end anywhere; memory comes in pages.
    let extents = [extent(AT + 8 * MIB, 2 * ROOM), extent(AT, 5000)];
    let size = 2 * ROOM + 4999;
    let message = v1::message(0, 2, size, 2, &extents);
    assert_eq!(send(&file, v1::MAP_CREATE, &message), Ok(()));
    let expected = v1::message(0, 2, size, 2, &[]);
    assert_eq!(head(&file), expected);
    let reader = File::open(famfs.path("file")).unwrap();
    assert_eq!(head(&reader), expected, "reading needs no more than that");
    assert_eq!(list(&file, 2), [(AT + 8 * MIB, 2 * ROOM), (AT, 8 * KIB)]);
    let meta = file.metadata().unwrap();
    assert_eq!(
        (meta.len(), meta.blocks()),
        (size, (2 * ROOM + 8 * KIB) / 512)
    );
}

fn lists_others() {
    let famfs = Famfs::bare();
    let many = famfs.blank("many");
    let extents: Vec<_> = (0..16).map(|i| extent(AT + i * ROOM, 64 * KIB)).collect();
    assert_eq!(v2::map(&many, MIB, &extents), Ok(()));
    assert_eq!(head(&many), v1::message(0, 0, MIB, 16, &[]));
    let expected: Vec<_> = extents.iter().map(|e| (e.offset, e.len)).collect();
    assert_eq!(list(&many, 16), expected);

    let striped = famfs.blank("striped");
    let strips: Vec<_> = (0..3)
        .map(|i| extent(AT + 64 * MIB + i * ROOM, ROOM))
        .collect();
    let map = Interleaved {
        chunk: 64 * KIB,
        bytes: 5 * MIB,
        strips: strips.clone(),
    };
    assert_eq!(v2::map_interleaved(&striped, 5 * MIB, &[map]), Ok(()));
    assert_eq!(head(&striped), v1::message(1, 0, 5 * MIB, 3, &[]));
    let expected: Vec<_> = strips.iter().map(|e| (e.offset, e.len)).collect();
    assert_eq!(list(&striped, 3), expected);
}
