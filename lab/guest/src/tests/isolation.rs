//! One device, many files: nobody gets at what is not his.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    os::unix::fs::{FileExt, PermissionsExt},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
};

use crate::{
    bare::{KIB, MIB, PAGE, errno},
    child::{self, no_memory},
    fixture::Famfs,
    harness::Test,
    mapping::{ANYWHERE, BOTH, Mapping, Request},
    raw::{Form, NOWHERE, call, v2},
    tests::io::pattern,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "isolation::what_may_be_read_only_is_never_written",
        run: read_only,
    },
    Test {
        name: "isolation::a_read_only_mount_takes_no_change",
        run: read_only_mount,
    },
    Test {
        name: "isolation::files_side_by_side_stay_apart",
        run: neighbours,
    },
];

const AT: u64 = 512 * MIB;

fn read_only() {
    let famfs = Famfs::bare();
    let path = famfs.path("file");
    let file = famfs.mapped("file", 2 * MIB, &[(AT, 2 * MIB)]);
    let content = pattern(5, 2 << 20);
    file.write_all_at(&content, 0).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let hidden = famfs.path("hidden");
    famfs.mapped("hidden", 2 * MIB, &[(AT + 2 * MIB, 2 * MIB)]);
    fs::set_permissions(&hidden, Permissions::from_mode(0o600)).unwrap();
    child::as_nobody(|| {
        assert_eq!(
            errno(OpenOptions::new().write(true).open(&path)),
            Errno::EACCES
        );
        assert_eq!(errno(File::open(&hidden)), Errno::EACCES);
        let file = File::open(&path).unwrap();
        assert_eq!(errno(file.write_at(b"x", 0)), Errno::EBADF);
        let writable = Request {
            len: 2 << 20,
            ..ANYWHERE
        };
        assert_eq!(Mapping::new(&file, writable).err(), Some(Errno::EACCES));
        let map = Mapping::read_only(&file, 2 << 20);
        map.read_each(PAGE);
        assert_eq!(map.protect(BOTH), Err(Errno::EACCES));
        // The way that a debugger has into memory it may not write. (A process that has given up
        // privileges may not debug itself, unless it says so.)
        nix::sys::prctl::set_dumpable(true).unwrap();
        let memory = OpenOptions::new()
            .write(true)
            .open("/proc/self/mem")
            .unwrap();
        assert_eq!(errno(memory.write_at(b"x", map.address(0))), Errno::EIO);
        // A copy may be written, and stays a copy.
        let copy = Mapping::private(&file, 2 << 20);
        copy.write_each(PAGE, 9);
        assert_eq!(map.get(0), content[0]);
    });
    assert!(
        fs::read(&path).unwrap() == content,
        "not a byte was changed"
    );
    // A descriptor for writing only maps nothing either.
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let mapped = Mapping::new(
        &writer,
        Request {
            len: PAGE,
            ..ANYWHERE
        },
    );
    assert_eq!(mapped.err(), Some(Errno::EACCES));
}

fn remount(famfs: &Famfs, flags: MsFlags) {
    mount(
        Some(famfs.device.as_str()),
        famfs.mountpoint,
        Some("famfs"),
        MsFlags::MS_REMOUNT | flags,
        None::<&str>,
    )
    .unwrap();
}

