//! One thread, one file, one pattern.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
};

use crate::{
    bare::PAGE,
    mapping::{ANYWHERE, BOTH, Mapping, Request, reserve},
};

/// A span that one PMD maps.
const SPAN: usize = 2 << 20;

pub(super) fn open(path: &str) -> (File, usize) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    let len = usize::try_from(file.metadata().unwrap().len()).unwrap();
    (file, len)
}

/// Mapped at a place that is `skew` bytes off a multiple of 2 MiB.
pub(super) fn mapped(file: &File, len: usize, skew: usize, flags: i32) -> Mapping {
    let address = reserve(len + 2 * SPAN, SPAN) + skew;
    let request = Request {
        len,
        address,
        flags: flags | nix::libc::MAP_FIXED,
        access: BOTH,
        ..ANYWHERE
    };
    Mapping::new(file, request).unwrap()
}

pub(super) fn skewed(file: &File, len: usize) -> Mapping {
    mapped(file, len, PAGE, nix::libc::MAP_SHARED)
}

/// Numbers in no order, the same in every run.
pub(super) struct Shuffle(pub(super) u64);

impl Shuffle {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

pub(super) fn sequential(path: &str) {
    let (file, len) = open(path);
    mapped(&file, len, 0, nix::libc::MAP_SHARED).read_each(PAGE);
    mapped(&file, len, 0, nix::libc::MAP_SHARED).write_each(PAGE, 1);
}

/// Every page once, 4 KiB at a time, in no order.
pub(super) fn random(path: &str) {
    let (file, len) = open(path);
    let map = skewed(&file, len);
    let mut pages: Vec<usize> = (0..len / PAGE).collect();
    let mut shuffle = Shuffle(1);
    for last in (1..pages.len()).rev() {
        pages.swap(last, shuffle.below(last + 1));
    }
    for page in pages {
        map.set(page * PAGE, 1);
    }
}

/// Half of the pages are read first: a read maps the file, a write copies.
pub(super) fn private(path: &str) {
    let (file, len) = open(path);
    let map = mapped(&file, len, 0, nix::libc::MAP_PRIVATE);
    for at in (0..len / 2).step_by(PAGE) {
        map.get(at);
    }
    map.write_each(PAGE, 2);
}

/// Read, then written: the second access of each piece raises the first one's rights.
pub(super) fn upgrade(path: &str) {
    let (file, len) = open(path);
    for skew in [0, PAGE] {
        let map = mapped(&file, len, skew, nix::libc::MAP_SHARED);
        map.read_each(PAGE);
        map.write_each(PAGE, 3);
    }
}

pub(super) fn incongruent(path: &str) {
    let (file, len) = open(path);
    for pages in [1, 7, 511] {
        mapped(&file, len, pages * PAGE, nix::libc::MAP_SHARED).write_each(PAGE, 4);
    }
}

/// The file's end lies inside a page and inside a 2 MiB span, the mapping's beyond it.
pub(super) fn tail(path: &str) {
    let (file, len) = open(path);
    assert_ne!(len % PAGE, 0);
    let map = mapped(&file, len.next_multiple_of(SPAN), 0, nix::libc::MAP_SHARED);
    for at in (0..len).step_by(PAGE) {
        map.set(at, 5);
    }
}

/// 12 reads of 8 KiB, 5 writes of 4 KiB, one read at the end of the file, which copies nothing.
pub(super) fn copies(path: &str) {
    let (file, len) = open(path);
    let mut buffer = [7; 8192];
    for i in 0..12 {
        file.read_exact_at(&mut buffer, i * 8192).unwrap();
    }
    for i in 0..5 {
        file.write_all_at(&buffer[..4096], i * 4096).unwrap();
    }
    assert_eq!(file.read_at(&mut buffer, len as u64).unwrap(), 0);
}
