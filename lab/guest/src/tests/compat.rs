//! What scripts written for upstream's tools meet, where it takes a mount.

use std::{
    fs::{self, File},
    process,
};

use crate::{
    command::{ends_with, must},
    fixture::Famfs,
    harness::Test,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "compat::fsck_takes_a_file_and_not_a_mounted_device",
        run: fsck,
    },
    Test {
        name: "compat::creat_of_a_file_that_exists",
        run: creat,
    },
    Test {
        name: "compat::shadow_files_of_an_older_run_are_replaced",
        run: shadow,
    },
    Test {
        name: "compat::who_holds_the_lock_is_named",
        run: locked,
    },
    Test {
        name: "compat::a_name_below_a_removed_folder",
        run: removed_folder,
    },
    Test {
        name: "compat::a_name_that_ends_in_a_slash",
        run: slash,
    },
    Test {
        name: "compat::options_of_any_file_system",
        run: options,
    },
];

/// Ends with a status, having said each of these.
fn ends(line: &str, status: i32, parts: &[&str]) {
    let (code, said) = ends_with(line);
    assert_eq!(code, status, "`{line}`\n{said}");
    for part in parts {
        assert!(said.contains(part), "`{line}`: `{part}` is not in:\n{said}");
    }
}

fn fsck() {
    let famfs = Famfs::fresh();
    let (device, at) = (&famfs.device, famfs.mountpoint);
    let file = famfs.creat("file", "2M");
    must(&format!("famfs mkdir {}", famfs.path("folder")));
    let whole = must(&format!("famfs fsck {at}"));
    assert!(whole.contains("files    1, 1 directories"), "{whole}");
    for path in [&file, &famfs.path("folder"), &famfs.path(".meta/.log")] {
        assert_eq!(must(&format!("famfs fsck {path}")), whole, "{path}");
    }
    ends(&format!("famfs fsck {file}x"), 1, &["No such file"]);
    // As upstream's scripts ask for it.
    let value = |text: &str, name: &str, column: usize| -> u64 {
        let line = text.lines().find(|line| line.contains(name)).unwrap();
        line.split_whitespace()
            .nth(column)
            .unwrap()
            .parse()
            .unwrap()
    };
    let verbose = must(&format!("famfs fsck -v {at}"));
    assert_eq!(value(&verbose, "log_len", 1), 8 << 20);
    let capacity = value(&whole, "Device capacity", 2);
    assert_eq!(capacity - value(&whole, "Free space", 2), (10 + 2) << 20);
    ends(&format!("famfs fsck -h {at}"), 0, &["12 MiB used"]);
    // An image of another file system, or the beginning of one.
    must("truncate -s 64M /tmp/other");
    must("famfs mkfs /tmp/other");
    must("truncate -s 2M /tmp/other");
    let image = famfs.path("image");
    must(&format!("famfs cp /tmp/other {image}"));
    let note = format!("note: {image} lies in the mount {at}, and that is the file system");
    for command in ["fsck", "dump"] {
        ends(&format!("famfs {command} {image}"), 0, &[&note]);
        let (_, said) = ends_with(&format!(
            "famfs {command} {}",
            famfs.path(".meta/.superblock")
        ));
        assert!(!said.contains("note: "), "{said}");
    }
    fs::remove_file("/tmp/other").unwrap();
    let mounted = format!("{device} is mounted on {at}");
    ends(
        &format!("famfs fsck {device}"),
        16,
        &[&mounted, "name its mount point"],
    );
    ends(&format!("famfs fsck --json {device}"), 16, &[&mounted]);
    ends(&format!("famfs fsck -f {device}"), 0, &["clean"]);
    famfs.umount();
    ends(&format!("famfs fsck {device}"), 0, &["clean"]);
}

fn creat() {
    let famfs = Famfs::fresh();
    let file = famfs.path("file");
    must(&format!("famfs creat -s 3000001 -r -S 7 {file}"));
    for line in ["", "-s 0", "-s 3000001", "-r"] {
        must(&format!("famfs creat {line} {file}"));
    }
    must(&format!("famfs creat -M {file},0"));
    must(&format!("famfs verify -S 7 -f {file}"));
    must(&format!("famfs creat -t0 -v -M {file},0,8"));
    must(&format!("famfs verify -v -m {file},8"));
    let new = famfs.path("new");
    for (line, why) in [
        (format!("famfs creat {new}"), "`-s SIZE` makes it"),
        (format!("famfs creat -M {new},0,8"), "a file of 0 bytes"),
        (format!("famfs creat -s 4k {file}"), "files keep their size"),
    ] {
        ends(&line, 1, &[why]);
    }
    assert!(!fs::exists(&new).unwrap());
    // The mode is what these scripts look at.
    ends(
        &format!("famfs creat -s 2M -r -m 600 {new}"),
        0,
        &["--randomize has no effect"],
    );
    must(&format!("famfs fsck {}", famfs.mountpoint));
}

fn shadow() {
    let famfs = Famfs::fresh();
    let dir = "/tmp/compat_shadow";
    let _ = fs::remove_dir_all(dir);
    famfs.creat("first", "2M");
    famfs.creat("second", "2M");
    must(&format!("famfs mkdir {}", famfs.path("folder")));
    let play = format!("famfs logplay -Ss {dir} {}", famfs.mountpoint);
    ends(&play, 0, &["2 new files, 1 new directories"]);
    let yaml = format!("{dir}/root/second");
    let before = fs::read_to_string(&yaml).unwrap();
    ends(
        &play,
        0,
        &["0 new files, 0 new directories, 3 there already"],
    );
    // More of the same file system, and then a file system made again under the same names.
    famfs.creat("third", "2M");
    ends(&play, 0, &["1 new files"]);
    famfs.umount();
    must(&format!("famfs mkfs -f {}", famfs.device));
    famfs.mount();
    famfs.creat("second", "4M");
    ends(&play, 0, &["put right log entry 0 \"second\""]);
    assert_ne!(fs::read_to_string(&yaml).unwrap(), before);
    ends(&format!("{play} --shadowtest"), 0, &["1 there already"]);
    fs::remove_dir_all(dir).unwrap();
}

