//! What a disabled mount still does and what it refuses.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    os::unix::fs::{FileExt, PermissionsExt, symlink},
};

use nix::errno::Errno;

use crate::{
    bare::{MIB, PAGE, errno},
    child,
    fixture::Famfs,
    mapping::{ANYWHERE, Mapping, Request},
    raw::{Form, NOP_43, NOP_44, NOWHERE, call, v1, v2, v44},
};

/// The mount says that it is disabled, and refuses at least what makes files.
pub(crate) fn check(famfs: &Famfs) {
    assert_eq!(famfs.attribute("state"), "disabled");
    assert_ne!(famfs.attribute("error"), "");
    assert_eq!(errno(File::create_new(famfs.path("late"))), Errno::ENODEV);
}

/// What [`check_every_call`] needs to be there already.
pub(crate) fn prepare(famfs: &Famfs, at: u64) {
    famfs.mapped("mapped", 2 * MIB, &[(at, 2 * MIB)]);
    famfs.blank("blank");
    fs::create_dir(famfs.path("folder")).unwrap();
    fs::create_dir(famfs.path("empty")).unwrap();
    // Everything is allowed: what is refused is refused for the failure's sake.
    famfs.allow(0x7fff);
}

pub(crate) fn check_every_call(famfs: &Famfs) {
    let path = |name: &str| famfs.path(name);
    let open = |name: &str| OpenOptions::new().read(true).write(true).open(path(name));
    for name in ["mapped", "blank"] {
        let file = open(name).unwrap();
        assert_eq!(errno(file.read_at(&mut [0], 0)), Errno::ENODEV, "{name}");
        assert_eq!(errno(file.write_at(&[0], 0)), Errno::ENODEV, "{name}");
        for flags in [nix::libc::MAP_SHARED, nix::libc::MAP_PRIVATE] {
            let request = Request {
                len: PAGE,
                flags,
                ..ANYWHERE
            };
            let mapped = Mapping::new(&file, request).err();
            assert_eq!(mapped, Some(Errno::ENODEV), "{name}");
        }
        refuse_ioctls(&file, name);
        for form in Form::ALL {
            let mapped = form.map(&file, 0, MIB, &[v2::extent(512 * MIB, MIB)]);
            assert_eq!(mapped, Err(Errno::ENODEV), "{form:?} of {name}");
        }
    }
    refuse_ioctls(&famfs.root(), "the root");
    refuse_ioctls(&File::open(path("folder")).unwrap(), "a folder");

    for (what, result) in [
        ("creat", File::create_new(path("new")).map(drop)),
        ("mkdir", fs::create_dir(path("new"))),
        ("symlink", symlink("mapped", path("new"))),
        ("link", fs::hard_link(path("mapped"), path("new"))),
        ("rename", fs::rename(path("mapped"), path("new"))),
        ("mknod", {
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
            nix::unistd::mkfifo(path("new").as_str(), mode).map_err(Into::into)
        }),
    ] {
        assert_eq!(errno(result), Errno::ENODEV, "{what}");
    }

    // Looking and tidying up go on.
    assert_eq!(fs::metadata(path("mapped")).unwrap().len(), 2 * MIB);
    assert_eq!(fs::read_dir(famfs.mountpoint).unwrap().count(), 4);
    assert!(famfs.size() > 0);
    fs::set_permissions(path("mapped"), Permissions::from_mode(0o600)).unwrap();
    fs::remove_dir(path("empty")).unwrap();
    fs::remove_file(path("blank")).unwrap();
    fs::remove_file(path("mapped")).unwrap();
    assert_eq!(fs::read_dir(famfs.mountpoint).unwrap().count(), 1);
}

fn refuse_ioctls(file: &File, what: &str) {
    for number in [NOP_43, NOP_44] {
        assert_eq!(call(file, number, NOWHERE), Ok(()), "{what}");
    }
    let refuse = || {
        for number in [
            v1::MAP_CREATE,
            v1::MAP_GET,
            v1::MAP_GETEXT,
            v2::MAP_CREATE,
            v2::MAP_GET,
            v44::MAP_CREATE,
            v44::DAXDEV_OPEN,
            v44::GET_OPTS,
            v44::SET_OPTS,
            v44::CLEAR_OPTS,
            // Unknown ones.
            0x7549,
            0x4038_7501,
        ] {
            let taken = call(file, number, NOWHERE);
            assert_eq!(taken, Err(Errno::ENODEV), "{number:#x} on {what}");
        }
    };
    refuse();
    child::as_nobody(refuse);
}
