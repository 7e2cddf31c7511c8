//! KABI 44 byte by byte: one message, described by itself, of up to 4 MiB.

use std::{fs::File, os::unix::fs::FileExt};

use nix::errno::Errno;

use crate::{
    bare::{KIB, MIB, PAGE},
    fixture::Famfs,
    harness::Test,
    mapping::{Mapping, reserve},
    raw::{
        NOWHERE, call, golden, receive, send, v1,
        v2::{Interleaved, extent},
        v44::{self, EXTENT, HEADER, LONGEST, with},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi44::the_golden_messages_make_files",
        run: golden_messages,
    },
    Test {
        name: "abi44::bad_headers_have_their_errnos",
        run: bad_headers,
    },
    Test {
        name: "abi44::bad_extents_have_their_errnos",
        run: bad_extents,
    },
    Test {
        name: "abi44::a_message_may_hold_far_more_than_the_media",
        run: long,
    },
];

const AT: u64 = 512 * MIB;

/// MAP_GET and MAP_GETEXT are the only way to read a map back: KABI 44 has none of its own.
fn map_of(file: &File) -> (Vec<u8>, Vec<u64>) {
    let head = receive(file, v1::MAP_GET, v1::SIZE).unwrap();
    let count = usize::try_from(u64::from_le_bytes(head[16..24].try_into().unwrap())).unwrap();
    let list = receive(file, v1::MAP_GETEXT, count * v1::EXTENT).unwrap();
    let words = list
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    (head, words.collect())
}

fn golden_messages() {
    let famfs = Famfs::bare();
    let simple = famfs.blank("simple");
    let message = golden::bytes(golden::SIMPLE);
    assert_eq!(send(&simple, v44::MAP_CREATE, &message), Ok(()));
    let (head, extents) = map_of(&simple);
    assert_eq!(head, v1::message(0, 0, 20 * MIB, 1, &[]));
    assert_eq!(extents, [66 * MIB, 20 * MIB]);

    let striped = famfs.blank("striped");
    let message = golden::bytes(golden::INTERLEAVED);
    // As it stands it is for a device of 11 GiB.
    assert_eq!(
        send(&striped, v44::MAP_CREATE, &message),
        Err(Errno::ERANGE)
    );
    let offset = |strip: usize| HEADER + EXTENT + strip * EXTENT + 8;
    let fitted = (1..4).fold(message, |message, strip| {
        let place = (strip as u64 * 200 + 38) * MIB;
        with(&message, offset(strip), &place.to_le_bytes())
    });
    assert_eq!(send(&striped, v44::MAP_CREATE, &fitted), Ok(()));
    let (head, extents) = map_of(&striped);
    assert_eq!(head, v1::message(1, 0, 33 * MIB, 4, &[]));
    assert_eq!(
        extents,
        [38, 12, 238, 12, 438, 12, 638, 12].map(|mib| mib * MIB)
    );
    // Byte 4 MiB of the file is byte 0 of its second strip.
    striped.write_all_at(b"chunk", 4 * MIB).unwrap();
    let mut seen = [0; 5];
    striped.read_exact_at(&mut seen, 4 * MIB).unwrap();
    assert_eq!(&seen, b"chunk");
    assert_eq!(striped.metadata().unwrap().len(), 33 * MIB);
}