fn read_only_mount() {
    let famfs = Famfs::bare();
    let path = famfs.path("file");
    drop(famfs.mapped("file", 2 * MIB, &[(AT, 2 * MIB)]));
    drop(famfs.blank("blank"));
    remount(&famfs, MsFlags::MS_RDONLY);
    assert_eq!(
        errno(OpenOptions::new().write(true).open(&path)),
        Errno::EROFS
    );
    assert_eq!(errno(File::create_new(famfs.path("new"))), Errno::EROFS);
    assert_eq!(errno(fs::create_dir(famfs.path("folder"))), Errno::EROFS);
    assert_eq!(errno(fs::remove_file(&path)), Errno::EROFS);
    let mode = Permissions::from_mode(0o600);
    assert_eq!(errno(fs::set_permissions(&path, mode)), Errno::EROFS);
    let blank = File::open(famfs.path("blank")).unwrap();
    for form in Form::ALL {
        let map = || call(&blank, form.number(), NOWHERE);
        assert_eq!(map(), Err(Errno::EROFS), "{form:?}");
        child::as_nobody(|| assert_eq!(map(), Err(Errno::EPERM), "{form:?}"));
    }
    let reader = File::open(&path).unwrap();
    let mapped = Mapping::new(
        &reader,
        Request {
            len: PAGE,
            ..ANYWHERE
        },
    );
    assert_eq!(mapped.err(), Some(Errno::EACCES));
    assert_eq!(fs::read(&path).unwrap().len(), 2 << 20);
    assert_eq!(
        Mapping::read_only(&reader, PAGE).get(0),
        fs::read(&path).unwrap()[0]
    );
    remount(&famfs, MsFlags::empty());
    fs::write(famfs.path("late"), "").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    assert_eq!(file.write_at(b"x", 0).unwrap(), 1);
}

/// Three files in a row, none of which ends where its memory ends; each is filled in all the
/// ways there are, to its last page.
fn neighbours() {
    let famfs = Famfs::bare();
    // Length, first byte on the device, bytes there.
    let files = [
        ("low", 2 * MIB - 100, 0, 2 * MIB),
        ("middle", MIB + 5, 2 * MIB, MIB + 8 * KIB),
        ("high", 3 * MIB, 3 * MIB + 8 * KIB, 3 * MIB),
    ];
    let open: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, &(name, size, offset, len))| {
            let file = famfs.mapped(name, size, &[(AT + offset, len)]);
            let content = pattern(index as u64, usize::try_from(size).unwrap());
            file.write_all_at(&content, 0).unwrap();
            (file, content)
        })
        .collect();
    let intact = |except: &str| {
        for ((name, ..), (_, content)) in files.iter().zip(&open) {
            if *name != except {
                let seen = fs::read(famfs.path(name)).unwrap();
                assert!(seen == *content, "{name}, after {except} was filled");
            }
        }
    };
    intact("");
    let (middle, content) = &open[1];
    let pages = content.len().next_multiple_of(PAGE);
    // Mapped far beyond its end; congruent, so that 2 MiB would be taken if they were there.
    let map = Mapping::shared(middle, 8 << 20);
    for at in (0..pages).step_by(64) {
        map.set(at, 0xee);
    }
    for at in [pages, pages + (1 << 20), (8 << 20) - 1] {
        let end = child::run(|| map.set(at, 0xee));
        assert_eq!(end, no_memory(map.address(at)), "behind the end, at {at}");
    }
    intact("middle");
    // write(2) ends with the file as well.
    let long = vec![0xdd; 4 << 20];
    assert_eq!(middle.write_at(&long, 0).unwrap(), content.len());
    assert_eq!(middle.write_at(&long, 4096).unwrap(), content.len() - 4096);
    intact("middle");
    middle.write_all_at(content, 0).unwrap();

    // 2 MiB of a file in two places: a 2 MiB mapping of the first would show the second's neighbour.
    let split = famfs.mapped(
        "split",
        2 * MIB,
        &[(AT + 64 * MIB, MIB), (AT + 70 * MIB, MIB)],
    );
    let other = famfs.mapped("other", MIB, &[(AT + 65 * MIB, MIB)]);
    let theirs = pattern(9, 1 << 20);
    other.write_all_at(&theirs, 0).unwrap();
    let map = Mapping::shared(&split, 2 << 20);
    assert_eq!(famfs.counted(|| map.write_each(PAGE, 1)), [512, 0, 1, 0]);
    assert!(fs::read(famfs.path("other")).unwrap() == theirs);
    intact("");
    // Nor can a file be laid over another one (which tests of the three ABIs show in detail).
    let thief = famfs.blank("thief");
    let taken = v2::map(&thief, 4096, &[v2::extent(AT + 4096, 4 * KIB)]);
    assert_eq!(taken, Err(Errno::EBUSY));
}
