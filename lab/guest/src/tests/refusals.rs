//! Maps that would let a file reach memory that is not its own. On 7.3 two files over the same
//! memory end in a kernel that cannot unlink them, so each of these keeps the machine alive.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
};

use nix::errno::Errno;

use crate::{
    bare::MIB,
    child,
    command::{must, must_fail},
    fixture::Famfs,
    harness::Test,
    raw::{
        receive,
        v2::{Extent, extent, map},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "refusals::overlap_is_ebusy",
        run: overlap,
    },
    Test {
        name: "refusals::bounds_and_alignment",
        run: bounds,
    },
    Test {
        name: "refusals::mapping_needs_a_capability",
        run: capability,
    },
    Test {
        name: "refusals::no_second_mount",
        run: second_mount,
    },
    Test {
        name: "refusals::a_file_without_a_map_gives_nothing",
        run: unmapped,
    },
    Test {
        name: "refusals::a_stale_mount_takes_no_maps_and_no_writers",
        run: stale,
    },
];

/// The kernel's own question for the uuid of a file system; the answer starts with its length.
const FS_IOC_GETFSUUID: u32 = 0x8011_1500;
/// Where a superblock has it.
const UUID_AT: u64 = 48;

fn overlap() {
    let famfs = Famfs::fresh();
    let first = famfs.blank("first");
    assert_eq!(map(&first, 4 * MIB, &[extent(512 * MIB, 4 * MIB)]), Ok(()));
    assert_eq!(
        map(&first, 4 * MIB, &[extent(600 * MIB, 4 * MIB)]),
        Err(Errno::EEXIST)
    );
    let second = famfs.blank("second");
    for (offset, len) in [(512, 4), (510, 4), (514, 4), (510, 8), (513, 1)] {
        let taken = map(&second, MIB, &[extent(offset * MIB, len * MIB)]);
        assert_eq!(taken, Err(Errno::EBUSY), "{len} MiB at {offset} MiB");
    }
    // Nor may a file meet itself, the log or the superblock.
    let twice = [extent(700 * MIB, 2 * MIB), extent(700 * MIB, 2 * MIB)];
    assert_eq!(map(&second, 4 * MIB, &twice), Err(Errno::EBUSY));
    assert_eq!(
        map(&second, MIB, &[extent(2 * MIB, 2 * MIB)]),
        Err(Errno::EBUSY)
    );
    // The neighbours are free, and the refused file can still be given them.
    assert_eq!(map(&second, 2 * MIB, &[extent(516 * MIB, 2 * MIB)]), Ok(()));
}

fn bounds() {
    let famfs = Famfs::fresh();
    let file = famfs.blank("file");
    let good = extent(512 * MIB, 2 * MIB);
    for (why, size, extents) in [
        (
            "offset not on a page",
            MIB,
            vec![extent(512 * MIB + 1, 2 * MIB)],
        ),
        (
            "length not in pages, before the last extent",
            MIB,
            vec![extent(512 * MIB, 2 * MIB + 7), extent(600 * MIB, 2 * MIB)],
        ),
        ("empty extent", MIB, vec![extent(512 * MIB, 0)]),
        ("larger than its extents", 3 * MIB, vec![good]),
        (
            "sum overflows",
            MIB,
            vec![extent(512 * MIB, u64::MAX / 2); 3],
        ),
        (
            "another device",
            MIB,
            vec![Extent {
                devindex: 1,
                ..good
            }],
        ),
    ] {
        assert_eq!(map(&file, size, &extents), Err(Errno::EINVAL), "{why}");
    }
    for (offset, len) in [
        (1 << 40, 2 * MIB),
        (1022 * MIB, 4 * MIB),
        (u64::MAX - 4095, 8192),
        (512 * MIB, u64::MAX - 4095),
    ] {
        let taken = map(&file, MIB, &[extent(offset, len)]);
        assert_eq!(taken, Err(Errno::ERANGE), "{len} at {offset}");
    }
    assert_eq!(map(&file, MIB, &[good]), Ok(()), "nothing was kept");
}

fn capability() {
    let famfs = Famfs::fresh();
    let file = famfs.blank("file");
    child::as_nobody(|| {
        let taken = map(&file, MIB, &[extent(512 * MIB, 2 * MIB)]);
        assert_eq!(taken, Err(Errno::EPERM));
    });
}

