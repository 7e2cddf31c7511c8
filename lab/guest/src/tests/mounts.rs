//! What a mount tells about itself, and what can be changed while it lives.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
};

use nix::{
    errno::Errno,
    libc,
    sys::{statfs::statfs, statvfs::statvfs},
};

use crate::{
    bare::{KIB, MIB, errno},
    command::{must, must_fail},
    fixture::Famfs,
    harness::Test,
    raw::{
        Form,
        v2::extent,
        v44::{self, option},
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "mounts::statfs_counts_memory_and_files",
        run: counts,
    },
    Test {
        name: "mounts::a_file_has_its_blocks_before_it_is_touched",
        run: blocks,
    },
    Test {
        name: "mounts::remount_changes_ro_and_keeps_mode",
        run: remount,
    },
    Test {
        name: "mounts::attributes_follow_what_is_done",
        run: attributes,
    },
    Test {
        name: "mounts::special_files_work_where_they_are_allowed",
        run: special,
    },
];

fn counts() {
    let famfs = Famfs::bare();
    let magic = statfs(famfs.mountpoint).unwrap().filesystem_type().0;
    assert_eq!(magic, 0x87b2_82fe);
    let now = || statvfs(famfs.mountpoint).unwrap();
    let fresh = now();
    assert_eq!(fresh.fragment_size(), 4096);
    assert_eq!(fresh.blocks(), fresh.blocks_free(), "nothing is mapped");
    assert_eq!(fresh.files(), 1, "the root");
    drop(famfs.blank("unmapped"));
    drop(famfs.mapped("file", 5000, &[(512 * MIB, 2 * MIB), (600 * MIB, 5000)]));
    fs::create_dir(famfs.path("folder")).unwrap();
    let used = now();
    assert_eq!(used.files(), 4);
    assert_eq!(used.blocks(), fresh.blocks());
    assert_eq!(used.blocks_free(), fresh.blocks() - 514);
    assert_eq!(used.blocks_available(), used.blocks_free());
    famfs.allow(option::UNLINK | option::RMDIR);
    let held = File::open(famfs.path("file")).unwrap();
    fs::remove_file(famfs.path("file")).unwrap();
    fs::remove_dir(famfs.path("folder")).unwrap();
    assert_eq!(now().blocks_free(), used.blocks_free(), "the file is open");
    drop(held);
    assert_eq!(now().blocks_free(), fresh.blocks());
    assert_eq!(now().files(), 2);
}

fn blocks() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 5000, &[(512 * MIB, 2 * MIB), (600 * MIB, 5000)]);
    let fresh = file.metadata().unwrap();
    assert_eq!(
        (fresh.len(), fresh.blocks()),
        (5000, (2 * MIB + 8 * KIB) / 512)
    );
    assert_eq!(fresh.blksize(), 4096);
    let empty = famfs.blank("empty").metadata().unwrap();
    assert_eq!((empty.len(), empty.blocks()), (0, 0));
}

fn remount() {
    let famfs = Famfs::bare();
    let options = || {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = mounts
            .lines()
            .find(|line| line.split(' ').nth(1) == Some(famfs.mountpoint))
            .unwrap();
        let fields: Vec<_> = line.split(' ').collect();
        assert_eq!((fields[0], fields[2]), (famfs.device.as_str(), "famfs"));
        fields[3].to_owned()
    };
    let has = |option: &str| options().split(',').any(|word| word == option);
    assert!(has("rw") && has("dax=always"), "{}", options());
    let file = famfs.blank("file");
    drop(file);
    must(&format!("mount -o remount,ro {}", famfs.mountpoint));
    assert!(has("ro") && has("dax=always"), "{}", options());
    let file = File::open(famfs.path("file")).unwrap();
    let extents = [extent(512 * MIB, 2 * MIB)];
    for form in Form::ALL {
        let taken = form.map(&file, 0, MIB, &extents);
        assert_eq!(taken, Err(Errno::EROFS), "{form:?}");
    }
    assert_eq!(errno(File::create(famfs.path("other"))), Errno::EROFS);
    must_fail(&format!(
        "mount -o remount,rw,mode=700 {}",
        famfs.mountpoint
    ));
    must(&format!("mount -o remount,rw {}", famfs.mountpoint));
    assert!(has("rw"), "{}", options());
    let file = File::options()
        .write(true)
        .open(famfs.path("file"))
        .unwrap();
    assert_eq!(Form::V2.map(&file, 0, MIB, &extents), Ok(()));
    must_fail(&format!("mount -o remount,unknown=1 {}", famfs.mountpoint));
}

fn attributes() {
    let famfs = Famfs::bare();
    assert_eq!(famfs.attribute("source"), famfs.device);
    assert_eq!(famfs.attribute("state"), "ok");
    assert_eq!(famfs.attribute("error"), "");
    assert_eq!(famfs.attribute("options"), "0x5b03");
    famfs.allow(option::UNLINK);
    assert_eq!(famfs.attribute("options"), "0x5b23");
    let line = |mapped| format!("0 {} size={} mapped={mapped}", famfs.device, famfs.size());
    assert_eq!(famfs.attribute("devices"), line(0));
    drop(famfs.mapped("file", 5000, &[(512 * MIB, 5000)]));
    assert_eq!(famfs.attribute("devices"), line(8192));
    fs::remove_file(famfs.path("file")).unwrap();
    assert_eq!(famfs.attribute("devices"), line(0));
}

fn special() {
    let famfs = Famfs::bare();
    famfs.allow(0x7fff);
    let path = |name: &str| famfs.path(name);
    drop(famfs.mapped("file", 5000, &[(512 * MIB, 5000)]));
    std::os::unix::fs::symlink("file", path("symlink")).unwrap();
    assert_eq!(
        fs::read_link(path("symlink")).unwrap().to_str(),
        Some("file")
    );
    assert_eq!(fs::symlink_metadata(path("symlink")).unwrap().len(), 4);
    assert_eq!(fs::metadata(path("symlink")).unwrap().len(), 5000);
    fs::hard_link(path("file"), path("link")).unwrap();
    assert_eq!(fs::metadata(path("file")).unwrap().nlink(), 2);
    fs::remove_file(path("file")).unwrap();
    assert_eq!(fs::read(path("link")).unwrap().len(), 5000);
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(path("fifo").as_str(), mode).unwrap();
    nix::sys::stat::mknod(
        path("device").as_str(),
        nix::sys::stat::SFlag::S_IFCHR,
        mode,
        libc::makedev(1, 3),
    )
    .unwrap();
    assert_eq!(
        fs::metadata(path("device")).unwrap().rdev(),
        libc::makedev(1, 3)
    );
    fs::create_dir(path("folder")).unwrap();
    fs::rename(path("link"), path("folder/moved")).unwrap();
    assert_eq!(fs::read(path("folder/moved")).unwrap().len(), 5000);
    // Attributes of their own no file has, whatever the bit says.
    let name = c"user.famfs".as_ptr();
    let file = std::ffi::CString::new(path("folder/moved")).unwrap();
    // SAFETY: both names end with NUL and live through the call, as does the value.
    let set = unsafe { libc::setxattr(file.as_ptr(), name, c"1".as_ptr().cast(), 1, 0) };
    assert_eq!(Errno::result(set), Err(Errno::EOPNOTSUPP));
    assert_eq!(v44::options(&famfs.root()), Ok(0x7fff));
}
