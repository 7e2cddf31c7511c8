//! KABI 44's `MAP_CREATE` with every field wrong in turn.

use std::{fs::File, os::unix::fs::FileExt};

use nix::{errno::Errno, libc};

use crate::{
    bare::{KIB, MIB, PAGE},
    fixture::Famfs,
    harness::Test,
    mapping::{ANYWHERE, Mapping, Request, reserve},
    raw::{
        NOWHERE, call, send,
        v2::{Interleaved, extent},
        v44::{self, EXTENT, HEADER, LONGEST, with},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi44::bad_headers_have_their_errnos",
        run: bad_headers,
    },
    Test {
        name: "abi44::a_message_is_read_as_far_as_it_says",
        run: message_end,
    },
    Test {
        name: "abi44::bad_extents_have_their_errnos",
        run: bad_extents,
    },
];

const AT: u64 = 512 * MIB;

/// Sends the message with some bytes changed, which must be refused.
fn refuse(file: &File, message: &[u8], at: usize, bytes: &[u8], why: &str, errno: Errno) {
    let taken = send(file, v44::MAP_CREATE, &with(message, at, bytes));
    assert_eq!(taken, Err(errno), "{why}");
}

fn bad_headers() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let good = v44::simple(0, 8 * KIB, &[extent(AT, 8 * KIB)]);
    for (why, at, byte) in [
        ("type 3", 0, 3),
        ("a reserved byte", 1, 1),
        ("version 0", 2, 0),
        ("version 2", 2, 2),
        ("version 257", 3, 1),
        ("extents of type 2", 4, 2),
        ("interleaved, in the bytes of a simple map", 4, 1),
        ("no extent", 8, 0),
        ("two extents in the bytes of one", 8, 2),
        ("a reserved word", 24, 1),
        ("its highest bit", 31, 0x80),
    ] {
        refuse(&file, &good, at, &[byte], why, Errno::EINVAL);
    }
    for (why, at, word) in [
        ("2^32 - 1 extents", 8, u32::MAX),
        // 24 times this is 24 in 32 bits.
        ("a count that overflows", 8, 0x2000_0001),
        ("no bytes", 12, 0),
        ("less than a header", 12, 31),
        ("a header only", 12, 32),
        ("one byte less", 12, 55),
        ("one byte more", 12, 57),
    ] {
        refuse(&file, &good, at, &word.to_le_bytes(), why, Errno::EINVAL);
    }
    // As long as may be, all of it there: only the count says that it is too long.
    let mut padded = good.clone();
    padded.resize(LONGEST as usize, 0);
    let longest = LONGEST.to_le_bytes();
    refuse(&file, &padded, 12, &longest, "4 MiB", Errno::EINVAL);
    for (why, word) in [
        ("more than 4 MiB", LONGEST + 1),
        ("4 GiB less one", u32::MAX),
    ] {
        refuse(&file, &good, 12, &word.to_le_bytes(), why, Errno::EFBIG);
    }
    for (why, size) in [("an empty file", 0_u64), ("one byte too large", 8193)] {
        refuse(&file, &good, 16, &size.to_le_bytes(), why, Errno::EINVAL);
    }
}

fn message_end() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let good = v44::simple(0, 8 * KIB, &[extent(AT, 8 * KIB)]);
    assert_eq!(call(&file, v44::MAP_CREATE, NOWHERE), Err(Errno::EFAULT));
    // Memory of one page, and nothing behind it.
    let memory = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open("/tmp/message")
        .unwrap();
    memory.set_len(PAGE as u64).unwrap();
    let request = Request {
        len: PAGE,
        flags: libc::MAP_SHARED | libc::MAP_FIXED,
        address: reserve(2 * PAGE, PAGE),
        ..ANYWHERE
    };
    let map = Mapping::new(&memory, request).unwrap();
    for (why, at, taken) in [
        ("its last byte is missing", PAGE - 55, Err(Errno::EFAULT)),
        ("half its header is", PAGE - 16, Err(Errno::EFAULT)),
        ("it ends with the memory", PAGE - 56, Ok(())),
    ] {
        memory.write_at(&good, at as u64).unwrap();
        memory.set_len(PAGE as u64).unwrap();
        let sent = call(&file, v44::MAP_CREATE, map.address(at));
        assert_eq!(sent, taken, "{why}");
    }
}

fn bad_extents() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let two = [extent(AT, 4 * KIB), extent(AT + MIB, 4 * KIB)];
    let simple = v44::simple(0, 8 * KIB, &two);
    let striped = v44::interleaved(
        12 * KIB,
        &[Interleaved {
            chunk: 4 * KIB,
            bytes: 16 * KIB,
            strips: vec![extent(AT, 8 * KIB), extent(AT + MIB, 8 * KIB)],
        }],
    );
    // An extent, the head of an interleaved one, and its first strip.
    let (ext, head, strip) = (HEADER, HEADER, HEADER + EXTENT);
    for (why, message, at, word) in [
        ("an unopened device", &simple, ext, 1),
        ("device 63, unopened", &simple, ext, 63),
        ("device 64", &simple, ext, 64),
        ("device -1", &simple, ext, u32::MAX),
        ("a reserved word", &simple, ext + 4, 1),
        ("its highest bit", &simple, ext + 4, 1 << 31),
        ("no strips", &striped, head, 0),
        ("one strip in the bytes of two", &striped, head, 1),
        ("three strips in the bytes of two", &striped, head, 3),
        ("2^32 - 1 strips", &striped, head, u32::MAX),
        ("no chunk", &striped, head + 4, 0),
        ("half a page", &striped, head + 4, 2048),
        ("no page multiple", &striped, head + 4, 4097),
        ("a chunk for no strip", &striped, head + 4, 0xffff_f000),
        ("a reserved word of the head", &striped, head + 16, 1),
        ("a strip of an unopened device", &striped, strip, 1),
        ("a reserved word of a strip", &striped, strip + 4, 1),
    ] {
        refuse(&file, message, at, &word.to_le_bytes(), why, Errno::EINVAL);
    }
    let (einval, erange, ebusy) = (Errno::EINVAL, Errno::ERANGE, Errno::EBUSY);
    for (why, message, at, word, errno) in [
        ("an odd offset", &simple, ext + 8, AT + 512, einval),
        ("an odd length", &simple, ext + 16, 4095, einval),
        ("an empty extent", &simple, ext + 16, 0, einval),
        ("beyond the device", &simple, ext + 8, 1 << 50, erange),
        ("its own neighbour", &simple, ext + 8, AT + MIB, ebusy),
        ("no bytes", &striped, head + 8, 0, einval),
        ("too many bytes", &striped, head + 8, 16385, einval),
        ("2^64 - 1 bytes", &striped, head + 8, u64::MAX, einval),
        ("an odd strip", &striped, strip + 8, AT + 512, einval),
        ("a strip too short", &striped, strip + 16, 4096, einval),
        ("a strip beyond", &striped, strip + 8, 1 << 50, erange),
        ("a shared strip", &striped, strip + 8, AT + MIB, ebusy),
    ] {
        refuse(&file, message, at, &word.to_le_bytes(), why, errno);
    }
    assert_eq!(send(&file, v44::MAP_CREATE, &striped), Ok(()));
}
