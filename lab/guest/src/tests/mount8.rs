//! mount(8) and umount(8) of util-linux, as users and `/etc/fstab` call them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output},
};

use crate::{
    command::{must, run},
    fixture::Famfs,
    harness::Test,
    hostile::{self, Plate},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "mount8::a_mount_plays_the_log",
        run: plain,
    },
    Test {
        name: "mount8::fstab",
        run: fstab,
    },
    Test {
        name: "mount8::options_reach_the_mount",
        run: options,
    },
    Test {
        name: "mount8::failures_have_mount8s_statuses",
        run: failures,
    },
    Test {
        name: "mount8::users_are_refused",
        run: users,
    },
];

const MOUNT: &str = "/usr/libexec/util-linux/mount";
const UMOUNT: &str = "/usr/libexec/util-linux/umount";
const HELPERS: [&str; 3] = ["mount.famfs", "umount.famfs", "mkfs.famfs"];
const FSTAB: &str = "/etc/fstab";

/// The helpers where mount(8) looks for them, for as long as a test runs: busybox's mount, which
/// other tests use, would call them too.
struct Helpers(Famfs);

impl Helpers {
    /// Makes a file system of one file, and leaves it unmounted.
    fn new() -> Self {
        let famfs = Famfs::fresh();
        must(&format!("famfs creat -s 2M -r -S 5 {}", famfs.path("file")));
        famfs.umount();
        for name in HELPERS {
            let link = format!("/sbin/{name}");
            let _ = fs::remove_file(&link);
            symlink("/usr/bin/famfs", link).unwrap();
        }
        Self(famfs)
    }

    /// A line of fstab with these options.
    fn fstab(&self, options: &str) {
        let Famfs { device, mountpoint } = &self.0;
        fs::write(
            FSTAB,
            format!("{device} {mountpoint} famfs {options} 0 0\n"),
        )
        .unwrap();
    }

    /// The device's line in the mount table, and whether the file is there.
    fn mounted(&self) -> Option<String> {
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = table.lines().find(|line| line.contains(" famfs "))?;
        assert!(line.starts_with(&self.0.device), "{line}");
        must(&format!("famfs verify -q -S 5 -f {}", self.0.path("file")));
        Some(line.to_owned())
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        for name in HELPERS {
            let _ = fs::remove_file(format!("/sbin/{name}"));
        }
        let _ = fs::remove_file(FSTAB);
    }
}

fn ends(output: &Output) -> (i32, String) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn plain() {
    let helpers = Helpers::new();
    let (device, at) = (&helpers.0.device, helpers.0.mountpoint);
    must(&format!("{MOUNT} -t famfs {device} {at}"));
    let line = helpers.mounted().unwrap();
    for flag in ["rw", "nosuid", "nodev", "noexec", "noatime"] {
        assert!(line.contains(flag), "{flag}: {line}");
    }
    helpers.0.creat("more", "2M");
    must(&format!("{UMOUNT} {at}"));
    assert_eq!(helpers.mounted(), None);
    let said = must(&format!("{MOUNT} -v -t famfs {device} {at}"));
    assert!(said.contains("2 new files"), "{said}");
    must(&format!("{UMOUNT} {device}"));
    assert_eq!(helpers.mounted(), None);
    // What is in use stays, but for a lazy unmount.
    must(&format!("{MOUNT} -t famfs {device} {at}"));
    let open = fs::File::open(helpers.0.path("file")).unwrap();
    let (status, said) = ends(&run(&format!("{UMOUNT} {at}")));
    assert_eq!(status, 32, "{said}");
    assert!(said.contains("busy"), "{said}");
    must(&format!("{UMOUNT} -l {at}"));
    assert_eq!(helpers.mounted(), None);
    drop(open);
}