fn bad_headers() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let good = v44::simple(0, 8 * KIB, &[extent(AT, 8 * KIB)]);
    let long = LONGEST + 1;
    for (why, at, word, expected) in [
        ("type 3", 0, &3_u8.to_le_bytes() as &[u8], Errno::EINVAL),
        ("a reserved byte", 1, &[1], Errno::EINVAL),
        ("version 0", 2, &[0, 0], Errno::EINVAL),
        ("version 2", 2, &[2, 0], Errno::EINVAL),
        ("version 257", 2, &[1, 1], Errno::EINVAL),
        ("extents of type 2", 4, &2_u32.to_le_bytes(), Errno::EINVAL),
        (
            "interleaved, with the bytes of a simple map",
            4,
            &[1],
            Errno::EINVAL,
        ),
        ("no extent", 8, &[0], Errno::EINVAL),
        ("two extents in the bytes of one", 8, &[2], Errno::EINVAL),
        (
            "2^32 - 1 extents",
            8,
            &u32::MAX.to_le_bytes(),
            Errno::EINVAL,
        ),
        // 24 times this is 24 in 32 bits.
        (
            "a count that overflows",
            8,
            &0x2000_0001_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        ("no bytes", 12, &0_u32.to_le_bytes(), Errno::EINVAL),
        (
            "less than a header",
            12,
            &31_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        ("a header only", 12, &32_u32.to_le_bytes(), Errno::EINVAL),
        ("one byte less", 12, &55_u32.to_le_bytes(), Errno::EINVAL),
        ("one byte more", 12, &57_u32.to_le_bytes(), Errno::EINVAL),
        ("more than 4 MiB", 12, &long.to_le_bytes(), Errno::EFBIG),
        ("4 GiB less one", 12, &u32::MAX.to_le_bytes(), Errno::EFBIG),
        ("an empty file", 16, &0_u64.to_le_bytes(), Errno::EINVAL),
        (
            "one byte too large",
            16,
            &8193_u64.to_le_bytes(),
            Errno::EINVAL,
        ),
        ("a reserved word", 24, &1_u64.to_le_bytes(), Errno::EINVAL),
        ("its highest bit", 31, &[0x80], Errno::EINVAL),
    ] {
        let message = with(&good, at, word);
        assert_eq!(
            send(&file, v44::MAP_CREATE, &message),
            Err(expected),
            "{why}"
        );
    }
    assert_eq!(call(&file, v44::MAP_CREATE, NOWHERE), Err(Errno::EFAULT));
    // A message that ends where the process's memory does, and one that goes on behind it.
    let memory = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open("/tmp/message")
        .unwrap();
    memory.set_len(PAGE as u64).unwrap();
    let place = reserve(2 * PAGE, PAGE);
    let request = crate::mapping::Request {
        len: PAGE,
        flags: nix::libc::MAP_SHARED | nix::libc::MAP_FIXED,
        address: place,
        ..crate::mapping::ANYWHERE
    };
    let map = Mapping::new(&memory, request).unwrap();
    for (at, taken) in [
        (PAGE - 55, Err(Errno::EFAULT)),
        (PAGE - 31, Err(Errno::EFAULT)),
        (PAGE - 56, Ok(())),
    ] {
        memory.write_at(&good, at as u64).unwrap();
        memory.set_len(PAGE as u64).unwrap();
        assert_eq!(
            call(&file, v44::MAP_CREATE, map.address(at)),
            taken,
            "at {at}"
        );
    }
}

fn bad_extents() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let good = v44::simple(
        0,
        8 * KIB,
        &[extent(AT, 4 * KIB), extent(AT + MIB, 4 * KIB)],
    );
    let striped = v44::interleaved(
        12 * KIB,
        &[Interleaved {
            chunk: 4 * KIB,
            bytes: 16 * KIB,
            strips: vec![extent(AT, 8 * KIB), extent(AT + MIB, 8 * KIB)],
        }],
    );
    // Where the first extent or strip is, and the head of the interleaved extent.
    let (simple, head, strip) = (HEADER, HEADER, HEADER + EXTENT);
    let odd = (AT + 512).to_le_bytes();
    for (why, message, at, word, expected) in [
        (
            "an unopened device",
            &good,
            simple,
            &1_u32.to_le_bytes() as &[u8],
            Errno::EINVAL,
        ),
        (
            "device 63, unopened",
            &good,
            simple,
            &63_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "device 64",
            &good,
            simple,
            &64_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "device -1",
            &good,
            simple,
            &u32::MAX.to_le_bytes(),
            Errno::EINVAL,
        ),
        ("a reserved word", &good, simple + 4, &[1], Errno::EINVAL),
        ("an odd offset", &good, simple + 8, &odd, Errno::EINVAL),
        (
            "an odd length before the last",
            &good,
            simple + 16,
            &4095_u64.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "an empty extent",
            &good,
            simple + 16,
            &0_u64.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "beyond the device",
            &good,
            simple + 8,
            &(1_u64 << 50).to_le_bytes(),
            Errno::ERANGE,
        ),
        (
            "its own neighbour",
            &good,
            simple + 8,
            &(AT + MIB).to_le_bytes(),
            Errno::EBUSY,
        ),
        (
            "no strips",
            &striped,
            head,
            &0_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "one strip in the bytes of two",
            &striped,
            head,
            &1_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "three strips in the bytes of two",
            &striped,
            head,
            &3_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "2^32 - 1 strips",
            &striped,
            head,
            &u32::MAX.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "no chunk",
            &striped,
            head + 4,
            &0_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "half a page",
            &striped,
            head + 4,
            &2048_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "no page multiple",
            &striped,
            head + 4,
            &4097_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "a chunk that its strips cannot hold",
            &striped,
            head + 4,
            &0xffff_f000_u32.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "no bytes",
            &striped,
            head + 8,
            &0_u64.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "more bytes than strips",
            &striped,
            head + 8,
            &16385_u64.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "2^64 - 1 bytes",
            &striped,
            head + 8,
            &u64::MAX.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "a reserved word of the head",
            &striped,
            head + 16,
            &[1],
            Errno::EINVAL,
        ),
        (
            "a reserved word of a strip",
            &striped,
            strip + 4,
            &[1],
            Errno::EINVAL,
        ),
        (
            "a strip of an unopened device",
            &striped,
            strip,
            &[1],
            Errno::EINVAL,
        ),
        ("an odd strip", &striped, strip + 8, &odd, Errno::EINVAL),
        (
            "a strip too short",
            &striped,
            strip + 16,
            &4096_u64.to_le_bytes(),
            Errno::EINVAL,
        ),
        (
            "a strip beyond the device",
            &striped,
            strip + 8,
            &(1_u64 << 50).to_le_bytes(),
            Errno::ERANGE,
        ),
        (
            "strips that share memory",
            &striped,
            strip + 8,
            &(AT + MIB).to_le_bytes(),
            Errno::EBUSY,
        ),
    ] {
        let message = with(message, at, word);
        assert_eq!(
            send(&file, v44::MAP_CREATE, &message),
            Err(expected),
            "{why}"
        );
    }
    assert_eq!(send(&file, v44::MAP_CREATE, &striped), Ok(()));
}

