//! KABI 43 byte by byte: lists in the caller's memory, simple and interleaved, on 4 KiB.

use nix::errno::Errno;

use crate::{
    bare::{KIB, MIB},
    fixture::Famfs,
    harness::Test,
    raw::{
        Bytes, Extent, NOWHERE, call, receive, send,
        v2::{self, Interleaved, extent},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi43::bad_simple_maps_have_their_errnos",
        run: bad_simple,
    },
    Test {
        name: "abi43::bad_interleaved_maps_have_their_errnos",
        run: bad_interleaved,
    },
    Test {
        name: "abi43::pointers_are_only_followed_where_they_lead",
        run: pointers,
    },
    Test {
        name: "abi43::maps_read_back_byte_by_byte",
        run: read_back,
    },
];

const AT: u64 = 512 * MIB;

fn bad_simple() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let good = extent(AT, 64 * KIB);
    let list = v2::list(&[good; 17]);
    let pointer = list.as_ptr().addr() as u64;
    for (why, ext_type, count, expected) in [
        ("type 2", 2, 1, Errno::EINVAL),
        ("type 77", 77, 1, Errno::EINVAL),
        ("no extent", 0, 0, Errno::EINVAL),
        ("17 extents", 0, 17, Errno::E2BIG),
        ("2^32 - 1 extents", 0, u32::MAX, Errno::E2BIG),
    ] {
        let message = v2::message(4096, 0, ext_type, count, 0, pointer);
        assert_eq!(
            send(&file, v2::MAP_CREATE, &message),
            Err(expected),
            "{why}"
        );
    }
    let with = |change: fn(&mut Extent)| {
        let mut first = good;
        change(&mut first);
        [first, extent(AT + MIB, 64 * KIB)]
    };
    for (why, extents) in [
        ("an odd offset", with(|e| e.offset += 512)),
        ("an odd length before the last", with(|e| e.len -= 512)),
        ("an unopened device", with(|e| e.devindex = 1)),
        ("the last device, unopened", with(|e| e.devindex = 63)),
        ("device 64", with(|e| e.devindex = 64)),
        (
            "device 2^32, which is not device 0",
            with(|e| e.devindex = 1 << 32),
        ),
        ("device -1", with(|e| e.devindex = u64::MAX)),
    ] {
        assert_eq!(v2::map(&file, 4096, &extents), Err(Errno::EINVAL), "{why}");
    }
    // Alignment is 4 KiB, 16 extents are allowed, and C leaves the padding as it was.
    let pages: Vec<_> = (0..16).map(|i| extent(AT + i * 8 * KIB, 4 * KIB)).collect();
    let list = v2::list(&pages);
    let message = v2::message(64 * KIB, 0, 0, 16, u32::MAX, list.as_ptr().addr() as u64);
    assert_eq!(send(&file, v2::MAP_CREATE, &message), Ok(()));
}

fn bad_interleaved() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    // 3 strips of 64 KiB, chunks of 16 KiB: room for 192 KiB.
    let good = Interleaved {
        chunk: 16 * KIB,
        bytes: 192 * KIB,
        strips: (0..3).map(|i| extent(AT + i * MIB, 64 * KIB)).collect(),
    };
    let with = |change: &dyn Fn(&mut Interleaved)| {
        let mut map = good.clone();
        change(&mut map);
        map
    };
    for (why, map) in [
        ("no chunk", with(&|m| m.chunk = 0)),
        ("a chunk of bytes", with(&|m| m.chunk = 16 * KIB + 1)),
        ("half a page", with(&|m| m.chunk = 2 * KIB)),
        (
            "a chunk larger than its strips",
            with(&|m| m.chunk = 1 << 62),
        ),
        ("more bytes than strips", with(&|m| m.bytes += 1)),
        ("a strip too short", with(&|m| m.strips[2].len -= 16 * KIB)),
        ("an odd strip", with(&|m| m.strips[1].offset += 512)),
        ("another device", with(&|m| m.strips[1].devindex = 1)),
        ("device -1", with(&|m| m.strips[1].devindex = u64::MAX)),
        ("no strips", with(&|m| m.strips.clear())),
    ] {
        let taken = v2::map_interleaved(&file, 4096, &[map]);
        assert_eq!(taken, Err(Errno::EINVAL), "{why}");
    }
    let beyond = with(&|m| m.strips[1].offset = 1 << 50);
    assert_eq!(
        v2::map_interleaved(&file, 4096, &[beyond]),
        Err(Errno::ERANGE)
    );
    let itself = with(&|m| m.strips[1] = m.strips[0]);
    assert_eq!(
        v2::map_interleaved(&file, 4096, &[itself]),
        Err(Errno::EBUSY)
    );
    assert_eq!(v2::map_interleaved(&file, 4096, &[]), Err(Errno::EINVAL));
    assert_eq!(
        v2::map_interleaved(&file, 192 * KIB + 1, std::slice::from_ref(&good)),
        Err(Errno::EINVAL),
        "the file is larger than its map"
    );
    let too_many: Vec<_> = (0..5)
        .map(|i| with(&|m| m.strips.iter_mut().for_each(|s| s.offset += i * 4 * MIB)))
        .collect();
    assert_eq!(
        v2::map_interleaved(&file, 4096, &too_many),
        Err(Errno::E2BIG)
    );
    let wide = with(&|m| m.strips = (0..17).map(|i| extent(AT + i * MIB, 64 * KIB)).collect());
    assert_eq!(v2::map_interleaved(&file, 4096, &[wide]), Err(Errno::E2BIG));
    // Four of them, one with a chunk that is no power of two: all is still free.
    let mut four = too_many[..4].to_vec();
    four[1].chunk = 12 * KIB;
    four[1].bytes = 180 * KIB;
    assert_eq!(v2::map_interleaved(&file, 700 * KIB, &four), Ok(()));
}

