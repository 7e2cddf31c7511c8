//! Who may mount what, and how: the errno of each mount(2) that is refused.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, symlink},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
    sys::stat::{Mode, SFlag, makedev, mknod},
};

use crate::{
    child::{self, End},
    command::must,
    failing,
    fixture::Famfs,
    harness::Test,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "mounting::bad_sources_and_options_have_their_errnos",
        run: bad,
    },
    Test {
        name: "mounting::a_device_is_mounted_once_by_any_name",
        run: once,
    },
    Test {
        name: "mounting::user_namespaces_may_not",
        run: namespaces,
    },
    Test {
        name: "mounting::what_is_no_dax_memory_is_refused",
        run: no_dax,
    },
];

const OTHER: &str = "/mnt/other";

fn try_mount(source: &str, options: &str) -> Result<(), Errno> {
    fs::create_dir_all(OTHER).unwrap();
    mount(
        Some(source),
        OTHER,
        Some("famfs"),
        MsFlags::empty(),
        Some(options),
    )
}

/// The module is loaded, and the device free.
fn device() -> String {
    let famfs = Famfs::bare();
    famfs.detach();
    famfs.device.clone()
}

fn bad() {
    let device = device();
    fs::write("/tmp/regular", "x").unwrap();
    for (source, errno) in [
        ("/dev/no-such-device", Errno::ENOENT),
        ("/tmp/regular/below", Errno::ENOTDIR),
        ("/tmp/regular", Errno::EINVAL),
        ("/tmp", Errno::EINVAL),
        ("none", Errno::ENOENT),
        ("/dev/null", Errno::ENODEV),
        ("/dev/ttyS0", Errno::ENODEV),
    ] {
        assert_eq!(try_mount(source, ""), Err(errno), "{source}");
    }
    let long = format!("/dev/{}", "x/".repeat(300));
    assert_eq!(try_mount(&long, ""), Err(Errno::ENAMETOOLONG));
    for options in [
        "dax=never",
        "dax",
        "mode=9",
        "mode=10000",
        "mode=",
        "unknown",
        "uid=0",
    ] {
        assert_eq!(try_mount(&device, options), Err(Errno::EINVAL), "{options}");
    }
    let unnamed = mount(
        None::<&str>,
        OTHER,
        Some("famfs"),
        MsFlags::empty(),
        None::<&str>,
    );
    assert_eq!(unnamed, Err(Errno::EINVAL));
    // What is allowed, at its limits.
    for (options, mode) in [("", 0o755), ("mode=0", 0), ("dax=always,mode=7777", 0o7777)] {
        try_mount(&device, options).unwrap_or_else(|errno| panic!("{options}: {errno}"));
        let seen = fs::metadata(OTHER).unwrap().mode();
        assert_eq!(seen & 0o7777, mode, "{options}");
        umount(OTHER).unwrap();
    }
    let famfs = Famfs::bare();
    famfs.detach();
}

fn once() {
    let famfs = Famfs::bare();
    let meta = fs::metadata(&famfs.device).unwrap();
    let kind = SFlag::from_bits_truncate(meta.mode() & SFlag::S_IFMT.bits());
    let number = makedev(
        nix::sys::stat::major(meta.rdev()),
        nix::sys::stat::minor(meta.rdev()),
    );
    for name in ["/dev/alias", "/dev/link", "/mnt/bound", "/tmp/alias"] {
        let _ = fs::remove_file(name);
    }
    mknod("/dev/alias", kind, Mode::from_bits_truncate(0o600), number).unwrap();
    symlink(&famfs.device, "/dev/link").unwrap();
    File::create("/mnt/bound").unwrap();
    mount(
        Some(famfs.device.as_str()),
        "/mnt/bound",
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .unwrap();
    for name in [
        famfs.device.as_str(),
        "/dev/alias",
        "/dev/link",
        "/mnt/bound",
    ] {
        assert_eq!(try_mount(name, ""), Err(Errno::EBUSY), "{name}");
    }
    famfs.detach();
    // Each of them is as good as the device's own name.
    for name in ["/dev/alias", "/dev/link", "/mnt/bound"] {
        try_mount(name, "").unwrap_or_else(|errno| panic!("{name}: {errno}"));
        umount(OTHER).unwrap();
    }
    umount("/mnt/bound").unwrap();
    // But not where devices do not count.
    fs::create_dir_all("/mnt/nodev").unwrap();
    mount(
        Some("none"),
        "/mnt/nodev",
        Some("tmpfs"),
        MsFlags::MS_NODEV,
        None::<&str>,
    )
    .unwrap();
    mknod(
        "/mnt/nodev/dev",
        kind,
        Mode::from_bits_truncate(0o600),
        number,
    )
    .unwrap();
    assert_eq!(try_mount("/mnt/nodev/dev", ""), Err(Errno::EACCES));
    umount("/mnt/nodev").unwrap();
}

fn namespaces() {
    let device = device();
    child::as_nobody(|| assert_eq!(try_mount(&device, ""), Err(Errno::EPERM)));
    let end = child::run(|| {
        // Root of its own little world, with every capability there.
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).unwrap();
        assert_eq!(try_mount(&device, ""), Err(Errno::EPERM));
    });
    assert_eq!(end, End::Done);
}

fn no_dax() {
    let device = device();
    must("modprobe loop");
    must("dd if=/dev/zero of=/tmp/disk bs=1M count=4");
    let disk = must("losetup -f").trim().to_owned();
    must(&format!("losetup {disk} /tmp/disk"));
    assert_eq!(try_mount(&disk, ""), Err(Errno::EOPNOTSUPP), "a disk");
    must(&format!("losetup -d {disk}"));
    fs::remove_file("/tmp/disk").unwrap();
    if let Some(name) = device.strip_prefix("/dev/")
        && name.starts_with("dax")
    {
        failing::remove(&device);
        let unbound = try_mount(&device, "");
        assert!(unbound.is_err(), "a device without driver");
        fs::write("/sys/bus/dax/drivers/device_dax/bind", name).unwrap();
        assert_eq!(
            try_mount(&device, ""),
            Err(Errno::EOPNOTSUPP),
            "devdax mode"
        );
        fs::write("/sys/bus/dax/drivers/device_dax/unbind", name).unwrap();
        failing::restore(&device);
    }
    try_mount(&device, "").unwrap();
    umount(OTHER).unwrap();
}
