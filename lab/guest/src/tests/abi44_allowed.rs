//! Each option bit of KABI 44 allows one kind of change, and nothing else does.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{FileExt, PermissionsExt, chown, symlink},
    time::SystemTime,
};

use nix::{errno::Errno, libc, sys::stat::Mode, unistd::mkfifo};

use crate::{
    bare::{MIB, PAGE, errno},
    fixture::Famfs,
    harness::Test,
    mapping::{ANYWHERE, Mapping, Request},
    raw::{
        v2::{self, extent},
        v44::{CLEAR_OPTS, SET_OPTS, change_options, option},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi44::each_option_allows_its_change_and_no_other_does",
        run: each,
    },
    Test {
        name: "abi44::without_write_a_file_is_for_reading",
        run: no_write,
    },
    Test {
        name: "abi44::a_file_without_a_valid_map_may_always_be_unlinked",
        run: unlink_invalid,
    },
];

/// One change and the bit that allows it. Runs in a folder with `file`, mapped, and `empty/`;
/// it can be done once.
type Change = (&'static str, u64, fn(&str) -> io::Result<()>);

const CHANGES: &[Change] = &[
    ("creat", option::CREATE, |at| {
        File::create_new(format!("{at}/new")).map(drop)
    }),
    ("mkdir", option::MKDIR, |at| {
        fs::create_dir(format!("{at}/new"))
    }),
    ("mknod", option::MKNOD, |at| {
        let mode = Mode::from_bits_truncate(0o600);
        mkfifo(format!("{at}/new").as_str(), mode).map_err(Into::into)
    }),
    ("symlink", option::SYMLINK, |at| {
        symlink("file", format!("{at}/new"))
    }),
    ("link", option::LINK, |at| {
        fs::hard_link(format!("{at}/file"), format!("{at}/new"))
    }),
    ("unlink", option::UNLINK, |at| {
        fs::remove_file(format!("{at}/file"))
    }),
    ("rmdir", option::RMDIR, |at| {
        fs::remove_dir(format!("{at}/empty"))
    }),
    ("rename", option::RENAME, |at| {
        fs::rename(format!("{at}/file"), format!("{at}/new"))
    }),
    ("rename of a folder", option::RENAME, |at| {
        fs::rename(format!("{at}/empty"), format!("{at}/new"))
    }),
    ("chmod", option::CHMOD, |at| {
        fs::set_permissions(format!("{at}/file"), Permissions::from_mode(0o600))
    }),
    ("chmod of a folder", option::CHMOD, |at| {
        fs::set_permissions(format!("{at}/empty"), Permissions::from_mode(0o700))
    }),
    ("chown", option::CHOWN, |at| {
        chown(format!("{at}/file"), Some(7), None)
    }),
    ("chgrp", option::CHOWN, |at| {
        chown(format!("{at}/file"), None, Some(7))
    }),
    ("truncate", option::TRUNCATE, |at| {
        OpenOptions::new()
            .write(true)
            .open(format!("{at}/file"))?
            .set_len(1)
    }),
    ("truncate to its own size", option::TRUNCATE, |at| {
        OpenOptions::new()
            .write(true)
            .open(format!("{at}/file"))?
            .set_len(2 * MIB)
    }),
    ("O_TRUNC", option::TRUNCATE, |at| {
        File::create(format!("{at}/file")).map(drop)
    }),
    ("utimes", option::UTIMES, |at| {
        File::open(format!("{at}/file"))?.set_modified(SystemTime::UNIX_EPOCH)
    }),
    ("write", option::WRITE, |at| {
        OpenOptions::new()
            .write(true)
            .open(format!("{at}/file"))?
            .write_at(&[1], 0)
            .map(drop)
    }),
];

fn each() {
    let famfs = Famfs::bare();
    let root = famfs.root();
    for (index, (what, bit, change)) in CHANGES.iter().enumerate() {
        change_options(&root, SET_OPTS, option::DEFAULT).unwrap();
        let folder = format!("at{index}");
        fs::create_dir(famfs.path(&folder)).unwrap();
        fs::create_dir(famfs.path(&format!("{folder}/empty"))).unwrap();
        let offset = 512 * MIB + index as u64 * 2 * MIB;
        drop(famfs.mapped(&format!("{folder}/file"), 2 * MIB, &[(offset, 2 * MIB)]));
        let path = famfs.path(&folder);
        change_options(&root, SET_OPTS, 0x7fff).unwrap();
        change_options(&root, CLEAR_OPTS, *bit).unwrap();
        assert_eq!(errno(change(&path)), Errno::EPERM, "{what} without its bit");
        change_options(&root, CLEAR_OPTS, 0x7fff).unwrap();
        assert_eq!(errno(change(&path)), Errno::EPERM, "{what} without any bit");
        change_options(&root, SET_OPTS, *bit).unwrap();
        change(&path).unwrap_or_else(|error| panic!("{what} with its bit: {error}"));
    }
    // Reading and looking need no bit.
    change_options(&root, CLEAR_OPTS, 0x7fff).unwrap();
    assert_eq!(famfs.attribute("options").trim_start_matches("0x"), "0");
    let last = format!("{}/file", famfs.path(&format!("at{}", CHANGES.len() - 1)));
    assert_eq!(fs::read(&last).unwrap().len(), 2 << 20);
    fs::read_dir(famfs.mountpoint).unwrap().for_each(drop);
    // There is nothing behind extended attributes but their bit.
    change_options(&root, SET_OPTS, option::XATTR).unwrap();
    let path = std::ffi::CString::new(last).unwrap();
    // SAFETY: two strings and a value that live through the call.
    let set = unsafe {
        libc::setxattr(
            path.as_ptr(),
            c"user.x".as_ptr(),
            c"y".as_ptr().cast(),
            1,
            0,
        )
    };
    assert_eq!(Errno::result(set), Err(Errno::EOPNOTSUPP));
}

fn no_write() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 2 * MIB, &[(512 * MIB, 2 * MIB)]);
    let early = Mapping::shared(&file, 2 << 20);
    change_options(&famfs.root(), CLEAR_OPTS, option::WRITE).unwrap();
    assert_eq!(errno(file.write_at(&[1], 0)), Errno::EPERM);
    let writable = Request {
        len: PAGE,
        ..ANYWHERE
    };
    assert_eq!(Mapping::new(&file, writable).err(), Some(Errno::EPERM));
    assert_eq!(Mapping::read_only(&file, PAGE).get(0), early.get(0));
    Mapping::private(&file, PAGE).set(0, early.get(0).wrapping_add(1));
    // What was mapped before keeps what it was given.
    early.set(0, 77);
    assert_eq!(fs::read(famfs.path("file")).unwrap()[0], 77);
}

