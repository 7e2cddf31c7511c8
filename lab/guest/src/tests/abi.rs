//! What the three ABIs share: numbers, NOP, and which check comes first.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
};

use nix::errno::Errno;

use crate::{
    bare::{MIB, errno},
    child,
    fixture::Famfs,
    harness::Test,
    raw::{
        Form, NOP_43, NOP_44, NOWHERE, call, v1,
        v2::{self, extent},
        v44::{self, option},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi::user_space_recognises_the_module",
        run: recognised,
    },
    Test {
        name: "abi::nop_of_both_numbers_always_works",
        run: nop,
    },
    Test {
        name: "abi::unknown_ioctls_are_enotty_and_maps_of_folders_eisdir",
        run: unknown,
    },
    Test {
        name: "abi::checks_come_in_this_order",
        run: order,
    },
    Test {
        name: "abi::every_form_keeps_the_same_limits",
        run: limits,
    },
];

fn recognised() {
    let _famfs = Famfs::bare();
    for (name, value) in [("famfs_kabi_version", "43"), ("kabi_version", "44")] {
        let path = format!("/sys/module/famfs/parameters/{name}");
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), value, "{name}");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o444, "{name}");
        assert_eq!(errno(fs::write(&path, "1")), Errno::EACCES, "{name}");
    }
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
    let found = symbols
        .lines()
        .filter(|line| line.ends_with(" famfs_create\t[famfs]"))
        .count();
    assert_eq!(found, 1, "the upstream tools look for this symbol");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let device = std::env::var("FAMFS_DEV").unwrap();
    assert!(
        mounts.contains(&format!("{device} /mnt/famfs famfs rw,noatime")),
        "{mounts}"
    );
}

/// Every kind of descriptor that may ask.
fn descriptors(famfs: &Famfs) -> Vec<(&'static str, File)> {
    let open = |name: &str| File::open(famfs.path(name)).unwrap();
    let written = File::options()
        .write(true)
        .open(famfs.path("mapped"))
        .unwrap();
    vec![
        ("the root", famfs.root()),
        ("a folder", open("folder")),
        ("a file without a map", open("blank")),
        ("a mapped file", open("mapped")),
        ("a mapped file, for writing only", written),
        ("an invalid file", open("invalid")),
    ]
}

fn scene() -> Famfs {
    let famfs = Famfs::bare();
    fs::create_dir(famfs.path("folder")).unwrap();
    famfs.blank("blank");
    famfs.mapped("mapped", 2 * MIB, &[(512 * MIB, 2 * MIB)]);
    famfs.allow(option::TRUNCATE);
    let invalid = famfs.mapped("invalid", 2 * MIB, &[(514 * MIB, 2 * MIB)]);
    invalid.set_len(MIB).unwrap();
    famfs
}

fn nop() {
    let famfs = scene();
    for (what, file) in descriptors(&famfs) {
        for number in [NOP_43, NOP_44] {
            assert_eq!(call(&file, number, 0), Ok(()), "{number:#x} on {what}");
            // The argument means nothing.
            assert_eq!(call(&file, number, u64::MAX), Ok(()), "{number:#x}, {what}");
        }
    }
    let file = famfs.root();
    child::as_nobody(|| {
        for number in [NOP_43, NOP_44] {
            assert_eq!(call(&file, number, 0), Ok(()), "{number:#x} for anybody");
        }
    });
    // Which is why a user space can tell a famfs file by it.
    let other = File::open("/tmp").unwrap();
    for number in [NOP_43, NOP_44] {
        assert_eq!(call(&other, number, 0), Err(Errno::ENOTTY));
    }
}

fn unknown() {
    let famfs = scene();
    for (what, file) in descriptors(&famfs) {
        for number in [
            0x7549,
            0x7556,
            // The numbers of February 2024.
            0x4038_7501,
            // Known numbers with another size or direction.
            0x4030_7550,
            0x8020_7551,
            0x4020_7552,
            0xc008_7553,
            0x8008_7554,
            // Another letter.
            0x4020_7651,
            u32::MAX,
        ] {
            let taken = call(&file, number, NOWHERE);
            assert_eq!(taken, Err(Errno::ENOTTY), "{number:#x} on {what}");
        }
    }
    for folder in [famfs.root(), File::open(famfs.path("folder")).unwrap()] {
        for number in [
            v1::MAP_CREATE,
            v1::MAP_GET,
            v1::MAP_GETEXT,
            v2::MAP_CREATE,
            v2::MAP_GET,
            v44::MAP_CREATE,
        ] {
            let taken = call(&folder, number, NOWHERE);
            assert_eq!(taken, Err(Errno::EISDIR), "{number:#x}");
        }
    }
}