/// The longest list that 4 MiB hold: 174,761 extents, each looked up by its place.
fn long() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let count = (LONGEST as usize - HEADER) / EXTENT;
    let size = (count * PAGE) as u64;
    // From the last page to the first, so that no two are one.
    let extents: Vec<_> = (0..count as u64)
        .map(|i| extent(16 * MIB + size - (i + 1) * 4 * KIB, 4 * KIB))
        .collect();
    let message = v44::simple(0, size, &extents);
    assert_eq!(message.len(), 4_194_296);
    assert_eq!(send(&file, v44::MAP_CREATE, &message), Ok(()));
    let head = receive(&file, v1::MAP_GET, v1::SIZE).unwrap();
    assert_eq!(head, v1::message(0, 0, size, count as u64, &[]));
    file.write_all_at(b"where?", size / 2).unwrap();
    drop(file);
    famfs.detach();
    famfs.attach();
    // The same memory in one piece: the file's bytes are where its map said.
    let file = famfs.mapped("whole", size, &[(16 * MIB, size)]);
    let page = count as u64 - 1 - (size / 2) / PAGE as u64;
    let mut seen = [0; 6];
    let at = page * PAGE as u64 + (size / 2) % PAGE as u64;
    file.read_exact_at(&mut seen, at).unwrap();
    assert_eq!(&seen, b"where?");
}