fn unlink_invalid() {
    let famfs = Famfs::bare();
    drop(famfs.blank("blank"));
    drop(famfs.mapped("mapped", 2 * MIB, &[(512 * MIB, 2 * MIB)]));
    let invalid = famfs.mapped("invalid", 2 * MIB, &[(514 * MIB, 2 * MIB)]);
    let root = famfs.root();
    change_options(&root, SET_OPTS, option::TRUNCATE | option::RENAME).unwrap();
    invalid.set_len(1).unwrap();
    drop(invalid);
    let path = |name: &str| famfs.path(name);
    assert_eq!(errno(fs::remove_file(path("mapped"))), Errno::EPERM);
    // A rename over it would unlink it as well.
    let over = fs::rename(path("blank"), path("mapped"));
    assert_eq!(errno(over), Errno::EPERM);
    fs::rename(path("blank"), path("invalid")).unwrap();
    change_options(&root, CLEAR_OPTS, 0x7fff).unwrap();
    fs::remove_file(path("invalid")).unwrap();
    assert_eq!(errno(fs::remove_file(path("mapped"))), Errno::EPERM);
    change_options(&root, SET_OPTS, option::UNLINK).unwrap();
    fs::remove_file(path("mapped")).unwrap();
    // The memory of both is free again.
    change_options(&root, SET_OPTS, option::DEFAULT).unwrap();
    let file = famfs.blank("file");
    assert_eq!(
        v2::map(&file, 4 * MIB, &[extent(512 * MIB, 4 * MIB)]),
        Ok(())
    );
}
