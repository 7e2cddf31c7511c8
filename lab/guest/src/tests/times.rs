//! Times that faults leave behind: the module updates them once per tick, not once per fault.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::MetadataExt,
};

use nix::sys::{stat::futimens, time::TimeSpec};

use crate::{fixture::Famfs, harness::Test, mapping::Mapping};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "times::a_write_fault_moves_mtime_right_after_utimes",
        run: write_fault,
    },
    Test {
        name: "times::a_read_fault_leaves_mtime",
        run: read_fault,
    },
];

const LONG_AGO: i64 = 1000;
/// Far more rounds than fit between two ticks: most begin in the tick that the last one ended in.
const ROUNDS: usize = 500;

fn file(famfs: &Famfs) -> File {
    let path = famfs.creat("times", "2M");
    let file = OpenOptions::new().read(true).write(true).open(path);
    file.unwrap()
}

fn set_back(file: &File) {
    let time = TimeSpec::new(LONG_AGO, 0);
    futimens(file, &time, &time).unwrap();
    assert_eq!(file.metadata().unwrap().mtime(), LONG_AGO);
}

fn write_fault() {
    let famfs = Famfs::fresh();
    let file = file(&famfs);
    for round in 0..ROUNDS {
        set_back(&file);
        Mapping::shared(&file, 4096).set(0, 1);
        let now = file.metadata().unwrap();
        assert_ne!(now.mtime(), LONG_AGO, "round {round}");
    }
}

fn read_fault() {
    let famfs = Famfs::fresh();
    let file = file(&famfs);
    Mapping::shared(&file, 4096).set(0, 1);
    set_back(&file);
    Mapping::read_only(&file, 4096).get(0);
    Mapping::private(&file, 4096).set(0, 1);
    assert_eq!(file.metadata().unwrap().mtime(), LONG_AGO);
}