fn second_mount() {
    let famfs = Famfs::fresh();
    fs::create_dir_all("/mnt/second").unwrap();
    // The same device by another name.
    let alias = "/tmp/alias";
    let _ = fs::remove_file(alias);
    must(&format!("cp -a {} {alias}", famfs.device));
    for source in [&famfs.device, alias] {
        let output = crate::command::run(&format!("mount -t famfs {source} /mnt/second"));
        assert!(!output.status.success(), "{source} was mounted twice");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("busy"), "{said}");
    }
}

fn unmapped() {
    let famfs = Famfs::fresh();
    let path = famfs.path("rogue");
    drop(famfs.blank("rogue"));
    let refused = fs::read(&path).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EIO as i32), "{refused}");
    let refused = fs::write(&path, "data").unwrap_err();
    assert!(refused.raw_os_error().is_some(), "{refused}");
    fs::remove_file(&path).unwrap();
}

fn fs_uuid(famfs: &Famfs) -> Result<Vec<u8>, Errno> {
    receive(&File::open(famfs.mountpoint).unwrap(), FS_IOC_GETFSUUID, 17)
}

fn superblock(famfs: &Famfs) -> File {
    let path = famfs.path(".meta/.superblock");
    let file = File::options().read(true).write(true).open(path);
    file.unwrap()
}

/// Changes the superblock as another host's mkfs does.
fn flip(superblock: &File, at: u64) {
    let mut byte = [0];
    superblock.read_exact_at(&mut byte, at).unwrap();
    superblock.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

fn stale() {
    let famfs = Famfs::fresh();
    let good = famfs.creat("good", "2M");
    let new = famfs.blank("new");
    let head = superblock(&famfs);
    let mut uuid = [16; 17];
    head.read_exact_at(&mut uuid[1..], UUID_AT).unwrap();
    assert_eq!(fs_uuid(&famfs).unwrap(), uuid);
    let mapped = || map(&new, 2 * MIB, &[extent(512 * MIB, 2 * MIB)]);
    let opened = |options: &mut OpenOptions| options.open(&good).map_err(|e| e.raw_os_error());
    let refused = Some(Errno::ESTALE as i32);
    for at in [0, UUID_AT, UUID_AT + 15] {
        assert_eq!(famfs.attribute("state"), "ok");
        flip(&head, at);
        assert_eq!(famfs.attribute("state"), "stale", "byte {at}");
        assert_eq!(mapped(), Err(Errno::ESTALE), "byte {at}");
        for options in [
            OpenOptions::new().write(true),
            OpenOptions::new().read(true).write(true),
            OpenOptions::new().append(true),
        ] {
            assert_eq!(opened(options).unwrap_err(), refused, "byte {at}");
        }
        // What is there may be read, and superblock and log are user space's.
        let mut byte = [0];
        let file = opened(OpenOptions::new().read(true)).unwrap();
        file.read_exact_at(&mut byte, 0).unwrap();
        drop(superblock(&famfs));
        assert_eq!(fs_uuid(&famfs).unwrap(), uuid, "the mount's own stays");
        flip(&head, at);
    }
    // Nothing but magic and uuid tells file systems apart.
    for at in [8, 47, 64] {
        flip(&head, at);
        assert_eq!(famfs.attribute("state"), "ok", "byte {at}");
        flip(&head, at);
    }
    assert_eq!(mapped(), Ok(()));
    opened(OpenOptions::new().write(true)).unwrap();
    drop(head);
    drop(new);

    // Without a file system there is nothing to keep, until one is there when its superblock
    // is mapped.
    famfs.umount();
    must(&format!("famfs mkfs -f -k {}", famfs.device));
    famfs.attach();
    let mkmeta = format!("famfs mkmeta {}", famfs.device);
    must_fail(&mkmeta);
    assert_eq!(fs_uuid(&famfs), Err(Errno::ENOTTY));
    let magic = 0x87b2_82ff_u64.to_le_bytes();
    superblock(&famfs).write_all_at(&magic, 0).unwrap();
    assert_eq!(fs_uuid(&famfs), Err(Errno::ENOTTY));
    assert_eq!(famfs.attribute("state"), "ok");
    must(&format!("famfs opts {} --set unlink", famfs.mountpoint));
    fs::remove_file(famfs.path(".meta/.superblock")).unwrap();
    must(&mkmeta);
    assert_eq!(fs_uuid(&famfs).unwrap(), uuid);
    flip(&superblock(&famfs), UUID_AT);
    assert_eq!(famfs.attribute("state"), "stale");
}
