//! Interleaved maps: bytes go round over the strips, chunk by chunk.

use std::{fs::File, os::unix::fs::FileExt};

use crate::{
    bare::{KIB, MIB, PAGE},
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
    raw::{
        send,
        v2::{Extent, Interleaved, extent},
        v44::{self, option},
    },
    tests::io::pattern,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "interleave::chunks_go_round_over_the_strips",
        run: rounds,
    },
    Test {
        name: "interleave::several_interleaved_extents_follow_each_other",
        run: several,
    },
    Test {
        name: "interleave::chunks_of_2_mib_are_mapped_by_2_mib",
        run: by_pmd,
    },
    Test {
        name: "interleave::small_and_odd_chunks_are_mapped_by_4_kib",
        run: by_pte,
    },
];

const AT: u64 = 512 * MIB;

/// Strips of the mounted device that are 16 MiB apart.
fn strips(count: u64, len: u64) -> Vec<Extent> {
    (0..count).map(|i| extent(AT + 16 * MIB * i, len)).collect()
}

pub(crate) fn map(file: &File, size: u64, extents: &[Interleaved]) {
    let message = v44::interleaved(size, extents);
    send(file, v44::MAP_CREATE, &message).unwrap_or_else(|errno| panic!("{errno} for {extents:?}"));
}

/// Where a position of the file is: the strip's number and the place in it.
fn place(chunk: u64, strips: u64, at: u64) -> (u64, u64) {
    let number = at / chunk;
    (number % strips, number / strips * chunk + at % chunk)
}

/// Writes through an interleaved file, removes it, and reads its strips through simple maps.
pub(crate) fn check_strips(famfs: &Famfs, chunk: u64, bytes: u64, strips: &[Extent]) {
    let file = famfs.blank("striped");
    let striped = Interleaved {
        chunk,
        bytes,
        strips: strips.to_vec(),
    };
    map(&file, bytes, &[striped]);
    let content = pattern(chunk, usize::try_from(bytes).unwrap());
    // Half by write(2), half through a mapping, and all of it read back by read(2).
    let half = content.len() / 2;
    file.write_all_at(&content[..half], 0).unwrap();
    let mapping = Mapping::shared(&file, content.len());
    for (at, byte) in content.iter().enumerate().skip(half) {
        mapping.set(at, *byte);
    }
    let mut again = vec![0; content.len()];
    file.read_exact_at(&mut again, 0).unwrap();
    assert!(again == content, "chunk {chunk}: read back otherwise");
    drop(mapping);
    drop(file);
    famfs.allow(option::UNLINK);
    std::fs::remove_file(famfs.path("striped")).unwrap();

    let simple: Vec<File> = strips
        .iter()
        .enumerate()
        .map(|(i, strip)| {
            let file = famfs.blank(&format!("strip{i}"));
            crate::raw::v2::map(&file, strip.len, &[*strip]).unwrap();
            file
        })
        .collect();
    let step = 512.min(chunk);
    for at in (0..bytes).step_by(usize::try_from(step).unwrap()) {
        let (strip, within) = place(chunk, strips.len() as u64, at);
        let len = usize::try_from(step.min(bytes - at)).unwrap();
        let mut piece = vec![0; len];
        simple[usize::try_from(strip).unwrap()]
            .read_exact_at(&mut piece, within)
            .unwrap();
        let start = usize::try_from(at).unwrap();
        assert!(
            piece == content[start..start + len],
            "chunk {chunk}: position {at} is not at {within} of strip {strip}"
        );
    }
    drop(simple);
    for i in 0..strips.len() {
        std::fs::remove_file(famfs.path(&format!("strip{i}"))).unwrap();
    }
}

fn rounds() {
    let famfs = Famfs::bare();
    for (chunk, count, bytes) in [
        (4 * KIB, 4, 100 * KIB + 123),
        (12 * KIB, 3, 200 * KIB + 1),
        (64 * KIB, 16, MIB + 4097),
        (100 * KIB, 5, 777 * KIB),
        (MIB, 1, 2 * MIB + 1),
        // Fewer chunks than strips: what is not needed is there all the same.
        (2 * MIB, 4, 3 * MIB),
    ] {
        check_strips(&famfs, chunk, bytes, &strips(count, 4 * MIB));
    }
}

fn several() {
    let famfs = Famfs::bare();
    let file = famfs.blank("file");
    let all = strips(6, 4 * MIB);
    let part = |chunk, bytes, strips: &[Extent]| Interleaved {
        chunk,
        bytes,
        strips: strips.to_vec(),
    };
    let parts = [
        part(8 * KIB, 40 * KIB, &all[..2]),
        part(4 * KIB, 4 * KIB, &all[2..3]),
        part(20 * KIB, 60 * KIB + 5, &all[3..]),
    ];
    let size = 104 * KIB + 5;
    map(&file, size, &parts);
    let content = pattern(9, usize::try_from(size).unwrap());
    file.write_all_at(&content, 0).unwrap();
    let mapping = Mapping::read_only(&file, content.len());
    for (at, byte) in content.iter().enumerate() {
        assert_eq!(mapping.get(at), *byte, "at {at}");
    }
    drop(mapping);
    drop(file);
    famfs.allow(option::UNLINK);
    std::fs::remove_file(famfs.path("file")).unwrap();
    // The second part is one page of the third strip.
    let strip = famfs.mapped("strip", 4 * KIB, &[(all[2].offset, 4 * KIB)]);
    let mut page = [0; PAGE];
    strip.read_exact_at(&mut page, 0).unwrap();
    assert_eq!(page, content[40 * 1024..44 * 1024]);
}

fn by_pmd() {
    let famfs = Famfs::bare();
    // A chunk of 6 MiB is three mappings of 2 MiB; the last chunk is not a whole one.
    for (chunk, strips_of, bytes, pmd) in [(2, 4, 14, 7), (4, 2, 8, 4), (6, 3, 20, 10)] {
        let file = famfs.blank(&format!("by{chunk}"));
        let base = AT + 64 * MIB * chunk;
        let striped = Interleaved {
            chunk: chunk * MIB,
            bytes: bytes * MIB,
            strips: (0..strips_of)
                .map(|i| extent(base + 16 * MIB * i, 12 * MIB))
                .collect(),
        };
        map(&file, bytes * MIB, &[striped]);
        let mapping = Mapping::shared(&file, usize::try_from(bytes * MIB).unwrap());
        let counted = famfs.counted(|| mapping.write_each(PAGE, 1));
        assert_eq!(counted, [0, pmd, 0, 0], "chunks of {chunk} MiB");
    }
}

fn by_pte() {
    let famfs = Famfs::bare();
    for (i, (chunk, pages, fallback)) in (0..).zip([(4, 1024, 2), (12, 1024, 2), (64, 512, 1)]) {
        let file = famfs.blank(&format!("by{chunk}"));
        let base = AT + 64 * MIB * i;
        let bytes = pages * 4 * KIB;
        let striped = Interleaved {
            chunk: chunk * KIB,
            bytes,
            strips: (0..3)
                .map(|i| extent(base + 16 * MIB * i, 4 * MIB))
                .collect(),
        };
        map(&file, bytes, &[striped]);
        let mapping = Mapping::shared(&file, usize::try_from(bytes).unwrap());
        let counted = famfs.counted(|| mapping.write_each(PAGE, 1));
        assert_eq!(
            counted,
            [pages, 0, fallback, 0],
            "chunks of {chunk} KiB: one try for each 2 MiB"
        );
    }
}
