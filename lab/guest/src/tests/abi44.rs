//! KABI 44 byte by byte: one message, described by itself, of up to 4 MiB.

use std::{fs::File, os::unix::fs::FileExt};

use nix::errno::Errno;

use crate::{
    bare::{KIB, MIB, PAGE},
    fixture::Famfs,
    harness::Test,
    raw::{
        golden, receive, send, v1,
        v2::{self, Interleaved, extent},
        v44::{self, EXTENT, HEADER, LONGEST, with},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi44::the_golden_messages_make_files",
        run: golden_messages,
    },
    Test {
        name: "abi44::a_map_may_have_more_strips_than_kabi_43_can_say",
        run: wide,
    },
    Test {
        name: "abi44::a_message_may_hold_far_more_than_the_media",
        run: long,
    },
];

/// `MAP_GET` and `MAP_GETEXT` are the only way to read a map back: KABI 44 has none of its own.
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

/// KABI 43 has room for 16 strips; a message of this one for as many as it can hold.
fn wide() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let strips: Vec<_> = (0..100).map(|i| extent((16 + i) * MIB, 8 * KIB)).collect();
    let map = Interleaved {
        chunk: 4 * KIB,
        bytes: 800 * KIB,
        strips: strips.clone(),
    };
    let message = v44::interleaved(800 * KIB, &[map]);
    assert_eq!(send(&file, v44::MAP_CREATE, &message), Ok(()));
    let (head, extents) = map_of(&file);
    assert_eq!(head, v1::message(1, 0, 800 * KIB, 100, &[]));
    let expected: Vec<_> = strips.iter().flat_map(|s| [s.offset, s.len]).collect();
    assert_eq!(extents, expected);
    let whole = receive(&file, v2::MAP_GET, v2::REPLY);
    assert_eq!(whole, Err(Errno::E2BIG), "KABI 43's reply has room for 16");
    // The last chunk is the second one of the last strip.
    file.write_all_at(b"last", 796 * KIB).unwrap();
    drop(file);
    famfs.detach();
    famfs.attach();
    let file = famfs.mapped("strip", 8 * KIB, &[(115 * MIB, 8 * KIB)]);
    let mut seen = [0; 4];
    file.read_exact_at(&mut seen, 4 * KIB).unwrap();
    assert_eq!(&seen, b"last");
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
