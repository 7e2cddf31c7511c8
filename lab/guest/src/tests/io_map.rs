//! Mappings: what is mapped how, by exact counts of faults.

use nix::{errno::Errno, libc, sys::mman::MmapAdvise};

use crate::{
    bare::{KIB, MIB, PAGE},
    child::{self, End, no_memory},
    fixture::Famfs,
    harness::Test,
    mapping::{ANYWHERE, BOTH, Mapping, READ, Request, beside_a_page, reserve},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "io_map::the_kernel_chooses_congruent_addresses",
        run: congruent,
    },
    Test {
        name: "io_map::extents_on_2_mib_are_mapped_by_2_mib",
        run: extents,
    },
    Test {
        name: "io_map::the_last_page_is_the_end",
        run: tail,
    },
    Test {
        name: "io_map::private_mappings_copy",
        run: private,
    },
    Test {
        name: "io_map::a_first_write_upgrades_what_was_read",
        run: upgrade,
    },
    Test {
        name: "io_map::mremap_fork_and_madvise_keep_the_bytes",
        run: moved,
    },
    Test {
        name: "io_map::map_sync_is_accepted",
        run: map_sync,
    },
    Test {
        name: "io_map::one_gib_is_tried_once_and_served_by_2_mib",
        run: huge,
    },
    Test {
        name: "io_map::a_touch_without_a_page_table_is_tried_by_2_mib_first",
        run: first_touch,
    },
];

const AT: u64 = 512 * MIB;
const PMD: usize = 2 << 20;
const LEN: usize = 4 << 20;

/// A mapping at an address that is 4 KiB past a multiple of 2 MiB.
fn skewed(file: &std::fs::File, len: usize, access: i32) -> Mapping {
    let request = Request {
        len,
        access,
        flags: libc::MAP_SHARED | libc::MAP_FIXED,
        address: reserve(len + 2 * PMD, PMD) + PAGE,
        ..ANYWHERE
    };
    Mapping::new(file, request).unwrap()
}

fn congruent() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 16 * MIB, &[(AT, 16 * MIB)]);
    for (offset, pte, pmd, fallback) in [
        (0, 0, 8, 0),
        (2 * MIB, 0, 7, 0),
        // The first 2 MiB are not all mapped: one try, then 4 KiB each.
        (4 * KIB, 511, 7, 1),
        (4 * MIB - 4 * KIB, 1, 6, 1),
        (5 * MIB, 256, 5, 1),
    ] {
        let request = Request {
            len: usize::try_from(16 * MIB - offset).unwrap(),
            offset,
            ..ANYWHERE
        };
        let map = Mapping::new(&file, request).unwrap();
        assert_eq!(
            map.address(0) % PMD as u64,
            offset % PMD as u64,
            "the address for offset {offset}"
        );
        let counted = famfs.counted(|| map.write_each(PAGE, 1));
        assert_eq!(counted, [pte, pmd, fallback, 0], "from offset {offset}");
    }
}

fn extents() {
    let famfs = Famfs::bare();
    // Three extents, in no order, of whole 2 MiB: each 2 MiB of the file is one fault.
    let three = [
        (AT + 8 * MIB, 2 * MIB),
        (AT, 4 * MIB),
        (AT + 20 * MIB, 2 * MIB),
    ];
    let file = famfs.mapped("three", 8 * MIB, &three);
    let map = Mapping::shared(&file, 8 << 20);
    assert_eq!(famfs.counted(|| map.read_each(PAGE)), [0, 4, 0, 0]);
    drop(map);
    let map = Mapping::shared(&file, 8 << 20);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [0, 4, 0, 0]);
    drop(map);
    // The first 2 MiB of this one lie in two pieces, the second 2 MiB in one.
    let mixed = [
        (AT + 40 * MIB, 4 * KIB),
        (AT + 60 * MIB + 4 * KIB, 4 * MIB - 4 * KIB),
    ];
    let file = famfs.mapped("mixed", 4 * MIB, &mixed);
    let map = Mapping::shared(&file, LEN);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [512, 1, 1, 0]);
    drop(map);
    // Memory that is shifted against the file by a page has no 2 MiB to give.
    let file = famfs.mapped("shifted", 4 * MIB, &[(AT + 80 * MIB + 4 * KIB, 4 * MIB)]);
    let map = Mapping::shared(&file, LEN);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [1024, 0, 2, 0]);
    // MAP_POPULATE is the same faults, taken beforehand; it reads, as far as others can see.
    let file = famfs.mapped("populated", 4 * MIB, &[(AT + 100 * MIB, 4 * MIB)]);
    let request = Request {
        len: LEN,
        flags: libc::MAP_SHARED | libc::MAP_POPULATE,
        ..ANYWHERE
    };
    let mut map = None;
    let counted = famfs.counted(|| map = Some(Mapping::new(&file, request).unwrap()));
    assert_eq!(counted, [0, 2, 0, 0]);
    let map = map.unwrap();
    assert_eq!(famfs.counted(|| map.read_each(PAGE)), [0; 4]);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [0, 2, 0, 0]);
}

