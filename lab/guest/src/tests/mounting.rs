//! Who may mount what, and how: the errno of each mount(2) that is refused.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    time::Instant,
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
    sys::stat::{Mode, SFlag, makedev, mknod},
};

use crate::{
    child::{self, End},
    command::{must, must_fail, run},
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
    Test {
        name: "mounting::mkmeta_says_what_a_read_only_mount_needs",
        run: read_only_meta,
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
    // Nobody could not make the mount point.
    fs::create_dir_all(OTHER).unwrap();
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
    if let Some(name) = device.strip_prefix("/dev/dax") {
        in_devdax_mode(&device, &format!("dax{name}"));
    }
    try_mount(&device, "").unwrap();
    umount(OTHER).unwrap();
}

/// The same memory, driven by the driver that hands it to one process at a time.
fn in_devdax_mode(device: &str, name: &str) {
    failing::remove(device);
    assert!(try_mount(device, "").is_err(), "a device without a driver");
    let driver = Path::new("/sys/bus/dax/drivers/device_dax");
    let start = Instant::now();
    while !(driver.join(name).exists() && Path::new(device).exists()) {
        assert!(
            start.elapsed().as_secs() < 60,
            "{name} is not in devdax mode"
        );
        // Memory meant for the system (CXL) has to be named to the driver first.
        let _ = fs::write(driver.join("new_id"), name);
        let _ = fs::write(driver.join("bind"), name);
    }
    assert_eq!(try_mount(device, ""), Err(Errno::EOPNOTSUPP));
    let _ = fs::write(driver.join("remove_id"), name);
    fs::write(driver.join("unbind"), name).unwrap();
    failing::restore(device);
}

fn read_only_meta() {
    // mkfs, and a mount without what `famfs mount` makes in it.
    let famfs = Famfs::fresh();
    famfs.umount();
    famfs.attach();
    let remount = |flags| {
        let flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_NOATIME;
        mount(
            None::<&str>,
            famfs.mountpoint,
            None::<&str>,
            flags,
            None::<&str>,
        )
        .unwrap();
    };
    let mkmeta = format!("famfs mkmeta {}", famfs.device);
    let refused = || {
        remount(MsFlags::MS_RDONLY);
        let said = must_fail(&mkmeta);
        assert!(said.contains("remount it with rw first"), "{said}");
        remount(MsFlags::empty());
    };
    refused();
    // Files of which no byte can be had are no .meta either.
    fs::create_dir(famfs.path(".meta")).unwrap();
    for name in [".meta/.superblock", ".meta/.log"] {
        famfs.blank(name);
        refused();
    }
    assert_eq!(must(&mkmeta), "");
    remount(MsFlags::MS_RDONLY);
    let output = run(&mkmeta);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("read-only and has its .meta"), "{said}");
}