/// Each line breaks two rules; the error is that of the first.
fn order() {
    let famfs = Famfs::bare();
    let taken = famfs.mapped("taken", 4 * MIB, &[(512 * MIB, 4 * MIB)]);
    let taken_ro = File::open(famfs.path("taken")).unwrap();
    let file = famfs.blank("file");
    let file_ro = File::open(famfs.path("file")).unwrap();
    let inside = extent(514 * MIB, 2 * MIB);
    let beyond = extent(1 << 50, 2 * MIB);
    for form in Form::ALL {
        let at_nowhere = |file| call(file, form.number(), NOWHERE);
        child::as_nobody(|| {
            assert_eq!(at_nowhere(&file_ro), Err(Errno::EPERM), "{form:?}");
            assert_eq!(at_nowhere(&taken), Err(Errno::EPERM), "{form:?}");
        });
        v44::change_options(&famfs.root(), v44::CLEAR_OPTS, option::MAP_CREATE).unwrap();
        assert_eq!(at_nowhere(&taken_ro), Err(Errno::EPERM), "{form:?}");
        famfs.allow(option::MAP_CREATE);
        assert_eq!(at_nowhere(&taken_ro), Err(Errno::EBADF), "{form:?}");
        assert_eq!(at_nowhere(&taken), Err(Errno::EEXIST), "{form:?}");
        assert_eq!(at_nowhere(&file), Err(Errno::EFAULT), "{form:?}");
        // Form, then device, then other files.
        let kind = form.map(&file, 3, 2 * MIB, &[beyond]);
        assert_eq!(kind, Err(Errno::EINVAL), "{form:?}: type, bounds");
        let bounds = form.map(&file, 0, 4 * MIB, &[inside, beyond]);
        assert_eq!(bounds, Err(Errno::ERANGE), "{form:?}: bounds, overlap");
        let overlap = form.map(&file, 0, 2 * MIB, &[inside]);
        assert_eq!(overlap, Err(Errno::EBUSY), "{form:?}");
    }
    // A map stays a file's only one, also when a changed size has made it invalid.
    famfs.allow(option::TRUNCATE);
    taken.set_len(MIB).unwrap();
    for form in Form::ALL {
        let again = form.map(&taken, 0, MIB, &[extent(600 * MIB, 2 * MIB)]);
        assert_eq!(again, Err(Errno::EEXIST), "{form:?}");
    }
    // And after all that, nothing was kept.
    assert_eq!(v2::map(&file, 4, &[extent(516 * MIB, 4096)]), Ok(()));
}

/// Sizes and places that no form of the message accepts.
fn limits() {
    let famfs = Famfs::bare();
    let size = famfs.size();
    let room = 2 * MIB;
    for form in Form::ALL {
        let file = famfs.blank(&format!("{form:?}"));
        let at = |offset| extent(offset, room);
        for (why, kind, bytes, extents, expected) in [
            ("type 3", 3, room, vec![at(512 * MIB)], Errno::EINVAL),
            ("type 255", 255, room, vec![at(512 * MIB)], Errno::EINVAL),
            ("no bytes", 0, 0, vec![at(512 * MIB)], Errno::EINVAL),
            (
                "one byte too many",
                0,
                room + 1,
                vec![at(512 * MIB)],
                Errno::EINVAL,
            ),
            ("all ones", 0, u64::MAX, vec![at(512 * MIB)], Errno::EINVAL),
            (
                "an empty extent",
                0,
                1,
                vec![extent(512 * MIB, 0)],
                Errno::EINVAL,
            ),
            ("the superblock", 0, room, vec![at(0)], Errno::EINVAL),
            (
                "the superblock, as log",
                2,
                room,
                vec![at(0)],
                Errno::EINVAL,
            ),
            ("the very end", 0, room, vec![at(size)], Errno::ERANGE),
            (
                "across the end",
                0,
                room,
                vec![extent(size - room, 2 * room)],
                Errno::ERANGE,
            ),
            (
                "offset and length overflow",
                0,
                room,
                vec![at(room.wrapping_neg())],
                Errno::ERANGE,
            ),
            ("itself", 0, 2 * room, vec![at(512 * MIB); 2], Errno::EBUSY),
        ] {
            let taken = form.map(&file, kind, bytes, &extents);
            assert_eq!(taken, Err(expected), "{form:?}: {why}");
        }
        assert_eq!(file.metadata().unwrap().len(), 0, "{form:?}");
        assert_eq!(
            errno(fs::read(famfs.path(&format!("{form:?}")))),
            Errno::EIO
        );
    }
    let free = nix::sys::statvfs::statvfs(famfs.mountpoint).unwrap();
    assert_eq!(free.blocks_free(), free.blocks(), "nothing was reserved");
    // What each form does accept: the superblock, the log, the last byte of the device.
    for (index, form) in Form::ALL.into_iter().enumerate() {
        let meta = famfs.blank(&format!("sb{index}"));
        assert_eq!(form.map(&meta, 1, room, &[extent(0, room)]), Ok(()));
        let log = famfs.blank(&format!("log{index}"));
        assert_eq!(form.map(&log, 2, 8 * MIB, &[extent(room, 8 * MIB)]), Ok(()));
        let last = famfs.blank(&format!("last{index}"));
        let end = extent((size - room) & !(room - 1), room);
        assert_eq!(form.map(&last, 0, room, &[end]), Ok(()));
        // A mount has room for one of each.
        drop((meta, log, last));
        famfs.detach();
        famfs.attach();
    }
}