fn tail() {
    let famfs = Famfs::bare();
    // 3 MiB and a bit, in memory of 4 MiB: what is behind the last page is not the file's.
    let size = 3 * MIB + 100;
    let file = famfs.mapped("file", size, &[(AT, 4 * MIB)]);
    let map = Mapping::shared(&file, LEN);
    let last = 3 << 20;
    let counted = famfs.counted(|| {
        for at in (0..=last).step_by(PAGE) {
            map.set(at, 1);
        }
        // Behind the last byte, in its page.
        map.set(last + PAGE - 1, 1);
    });
    assert_eq!(counted, [257, 1, 1, 0]);
    for at in [last + PAGE, LEN - 1] {
        let end = child::run(|| map.set(at, 1));
        assert_eq!(end, no_memory(map.address(at)), "a write at {at}");
        let end = child::run(|| {
            map.get(at);
        });
        assert_eq!(end, no_memory(map.address(at)), "a read at {at}");
    }
    // A mapping that begins behind the end.
    let request = Request {
        len: PAGE,
        offset: 8 * MIB,
        ..ANYWHERE
    };
    let map = Mapping::new(&file, request).unwrap();
    let end = child::run(|| {
        map.get(0);
    });
    assert_eq!(end, no_memory(map.address(0)));
}

fn private() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 4 * MIB, &[(AT, 4 * MIB)]);
    let shared = Mapping::shared(&file, LEN);
    shared.write_each(PAGE, 1);
    let private = Mapping::private(&file, PMD);
    // A copy is a page, never 2 MiB.
    let counted = famfs.counted(|| private.write_each(PAGE, 2));
    assert_eq!(counted, [512, 0, 1, 0]);
    assert_eq!((private.get(0), shared.get(0)), (2, 1));
    shared.set(0, 3);
    assert_eq!(private.get(0), 2, "a copy stays a copy");
    // Unwritten pages are the file's own.
    let reader = Mapping::private(&file, PMD);
    assert_eq!(famfs.counted(|| reader.read_each(PAGE)), [0, 1, 0, 0]);
    shared.set(PAGE, 4);
    assert_eq!((reader.get(PAGE), private.get(PAGE)), (4, 2));
    reader.set(PAGE, 5);
    assert_eq!((reader.get(PAGE), shared.get(PAGE)), (5, 4));
    assert_eq!(reader.get(0), 3, "its neighbours are the file's still");
}

fn upgrade() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 4 * MIB, &[(AT, 4 * MIB)]);
    let map = Mapping::shared(&file, LEN);
    assert_eq!(famfs.counted(|| map.read_each(PAGE)), [0, 2, 0, 0]);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [0, 2, 0, 0]);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 2)), [0; 4]);
    drop(map);
    // The same by mprotect(2), from a mapping for reading only.
    let map = Mapping::read_only(&file, LEN);
    assert_eq!(famfs.counted(|| map.read_each(PAGE)), [0, 2, 0, 0]);
    map.protect(BOTH).unwrap();
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 3)), [0, 2, 0, 0]);
    assert_eq!(map.get(PAGE), 3);
    drop(map);
    // By 4 KiB: one fault to read a page, one to make it writable.
    let map = skewed(&file, PMD, READ);
    assert_eq!(famfs.counted(|| map.read_each(PAGE)), [512, 0, 2, 0]);
    map.protect(BOTH).unwrap();
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 4)), [512, 0, 0, 0]);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 5)), [0; 4]);
    assert_eq!(Mapping::shared(&file, PAGE).get(0), 5);
}

