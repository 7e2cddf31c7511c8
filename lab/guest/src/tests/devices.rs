//! Files on several devices, and what becomes of them when one fails.

use std::{env, fs};

use nix::errno::Errno;

use crate::{
    bare::{KIB, MIB, PAGE, errno},
    child::{self, broken_memory, no_memory},
    command::{must, must_fail, run},
    failing,
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
    raw::{
        v2::{self, Extent, extent},
        v44::open_device,
    },
    tests::interleave,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "devices::a_device_has_one_user",
        run: one_user,
    },
    Test {
        name: "devices::strips_lie_on_several_devices",
        run: strips,
    },
    Test {
        name: "devices::each_device_has_its_own_bounds_and_ranges",
        run: ranges,
    },
    Test {
        name: "devices::a_failure_on_any_disables_the_mount",
        run: failure,
    },
    Test {
        name: "devices::any_device_may_be_removed",
        run: removal,
    },
];

const SECOND: u64 = 256 * MIB;

fn second() -> String {
    env::var("FAMFS_DEV2").unwrap()
}

/// A mount that has opened the second device, with the index 5.
fn pair() -> Famfs {
    let famfs = Famfs::bare();
    open_device(&famfs.root(), 5, &second()).unwrap();
    famfs
}

fn on_second(offset: u64, len: u64) -> Extent {
    Extent {
        devindex: 5,
        offset,
        len,
    }
}

fn one_user() {
    let famfs = Famfs::bare();
    let before = famfs.size();
    let second = second();
    let open = |index| open_device(&famfs.root(), index, &second);
    assert_eq!(open(0), Err(Errno::EEXIST));
    assert_eq!(open(64), Err(Errno::EINVAL));
    assert_eq!(open(5), Ok(()));
    assert_eq!(open(5), Err(Errno::EEXIST));
    assert_eq!(open(6), Err(Errno::EBUSY), "this mount has it");
    assert!(famfs.size() - before > SECOND / 2, "statfs counts both");
    let devices = famfs.attribute("devices");
    let lines: Vec<_> = devices.lines().collect();
    assert_eq!(lines.len(), 2, "{devices}");
    let expected = format!("5 {second} size={} mapped=0", famfs.size() - before);
    assert_eq!(lines[1], expected);
    fs::create_dir_all("/mnt/second").unwrap();
    let said = must_fail(&format!("mount -t famfs {second} /mnt/second"));
    assert!(said.contains("busy"), "{said}");
    famfs.detach();

    // The other way round: mounted there, not to be opened here.
    famfs.attach();
    must(&format!("mount -t famfs {second} /mnt/second"));
    assert_eq!(open_device(&famfs.root(), 5, &second), Err(Errno::EBUSY));
    must("umount /mnt/second");
    assert_eq!(open_device(&famfs.root(), 5, &second), Ok(()));
    assert_eq!(
        open_device(&famfs.root(), 63, &famfs.device),
        Err(Errno::EBUSY)
    );
}

fn strips() {
    let famfs = pair();
    let strips = [
        extent(512 * MIB, 4 * MIB),
        on_second(8 * MIB, 4 * MIB),
        extent(520 * MIB, 4 * MIB),
    ];
    for (chunk, bytes) in [
        (4 * KIB, 300 * KIB + 7),
        (36 * KIB, 500 * KIB),
        (2 * MIB, 5 * MIB),
    ] {
        interleave::check_strips(&famfs, chunk, bytes, &strips);
    }
    // A list over both devices, read back with its device numbers.
    let file = famfs.blank("list");
    let list = [on_second(16 * MIB, 2 * MIB), extent(16 * MIB, 2 * MIB)];
    v2::map(&file, 4 * MIB, &list).unwrap();
    let reply = crate::raw::receive(&file, v2::MAP_GET, v2::REPLY).unwrap();
    assert_eq!(reply[32..80], v2::list(&list));
    let mapping = Mapping::shared(&file, 4 << 20);
    let counted = famfs.counted(|| mapping.write_each(PAGE, 1));
    assert_eq!(counted, [0, 2, 0, 0]);
}