fn fstab() {
    let helpers = Helpers::new();
    let (device, at) = (&helpers.0.device, helpers.0.mountpoint);
    helpers.fstab("noauto,nofail,_netdev,x-systemd.automount,x-systemd.requires=a.service");
    must(&format!("{MOUNT} -a"));
    assert_eq!(helpers.mounted(), None, "noauto");
    for name in [at, device] {
        must(&format!("{MOUNT} {name}"));
        assert!(helpers.mounted().is_some());
        must(&format!("{UMOUNT} {name}"));
        assert_eq!(helpers.mounted(), None);
    }
    helpers.fstab("defaults,nofail");
    for _ in 0..2 {
        // The second time there is nothing to do.
        must(&format!("{MOUNT} -a"));
        assert!(helpers.mounted().is_some());
    }
    must(&format!("{UMOUNT} {at}"));
    helpers.fstab("ro,client,mode=0750,comment=shared");
    must(&format!("{MOUNT} {at}"));
    let line = helpers.mounted().unwrap();
    assert!(line.contains(" ro,") && line.contains("mode=750"), "{line}");
    let mode = |name: &str| {
        fs::metadata(helpers.0.path(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!((mode("") & 0o7777, mode("file") & 0o7777), (0o750, 0o444));
    must(&format!("{UMOUNT} {at}"));
}

fn options() {
    let helpers = Helpers::new();
    let (device, at) = (&helpers.0.device, helpers.0.mountpoint);
    must(&format!("{MOUNT} -t famfs -o ro {device} {at}"));
    assert!(helpers.mounted().unwrap().contains(" ro,"));
    let (status, said) = ends(&run(&format!("famfs mkdir {at}/folder")));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    must(&format!("{MOUNT} -o remount,rw {at}"));
    assert!(helpers.mounted().unwrap().contains(" rw,"));
    must(&format!("famfs mkdir {at}/folder"));
    must(&format!("{UMOUNT} {at}"));
    must(&format!("{MOUNT} -t famfs -o exec,suid,dev {device} {at}"));
    let line = helpers.mounted().unwrap();
    for flag in ["nosuid", "nodev", "noexec"] {
        assert!(!line.contains(flag), "{flag}: {line}");
    }
    must(&format!("{UMOUNT} {at}"));
    must(&format!("{MOUNT} -t famfs -o nologplay {device} {at}"));
    assert!(!Path::new(&helpers.0.path("file")).exists());
    assert!(Path::new(&helpers.0.path(".meta/.log")).exists());
    must(&format!("{UMOUNT} {at}"));
    // Nothing is mounted, though all is in order.
    must(&format!("{MOUNT} -f -t famfs {device} {at}"));
    assert_eq!(helpers.mounted(), None);
}

fn failures() {
    let helpers = Helpers::new();
    let (device, at) = (&helpers.0.device, helpers.0.mountpoint);
    let fails = |line: &str, expected: i32, words: &str| {
        let (status, said) = ends(&run(&format!("{MOUNT} -t famfs {line}")));
        assert_eq!(status, expected, "{line}: {said}");
        assert!(said.contains(words), "{line}: {said}");
    };
    fails(
        &format!("-o nonsense {device} {at}"),
        1,
        "famfs: \"nonsense\" is no option of famfs",
    );
    fails(&format!("/dev/none {at}"), 32, "/dev/none");
    fails(&format!("/dev/null {at}"), 32, "neither an image");
    fails(&format!("{device} /nowhere"), 32, "/nowhere");
    assert_eq!(helpers.mounted(), None);
    must(&format!("{MOUNT} -t famfs -s -o nonsense {device} {at}"));
    for folder in [at, "/tmp"] {
        fails(&format!("{device} {folder}"), 32, "famfs: cannot mount");
    }
    must(&format!("{UMOUNT} {at}"));
    let (status, said) = ends(&run(&format!("umount.famfs {at}")));
    assert_eq!(status, 32, "{said}");
    must(&format!("famfs mkfs -f -k {device}"));
    fails(&format!("{device} {at}"), 32, "no famfs superblock");
    assert_eq!(helpers.mounted(), None);
    // Mounted, but not everything of the log is there.
    helpers.0.attach();
    let images = hostile::images();
    let bad = images.iter().find(|image| image.name == "path-dotdot");
    Plate::blank(&helpers.0).write(&bad.unwrap().image);
    helpers.0.detach();
    fails(&format!("{device} {at}"), 64, "refused log entry 5");
    assert!(Path::new(&helpers.0.path("after")).exists());
    must(&format!("{UMOUNT} {at}"));
}

/// fstab may let anyone mount; the kernel lets root alone, and it is said.
fn users() {
    let helpers = Helpers::new();
    let at = helpers.0.mountpoint;
    fs::set_permissions(MOUNT, fs::Permissions::from_mode(0o4755)).unwrap();
    for option in ["user", "users"] {
        helpers.fstab(&format!("noauto,{option}"));
        let output = Command::new(MOUNT).arg(at).uid(65534).gid(65534).output();
        let (status, said) = ends(&output.unwrap());
        assert_eq!(status, 32, "{option}: {said}");
        assert!(said.contains("famfs: only root may mount"), "{said}");
        assert_eq!(helpers.mounted(), None);
        // For root they are in order.
        must(&format!("{MOUNT} {at}"));
        assert!(helpers.mounted().unwrap().contains("noexec"));
        must(&format!("{UMOUNT} {at}"));
    }
    fs::set_permissions(MOUNT, fs::Permissions::from_mode(0o755)).unwrap();
}
