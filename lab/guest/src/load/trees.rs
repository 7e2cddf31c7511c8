//! Many files, and files and mounts that come and go.

use std::fs;

use nix::{
    sys::signal::{Signal, kill},
    unistd::getppid,
};

use super::plain::{open, skewed};
use crate::{
    bare::{MIB, PAGE},
    fixture::Famfs,
    mapping::{ANYWHERE, Mapping, Request, beside_a_page},
    raw::v2,
};

/// Where the files of [`files`] begin on the device.
const FIRST: u64 = 16 * MIB;

/// Touches `n` files of one page each, on a mount that is there; makes those that are not. With
/// `stopped`, famfs-top, which started this, does not run meanwhile.
pub(super) fn files(n: u64, stopped: bool) {
    let famfs = Famfs::here();
    let signal = |signal| {
        if stopped {
            kill(getppid(), signal).unwrap();
        }
    };
    signal(Signal::SIGSTOP);
    let page = PAGE as u64;
    // One fault for each file, whatever the layout of the address space is.
    let request = Request {
        len: PAGE,
        address: beside_a_page(),
        flags: ANYWHERE.flags | nix::libc::MAP_FIXED,
        ..ANYWHERE
    };
    for i in 0..n {
        let name = i.to_string();
        let file = if fs::exists(famfs.path(&name)).unwrap() {
            open(&famfs.path(&name)).0
        } else {
            let file = famfs.blank(&name);
            v2::map(&file, page, &[v2::extent(FIRST + i * page, page)]).unwrap();
            file
        };
        Mapping::new(&file, request).unwrap().set(0, 1);
    }
    signal(Signal::SIGCONT);
    // The test still has to ask it.
    std::mem::forget(famfs);
}

/// Mounts, faults and unmounts `n` times; leaves what the module had counted each time, added
/// up, in `/tmp/mounts`.
pub(super) fn mounts(n: u64) {
    let famfs = Famfs::here();
    let mut counted = 0;
    for _ in 0..n {
        famfs.mount();
        let (file, len) = open(&famfs.path("file"));
        skewed(&file, len).write_each(PAGE, 1);
        drop(file);
        counted += famfs.total();
        famfs.umount();
    }
    fs::write("/tmp/mounts", counted.to_string()).unwrap();
}

/// Files `stays`, `moves` and `goes` are touched before and after one is renamed and one deleted.
pub(super) fn renames(directory: &str) {
    let path = |name: &str| format!("{directory}/{name}");
    let maps = ["stays", "moves", "goes"].map(|name| {
        let (file, len) = open(&path(name));
        skewed(&file, len)
    });
    let half = |first: usize| {
        for map in &maps {
            for page in first..first + 256 {
                map.set(page * PAGE, 1);
            }
        }
    };
    half(0);
    fs::rename(path("moves"), path("moved")).unwrap();
    fs::remove_file(path("goes")).unwrap();
    half(256);
}