fn ranges() {
    let famfs = pair();
    let map = |name: &str, extents: &[Extent]| v2::map(&famfs.blank(name), 4 * KIB, extents);
    // The same numbers on two devices are different memory.
    assert_eq!(map("first", &[extent(8 * MIB, 2 * MIB)]), Ok(()));
    assert_eq!(map("second", &[on_second(8 * MIB, 2 * MIB)]), Ok(()));
    assert_eq!(map("third", &[on_second(9 * MIB, MIB)]), Err(Errno::EBUSY));
    assert_eq!(
        map("fourth", &[on_second(4 * KIB, MIB)]),
        Err(Errno::EINVAL)
    );
    assert_eq!(map("fifth", &[on_second(SECOND, MIB)]), Err(Errno::ERANGE));
    assert_eq!(map("sixth", &[extent(SECOND, MIB)]), Ok(()));
    let unopened = Extent {
        devindex: 4,
        ..extent(8 * MIB, MIB)
    };
    assert_eq!(map("seventh", &[unopened]), Err(Errno::EINVAL));
}

/// Both files are shut, the error names the device, and the mount ends cleanly.
fn assert_ended(famfs: Famfs, device: &str) {
    assert_eq!(famfs.attribute("state"), "disabled");
    let error = famfs.attribute("error");
    assert!(error.starts_with(&format!("dev={device} ")), "{error}");
    for name in ["first", "second"] {
        assert_eq!(errno(fs::read(famfs.path(name))), Errno::ENODEV, "{name}");
    }
    assert_eq!(
        open_device(&famfs.root(), 6, "/dev/null"),
        Err(Errno::ENODEV)
    );
    famfs.detach();
    let last = fs::read_to_string("/sys/fs/famfs/last_error").unwrap();
    assert_eq!(last.trim_end(), error, "it outlives the mount");
    drop(famfs);
}

/// A file on each device.
fn two_files(famfs: &Famfs) -> [fs::File; 2] {
    let first = famfs.mapped("first", 4 * MIB, &[(8 * MIB, 4 * MIB)]);
    let second = famfs.blank("second");
    v2::map(&second, 4 * MIB, &[on_second(8 * MIB, 4 * MIB)]).unwrap();
    [first, second]
}

fn failure() {
    let famfs = pair();
    let second = second();
    let files = two_files(&famfs);
    let maps = files.each_ref().map(|file| Mapping::shared(file, 4 << 20));
    for map in &maps {
        map.write_each(PAGE, 1);
    }
    let page = 3 * PAGE;
    failing::poison_device(&second, 8 * MIB + page as u64);
    // The page itself is told apart from what is only out of reach.
    assert_eq!(
        child::run(|| maps[1].set(page, 1)),
        broken_memory(maps[1].address(page))
    );
    for (map, at) in [(0, page), (1, 2 * PAGE), (1, 4 * PAGE)] {
        let end = child::run(|| maps[map].set(at, 1));
        assert_eq!(end, no_memory(maps[map].address(at)), "{map} at {at}");
    }
    let error = famfs.attribute("error");
    let place = format!("offset={} len=4096 ", 8 * MIB + page as u64);
    assert!(error.contains(&place), "{error}");
    drop((maps, files));
    assert_ended(famfs, &second);
    must("rmmod famfs");
}

fn removal() {
    let second = second();
    let first = env::var("FAMFS_DEV").unwrap();
    for device in [&second, &first] {
        let famfs = pair();
        let files = two_files(&famfs);
        let maps = files.each_ref().map(|file| Mapping::shared(file, 4 << 20));
        for map in &maps {
            map.read_each(PAGE);
        }
        failing::remove(device);
        for map in &maps {
            assert_eq!(child::run(|| map.set(0, 1)), no_memory(map.address(0)));
        }
        drop((maps, files));
        assert_ended(famfs, device);
        failing::restore(device);
    }
    must("rmmod famfs");
    assert!(!run("rmmod famfs").status.success(), "it is gone");
}