fn locked() {
    let famfs = Famfs::fresh();
    let log = File::open(famfs.path(".meta/.log")).unwrap();
    log.lock().unwrap();
    let us = format!("process {} (", process::id());
    fs::write("/tmp/one_page", vec![7; 4096]).unwrap();
    for line in [
        format!("creat --wait 0 -s 2M {}", famfs.path("new")),
        format!("mkdir --wait 0 {}", famfs.path("new")),
        format!("cp --wait 0 /tmp/one_page {}", famfs.path("new")),
    ] {
        ends(
            &format!("famfs {line}"),
            1,
            &["was not free within 0 s", &us, "wait longer"],
        );
    }
    log.unlock().unwrap();
    must(&format!("famfs creat --wait 0 -s 2M {}", famfs.path("new")));
}

fn removed_folder() {
    let famfs = Famfs::fresh();
    let folder = famfs.path("folder");
    must(&format!("famfs mkdir -p {folder}/below"));
    must(&format!("famfs opts --set rmdir {}", famfs.mountpoint));
    fs::remove_dir(format!("{folder}/below")).unwrap();
    fs::remove_dir(&folder).unwrap();
    fs::write("/tmp/one_page", vec![7; 4096]).unwrap();
    for line in [
        format!("creat -s 2M {folder}/file"),
        format!("creat -s 2M {folder}/below/file"),
        format!("creat -M {folder}/file,2M"),
        format!("mkdir {folder}/new"),
        format!("mkdir -p {folder}/below/new/deep"),
        format!("cp /tmp/one_page {folder}/file"),
        format!("mkdir {folder}"),
    ] {
        ends(
            &format!("famfs {line}"),
            1,
            &["`famfs logplay` brings it back"],
        );
    }
    must(&format!("famfs logplay {}", famfs.mountpoint));
    must(&format!("famfs creat -s 2M {folder}/below/file"));
    must(&format!("famfs fsck {}", famfs.mountpoint));
}

fn slash() {
    let famfs = Famfs::fresh();
    let at = famfs.mountpoint;
    fs::write("/tmp/one_page", vec![7; 4096]).unwrap();
    let _ = fs::remove_dir_all("/tmp/one_folder");
    fs::create_dir("/tmp/one_folder").unwrap();
    fs::write("/tmp/one_folder/page", vec![7; 4096]).unwrap();
    fs::write("/tmp/slash_list", format!("{at}/new/,2M\n")).unwrap();
    for end in ["/", "//", "/."] {
        for line in [
            format!("creat -s 2M {at}/new{end}"),
            format!("creat -M {at}/new{end},2M"),
            format!("cp /tmp/one_page {at}/new{end}"),
            format!("cp -r /tmp/one_page {at}/new{end}"),
        ] {
            ends(&format!("famfs {line}"), 1, &["ends in a slash"]);
        }
    }
    ends(
        "famfs creat --manifest /tmp/slash_list",
        1,
        &["ends in a slash"],
    );
    assert!(!fs::exists(famfs.path("new")).unwrap());
    // A folder was meant, and is made or there.
    must(&format!("famfs mkdir {at}/folder/"));
    must(&format!("famfs cp -r /tmp/one_folder {at}/copy/"));
    for end in ["/", "/."] {
        must(&format!("famfs cp /tmp/one_page {at}/folder{end}"));
    }
    for file in ["folder/one_page", "copy/page"] {
        assert_eq!(fs::metadata(famfs.path(file)).unwrap().len(), 4096);
        ends(
            &format!("famfs creat {at}/{file}/"),
            1,
            &["ends in a slash"],
        );
    }
    must(&format!("famfs fsck {at}"));
}

fn options() {
    let famfs = Famfs::fresh();
    famfs.umount();
    let flags = || {
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = table.lines().find(|line| line.contains(" famfs ")).unwrap();
        let flags = line.split(' ').nth(3).unwrap().split(',');
        flags.map(str::to_owned).collect::<Vec<_>>()
    };
    for (options, with, without) in [
        ("strictatime", &[][..], &["noatime", "relatime"][..]),
        ("relatime", &["relatime"], &["noatime"]),
        (
            "noatime,nodiratime,nosymfollow,norelatime",
            &["noatime", "nodiratime", "nosymfollow"],
            &[],
        ),
        (
            "lazytime,sync,dirsync,iversion,mand",
            &["noatime", "rw"],
            &["sync", "lazytime"],
        ),
    ] {
        let (device, at) = (&famfs.device, famfs.mountpoint);
        let notes: &[&str] = if options.contains("sync") {
            &["note: lazytime, sync, dirsync, iversion, mand have no effect on famfs"]
        } else {
            &[]
        };
        ends(&format!("famfs mount -o {options} {device} {at}"), 0, notes);
        for remounted in [false, true] {
            if remounted {
                must(&format!("famfs mount -R -o {options} {device} {at}"));
            }
            let found = flags();
            let has = |flag: &&str| found.iter().any(|found| found == flag);
            assert!(with.iter().all(has), "{options}: {found:?}");
            assert!(!without.iter().any(has), "{options}: {found:?}");
        }
        famfs.umount();
    }
}