fn pointers() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    for ext_type in [0, 1] {
        let message = v2::message(4096, 0, ext_type, 1, 0, NOWHERE);
        assert_eq!(send(&file, v2::MAP_CREATE, &message), Err(Errno::EFAULT));
        // A kernel address.
        let message = v2::message(4096, 0, ext_type, 1, 0, 0xffff_8880_0000_0000);
        assert_eq!(send(&file, v2::MAP_CREATE, &message), Err(Errno::EFAULT));
    }
    let head = Bytes::default().u64(2).u64(4096).u64(8192).u64(NOWHERE);
    let message = v2::message(4096, 0, 1, 1, 0, head.0.as_ptr().addr() as u64);
    assert_eq!(send(&file, v2::MAP_CREATE, &message), Err(Errno::EFAULT));
    assert_eq!(
        call(&file, v2::MAP_GET, NOWHERE),
        Err(Errno::EINVAL),
        "no map yet"
    );
    assert_eq!(v2::map(&file, 4096, &[extent(AT, 4096)]), Ok(()));
    assert_eq!(call(&file, v2::MAP_GET, NOWHERE), Err(Errno::EFAULT));
}

/// `MAP_GET_V2`'s reply from its parts, zeroes behind them.
fn reply(size: u64, ext_type: u32, count: u32, rest: Bytes) -> Vec<u8> {
    let mut bytes = v2::message(size, 0, ext_type, count, 0, 0);
    bytes.extend(rest.0);
    bytes.resize(v2::REPLY, 0);
    bytes
}

fn read_back() {
    let famfs = Famfs::bare();
    let get = |file| receive(file, v2::MAP_GET, v2::REPLY);
    let extents: Vec<_> = (0..3).map(|i| extent(AT + i * MIB, 64 * KIB)).collect();

    let two = famfs.blank("two");
    assert_eq!(v2::map(&two, 100_000, &extents[..2]), Ok(()));
    let list = Bytes(v2::list(&extents[..2]));
    assert_eq!(get(&two).unwrap(), reply(100_000, 0, 2, list));

    let three = famfs.blank("three");
    let further: Vec<_> = extents
        .iter()
        .map(|e| extent(e.offset + 8 * MIB, e.len))
        .collect();
    assert_eq!(v2::map(&three, 100_000, &further), Ok(()));
    assert_eq!(get(&three), Err(Errno::E2BIG), "the reply has room for two");

    let strips: Vec<_> = (0..16)
        .map(|i| extent(AT + 64 * MIB + i * MIB, 64 * KIB))
        .collect();
    let map = Interleaved {
        chunk: 64 * KIB,
        bytes: MIB,
        strips: strips.clone(),
    };
    let striped = famfs.blank("striped");
    assert_eq!(v2::map_interleaved(&striped, MIB - 1, &[map]), Ok(()));
    let mut rest = Bytes::default().u64(16).u64(64 * KIB).u64(MIB).u64(0);
    rest.0.extend(v2::list(&strips));
    assert_eq!(get(&striped).unwrap(), reply(MIB - 1, 1, 1, rest));

    let maps: Vec<_> = (0..2)
        .map(|i| Interleaved {
            chunk: 4 * KIB,
            bytes: 128 * KIB,
            strips: (0..2)
                .map(|s| extent(AT + (100 + 2 * i + s) * MIB, 64 * KIB))
                .collect(),
        })
        .collect();
    let pair = famfs.blank("pair");
    assert_eq!(v2::map_interleaved(&pair, 256 * KIB, &maps), Ok(()));
    assert_eq!(get(&pair), Err(Errno::E2BIG), "the reply has room for one");
}
