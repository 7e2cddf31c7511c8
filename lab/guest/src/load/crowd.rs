//! Many at once.

use std::{sync::atomic::Ordering, thread};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::mman::MmapAdvise,
    unistd::Pid,
};

use super::plain::{Shuffle, mapped, open, skewed};
use crate::{
    bare::PAGE,
    child::{Child, End},
};

/// A process for each file, all at once: every page, then all of them taken away again.
pub(super) fn processes(rounds: u64, paths: &[&str]) {
    let children: Vec<Child> = paths
        .iter()
        .map(|path| {
            Child::spawn(|_| {
                let (file, len) = open(path);
                let map = skewed(&file, len);
                for _ in 0..rounds {
                    map.write_each(PAGE, 1);
                    map.advise(0, len, MmapAdvise::MADV_DONTNEED).unwrap();
                }
            })
        })
        .collect();
    for child in children {
        assert_eq!(child.wait(), End::Done);
    }
}

/// Threads that share a mapping and take each other's pages away.
pub(super) fn threads(rounds: u64, threads: u64, path: &str) {
    let (file, len) = open(path);
    let map = &skewed(&file, len);
    thread::scope(|scope| {
        for seed in 0..threads {
            scope.spawn(move || {
                let mut shuffle = Shuffle(seed);
                for round in 0..rounds {
                    for _ in 0..64 {
                        let at = shuffle.below(len / PAGE) * PAGE;
                        if round % 2 == 0 {
                            map.get(at);
                        } else {
                            map.set(at, 1);
                        }
                    }
                    let at = shuffle.below(len / PAGE) * PAGE;
                    map.advise(at, PAGE, MmapAdvise::MADV_DONTNEED).unwrap();
                }
            });
        }
    });
}

/// One thread on each CPU with a file of its own: `faults` in all.
pub(super) fn pinned(faults: u64, paths: &[&str]) {
    let each = faults / paths.len() as u64;
    thread::scope(|scope| {
        for (cpu, path) in paths.iter().enumerate() {
            scope.spawn(move || {
                let mut set = CpuSet::new();
                set.set(cpu).unwrap();
                sched_setaffinity(Pid::from_raw(0), &set).unwrap();
                let (file, len) = open(path);
                let map = skewed(&file, len);
                let mut left = each;
                while left > 0 {
                    let pages = left.min((len / PAGE) as u64);
                    for page in 0..usize::try_from(pages).unwrap() {
                        map.set(page * PAGE, 1);
                    }
                    map.advise(0, len, MmapAdvise::MADV_DONTNEED).unwrap();
                    left -= pages;
                }
            });
        }
    });
}

/// A shared mapping that is full, half of it 2 MiB at a time; its child finds nothing mapped.
pub(super) fn fork(path: &str) {
    let (file, len) = open(path);
    let maps = [
        mapped(&file, len, 0, nix::libc::MAP_SHARED),
        skewed(&file, len),
        mapped(&file, len, PAGE, nix::libc::MAP_PRIVATE),
    ];
    let touch = || {
        for map in &maps {
            map.write_each(PAGE, 1);
        }
    };
    touch();
    let child = Child::spawn(|_| touch());
    touch();
    assert_eq!(child.wait(), End::Done);
}

/// Two processes fault as fast as they can until the file's size changes under them.
pub(super) fn truncate(path: &str) {
    let (file, len) = open(path);
    let mut children: Vec<Child> = (0..2)
        .map(|_| {
            Child::spawn(|board| {
                let map = skewed(&file, len);
                loop {
                    map.write_each(PAGE, 1);
                    map.advise(0, len, MmapAdvise::MADV_DONTNEED).unwrap();
                    board.at(0).fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for child in &mut children {
        child.await_at_least(0, 2);
    }
    file.set_len(len as u64 / 2).unwrap();
    for child in children {
        assert!(matches!(child.wait(), End::Bus { .. }));
    }
}
