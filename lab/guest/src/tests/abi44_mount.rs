//! KABI 44's ioctls about the mount: what it allows, and further devices.

use std::fs::File;

use nix::errno::Errno;

use crate::{
    bare::MIB,
    child,
    fixture::Famfs,
    harness::Test,
    raw::{
        NOWHERE, call, send,
        v44::{
            CLEAR_OPTS, DAXDEV_OPEN, GET_OPTS, SET_OPTS, change_options, device, open_device,
            option, options,
        },
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "abi44::options_are_read_set_and_cleared",
        run: option_words,
    },
    Test {
        name: "abi44::bad_devices_have_their_errnos",
        run: bad_devices,
    },
];

fn option_words() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 2 * MIB, &[(512 * MIB, 2 * MIB)]);
    for target in [famfs.root(), file] {
        assert_eq!(options(&target), Ok(option::DEFAULT));
        // The reply is what is allowed then, not what was asked for.
        let set = |bits| change_options(&target, SET_OPTS, bits);
        let clear = |bits| change_options(&target, CLEAR_OPTS, bits);
        let more = option::UNLINK | option::CREATE;
        assert_eq!(set(more), Ok(option::DEFAULT | option::UNLINK));
        assert_eq!(set(0), Ok(option::DEFAULT | option::UNLINK));
        assert_eq!(options(&famfs.root()), Ok(option::DEFAULT | option::UNLINK));
        assert_eq!(set(0x7fff), Ok(0x7fff));
        assert_eq!(clear(0x7fff), Ok(0));
        assert_eq!(clear(option::WRITE), Ok(0));
        assert_eq!(set(option::DEFAULT), Ok(option::DEFAULT));
        for bits in [1 << 15, 1 << 63, u64::MAX, option::WRITE | 1 << 15] {
            assert_eq!(set(bits), Err(Errno::EINVAL), "{bits:#x}");
            assert_eq!(clear(bits), Err(Errno::EINVAL), "{bits:#x}");
        }
        for number in [GET_OPTS, SET_OPTS, CLEAR_OPTS] {
            let taken = call(&target, number, NOWHERE);
            assert_eq!(taken, Err(Errno::EFAULT), "{number:#x}");
        }
        child::as_nobody(|| {
            assert_eq!(options(&target), Ok(option::DEFAULT), "anybody may read");
            for number in [SET_OPTS, CLEAR_OPTS] {
                for bits in [0, option::WRITE, u64::MAX] {
                    let taken = change_options(&target, number, bits);
                    assert_eq!(taken, Err(Errno::EPERM), "{number:#x} {bits:#x}");
                }
                assert_eq!(call(&target, number, NOWHERE), Err(Errno::EPERM));
            }
        });
        assert_eq!(
            options(&target),
            Ok(option::DEFAULT),
            "a refusal changes nothing"
        );
    }
}

fn bad_devices() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 2 * MIB, &[(512 * MIB, 2 * MIB)]);
    let long = [b'x'; 5000];
    let long = long.as_ptr().addr() as u64;
    let name = b"/dev/null";
    let null = name.as_ptr().addr() as u64;
    for target in [famfs.root(), file, File::open(famfs.path("file")).unwrap()] {
        for (why, message, expected) in [
            ("a flag", device(1, null, 9, 1), Errno::EINVAL),
            ("all flags", device(1, null, 9, u32::MAX), Errno::EINVAL),
            ("no name", device(1, null, 0, 0), Errno::EINVAL),
            ("device 64", device(64, null, 9, 0), Errno::EINVAL),
            (
                "device 2^32 + 1",
                device((1 << 32) + 1, null, 9, 0),
                Errno::EINVAL,
            ),
            (
                "device 2^64 - 1",
                device(u64::MAX, null, 9, 0),
                Errno::EINVAL,
            ),
            (
                "the mounted device's place",
                device(0, null, 9, 0),
                Errno::EEXIST,
            ),
            (
                "4097 bytes of name",
                device(1, long, 4097, 0),
                Errno::ENAMETOOLONG,
            ),
            (
                "2^32 - 1 bytes of name",
                device(1, long, 0xffff_ffff, 0),
                Errno::ENAMETOOLONG,
            ),
            ("a name nowhere", device(1, NOWHERE, 9, 0), Errno::EFAULT),
            ("no DAX device", device(1, null, 9, 0), Errno::ENODEV),
        ] {
            assert_eq!(send(&target, DAXDEV_OPEN, &message), Err(expected), "{why}");
        }
        assert_eq!(call(&target, DAXDEV_OPEN, NOWHERE), Err(Errno::EFAULT));
        for (path, expected) in [
            ("/dev/no-such-device", Errno::ENOENT),
            ("/dev", Errno::EINVAL),
            ("/bin/busybox", Errno::EINVAL),
            (famfs.device.as_str(), Errno::EBUSY),
        ] {
            assert_eq!(open_device(&target, 1, path), Err(expected), "{path}");
        }
        child::as_nobody(|| {
            assert_eq!(open_device(&target, 1, &famfs.device), Err(Errno::EPERM));
            assert_eq!(call(&target, DAXDEV_OPEN, NOWHERE), Err(Errno::EPERM));
        });
    }
    let devices = famfs.attribute("devices");
    assert_eq!(devices.lines().count(), 1, "{devices}");
    assert!(devices.contains(&famfs.device), "{devices}");
}