fn moved() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 4 * MIB, &[(AT, 4 * MIB)]);
    let mut map = Mapping::shared(&file, PMD);
    map.write_each(PAGE, 1);
    map.resize(LEN);
    // The page table moved along; only what is new faults.
    let counted = famfs.counted(|| map.read_each(PAGE));
    assert_eq!(counted, [0, 1, 0, 0]);
    assert_eq!(map.get(PAGE), 1);
    map.set(PMD, 2);
    map.resize(PMD);
    assert_eq!(Mapping::shared(&file, LEN).get(PMD), 2);
    // A child shares the memory, and faults for itself.
    let counted = famfs.counted(|| {
        let end = child::run(|| {
            assert_eq!(map.get(0), 1);
            map.set(0, 7);
        });
        assert_eq!(end, End::Done);
    });
    assert_eq!(
        counted[0] + counted[1],
        2,
        "one to read, one to write: {counted:?}"
    );
    assert_eq!(map.get(0), 7);
    map.advise(0, PMD, MmapAdvise::MADV_DONTNEED).unwrap();
    let counted = famfs.counted(|| assert_eq!(map.get(0), 7));
    assert_eq!(
        counted,
        [0, 1, 0, 0],
        "nothing was lost, it is mapped again"
    );
}

fn map_sync() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 4 * MIB, &[(AT, 4 * MIB)]);
    let request = Request {
        len: LEN,
        flags: libc::MAP_SHARED_VALIDATE | libc::MAP_SYNC,
        ..ANYWHERE
    };
    let map = Mapping::new(&file, request).unwrap();
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [0, 2, 0, 0]);
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let flags = smaps.lines().filter(|line| {
        line.starts_with("VmFlags:") && line.split_whitespace().any(|flag| flag == "sf")
    });
    assert_eq!(flags.count(), 1, "the mapping is marked synchronous");
    // A flag that nobody knows is still refused.
    let flags = libc::MAP_SHARED_VALIDATE | 0x40_0000;
    let refused = Mapping::new(&file, Request { flags, ..request }).err();
    assert_eq!(refused, Some(Errno::EOPNOTSUPP));
}

/// The address space is aligned to 1 GiB and as large; the file need not be.
fn huge() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 8 * MIB, &[(AT, 8 * MIB)]);
    let gib = 1 << 30;
    let request = Request {
        len: gib,
        flags: libc::MAP_SHARED | libc::MAP_FIXED,
        address: reserve(gib, gib),
        ..ANYWHERE
    };
    let map = Mapping::new(&file, request).unwrap();
    let tries = famfs.faults("pud_try");
    let counted = famfs.counted(|| {
        for at in (0..8 << 20).step_by(PAGE) {
            map.set(at, 1);
        }
    });
    assert_eq!(counted, [0, 4, 0, 0]);
    assert_eq!(famfs.faults("pud_try") - tries, 1);
}

/// A mapping of one page, where its 2 MiB of address space have no page table and where they have.
fn first_touch() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 4 * KIB, &[(AT, 4 * KIB)]);
    let map = |address| {
        let request = Request {
            len: PAGE,
            flags: libc::MAP_SHARED | libc::MAP_FIXED,
            address,
            ..ANYWHERE
        };
        Mapping::new(&file, request).unwrap()
    };
    let span = reserve(PMD, PMD);
    let first = map(span + PAGE);
    let counted = famfs.counted(|| first.set(0, 1));
    assert_eq!(counted, [1, 0, 1, 0], "2 MiB are tried first");
    let second = map(span + 2 * PAGE);
    let counted = famfs.counted(|| second.set(0, 2));
    assert_eq!(counted, [1, 0, 0, 0], "the first one's page table is there");
    let beside = map(beside_a_page());
    let counted = famfs.counted(|| beside.set(0, 3));
    assert_eq!(counted, [1, 0, 0, 0], "a page of other memory has made one");
}
