//! The device goes away under its files, and comes back.

use std::{fs, os::unix::fs::FileExt};

use nix::errno::Errno;

use crate::{
    bare::{MIB, PAGE},
    command::must,
    failing,
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
    tests::{crowd::Crowd, io::pattern, shut},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "removal::calls_in_progress_end_and_the_bytes_survive",
        run: in_progress,
    },
    Test {
        name: "removal::afterwards_the_mount_is_shut_and_unmounts",
        run: afterwards,
    },
];

const AT: u64 = 256 * MIB;

fn assert_error(text: &str, device: &str, size: u64) {
    for part in [
        format!("dev={device} "),
        "offset=0 ".to_owned(),
        format!("len={size} "),
        "flags=0x80 ".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}in `{text}`");
    }
}

fn in_progress() {
    let famfs = Famfs::bare();
    let content = pattern(23, 1 << 20);
    let file = famfs.mapped("kept", MIB, &[(AT + 8 * MIB, MIB)]);
    file.write_all_at(&content, 0).unwrap();
    let copy = Mapping::private(&file, 1 << 20);
    copy.set(PAGE, 42);
    let crowd = Crowd::start(&famfs, AT, &[Errno::ENXIO, Errno::EIO]);
    failing::remove(&famfs.device);
    crowd.must_end();
    shut::check(&famfs);
    assert_eq!(copy.get(PAGE), 42, "a copy is ordinary memory");
    drop((copy, file));
    famfs.detach();
    must("rmmod famfs");
    failing::restore(&famfs.device);
    let again = Famfs::bare();
    assert_eq!(again.attribute("state"), "ok");
    drop(again.mapped("kept", MIB, &[(AT + 8 * MIB, MIB)]));
    assert!(fs::read(again.path("kept")).unwrap() == content);
    again.detach();
}

fn afterwards() {
    let famfs = Famfs::bare();
    let size = famfs.size();
    shut::prepare(&famfs, AT);
    failing::remove(&famfs.device);
    shut::check(&famfs);
    shut::check_every_call(&famfs);
    let error = famfs.attribute("error");
    assert_error(&error, &famfs.device, size);
    // While the mount stands, the device may come back; the mount stays as it is.
    failing::restore(&famfs.device);
    assert_eq!(famfs.attribute("state"), "disabled");
    famfs.detach();
    let last = fs::read_to_string("/sys/fs/famfs/last_error").unwrap();
    assert_eq!(last.trim_end(), error);
    famfs.attach();
    assert_eq!(famfs.attribute("state"), "ok");
    famfs.detach();
}
