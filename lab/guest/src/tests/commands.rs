//! The commands as users type them, on real memory.

use std::{
    fs,
    io::Write,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    command::{ends_with, must, must_fail},
    fixture::Famfs,
    harness::Test,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "commands::many_files_with_one_lock_and_one_log_write",
        run: many_files,
    },
    Test {
        name: "commands::a_bad_item_does_not_keep_the_good_ones",
        run: bad_item,
    },
    Test {
        name: "commands::copies_are_equal_after_a_remount",
        run: copies,
    },
    Test {
        name: "commands::cp_refuses_what_it_cannot_copy",
        run: cp_refusals,
    },
    Test {
        name: "commands::data_of_files_is_verified_flushed_and_read",
        run: data,
    },
    Test {
        name: "commands::check_finds_what_has_no_map",
        run: check,
    },
    Test {
        name: "commands::check_and_logplay_name_what_is_missing_moved_or_truncated",
        run: misplaced,
    },
    Test {
        name: "commands::options_are_shown_and_changed",
        run: options,
    },
    Test {
        name: "commands::list_shows_the_device_and_its_mount",
        run: list,
    },
    Test {
        name: "commands::interleaved_files",
        run: interleaved,
    },
    Test {
        name: "commands::kernel_interface_44_alone",
        run: kabi44,
    },
    Test {
        name: "commands::helpers_of_mount_and_umount",
        run: helpers,
    },
];

const MIB: u64 = 1 << 20;

fn json(line: &str) -> Value {
    serde_json::from_str(&must(line)).unwrap()
}

fn many_files() {
    let famfs = Famfs::fresh();
    let lines: Vec<String> = (0..200)
        .map(|i| format!("{}/f{i},2M\n", famfs.mountpoint))
        .collect();
    let mut child = Command::new("famfs")
        .args(["creat", "-m", "640", "--manifest", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.concat().as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    let report = json(&format!("famfs fsck --json {}", famfs.mountpoint));
    assert_eq!(
        (&report["files"], &report["used_bytes"], &report["clean"]),
        (&200.into(), &(410 * MIB).into(), &true.into())
    );
    famfs.umount();
    famfs.mount();
    let meta = fs::metadata(famfs.path("f199")).unwrap();
    assert_eq!((meta.len(), meta.mode() & 0o7777), (2 * MIB, 0o640));
}

fn bad_item() {
    let famfs = Famfs::fresh();
    let item = |name: &str, rest: &str| format!("-M {},{rest}", famfs.path(name));
    let line = format!(
        "famfs creat {} {} {} {} {}",
        item("good", "2M,7"),
        item("empty", "0"),
        item("huge", "1T"),
        item("no/parent", "2M"),
        item("good", "2M,7"),
    );
    let said = must_fail(&line);
    for part in [
        "empty: a file of 0 bytes",
        "huge: no room",
        "not in the log",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    must(&format!("famfs verify -S 7 -f {}", famfs.path("good")));
    let report = json(&format!("famfs fsck --json {}", famfs.mountpoint));
    assert_eq!(
        (&report["files"], &report["clean"]),
        (&1.into(), &true.into())
    );
    // The same size again is success, another one is not.
    must(&format!("famfs creat -s 2M {}", famfs.path("good")));
    must_fail(&format!("famfs creat -s 4M {}", famfs.path("good")));
    must(&format!("famfs creat -r -S 8 {}", famfs.path("good")));
    must(&format!("famfs verify -S 8 -f {}", famfs.path("good")));
}

/// A tree outside the mount: two folders, files of odd sizes.
fn tree() -> &'static str {
    let top = "/tmp/tree";
    let _ = fs::remove_dir_all(top);
    fs::create_dir_all(format!("{top}/a/b")).unwrap();
    for (name, size, mode) in [
        ("one", 1, 0o644),
        ("a/two", 3_000_001, 0o600),
        ("a/b/three", 5 << 20, 0o755),
    ] {
        let path = format!("{top}/{name}");
        let bytes: Vec<u8> = (0..size).map(|i| u8::try_from(i % 249).unwrap()).collect();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    top
}

fn same_tree(famfs: &Famfs, from: &str, to: &str) {
    for name in ["one", "a/two", "a/b/three"] {
        let copy = famfs.path(&format!("{to}/{name}"));
        let source = format!("{from}/{name}");
        assert!(
            fs::read(&copy).unwrap() == fs::read(&source).unwrap(),
            "{copy}"
        );
        let mode = |path: &str| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&copy), mode(&source), "{copy}");
    }
}

fn copies() {
    let famfs = Famfs::fresh();
    let tree = tree();
    must(&format!("famfs cp -r -t 2 {tree} {}", famfs.path("new")));
    same_tree(&famfs, tree, "new");
    // Into a folder that exists: under its own name.
    must(&format!("famfs cp -r {tree} {}", famfs.path("new")));
    same_tree(&famfs, tree, "new/tree");
    must(&format!("famfs cp -r -c -t 2 {tree} {}", famfs.path("new")));
    famfs.umount();
    famfs.mount();
    same_tree(&famfs, tree, "new");
    same_tree(&famfs, tree, "new/tree");
    // The same size again: in place; the copy that differs is found first.
    fs::write("/tmp/tree/one", "x").unwrap();
    let compare = format!("famfs cp -c -r {tree}/one {}", famfs.path("new/one"));
    let said = must_fail(&compare);
    assert!(said.contains("byte 0 differs"), "{said}");
    must(&format!("famfs cp {tree}/one {}", famfs.path("new/")));
    must(&compare);
    must(&format!(
        "famfs cp -m 600 -u 5 -g 6 {tree}/one {tree}/a/two {}",
        famfs.path("new/a/b")
    ));
    let meta = fs::metadata(famfs.path("new/a/b/two")).unwrap();
    assert_eq!(
        (meta.mode() & 0o7777, meta.uid(), meta.gid()),
        (0o600, 5, 6)
    );
    // From one famfs file to another.
    must(&format!(
        "famfs cp {} {}",
        famfs.path("new/a/two"),
        famfs.path("second")
    ));
    must(&format!("famfs fsck {}", famfs.mountpoint));
}

fn cp_refusals() {
    let famfs = Famfs::fresh();
    let tree = tree();
    fs::write(format!("{tree}/empty"), "").unwrap();
    symlink(tree, format!("{tree}/a/loop")).unwrap();
    let at = |name: &str| famfs.path(name);
    for (line, said) in [
        (
            format!("famfs cp {tree}/none {}", at("x")),
            "cannot look at",
        ),
        (format!("famfs cp {tree}/empty {}", at("x")), "it is empty"),
        (
            format!("famfs cp /dev/null {}", at("x")),
            "neither a file nor a folder",
        ),
        (format!("famfs cp {tree} {}", at("x")), "`-r` copies it"),
        (
            format!("famfs cp /proc/meminfo {}", at("x")),
            "/proc/meminfo: its size is not known before it is read",
        ),
        (
            format!("famfs cp /sys/devices/system/cpu/online {}", at("x")),
            "cannot copy /sys/devices/system/cpu/online: it has fewer bytes than its size says",
        ),
        (
            format!("famfs cp {tree}/one {}", at("no/x")),
            "not in the log",
        ),
        (
            format!("famfs cp {tree}/one {tree}/a/two {}", at("x")),
            "a folder that exists",
        ),
        (
            format!("famfs cp -c {tree}/one {}", at("x")),
            "it does not exist",
        ),
    ] {
        let text = must_fail(&line);
        assert!(text.contains(said), "{line}: {text}");
    }
    assert!(!fs::exists(at("x")).unwrap());
    // What fails does not keep the rest from being copied.
    let said = must_fail(&format!("famfs cp -r {tree} {}", at("all")));
    assert!(
        said.contains("it is empty") && said.contains("leads back"),
        "{said}"
    );
    same_tree(&famfs, tree, "all");
    fs::write(format!("{tree}/one"), "longer").unwrap();
    let said = must_fail(&format!("famfs cp {tree}/one {}", at("all")));
    assert!(said.contains("files keep their size"), "{said}");
    assert_eq!(fs::metadata(at("all/one")).unwrap().len(), 1);
    must(&format!("famfs fsck {}", famfs.mountpoint));
}

fn data() {
    let famfs = Famfs::fresh();
    let path = famfs.path("file");
    must(&format!("famfs creat -s 5000001 -r -S 42 {path}"));
    must(&format!("famfs verify -S 42 -f {path}"));
    must_fail(&format!("famfs verify -S 43 -f {path}"));
    must(&format!("famfs flush {path}"));
    must(&format!("famfs chkread {path}"));
    must(&format!("famfs chkread -l {}", famfs.path(".meta/.log")));
    must(&format!(
        "famfs chkread -s {}",
        famfs.path(".meta/.superblock")
    ));
    must_fail(&format!(
        "famfs chkread -l {}",
        famfs.path(".meta/.superblock")
    ));
    // A byte that another program changes is found, at its place.
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 4_999_999).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 4_999_999).unwrap();
    let verdict = Command::new("famfs")
        .args(["verify", "--json", "-m", &format!("{path},42")])
        .output()
        .unwrap();
    let verdict: Value = serde_json::from_slice(&verdict.stdout).unwrap();
    assert_eq!(verdict["files"][0]["differs_at"], 4_999_999);
    let map = json(&format!("famfs getmap --json {path}"));
    assert_eq!(
        (&map["size"], &map["ext_type"]),
        (&5_000_001.into(), &0.into())
    );
    must(&format!("famfs getmap -q {path}"));
    must_fail("famfs getmap /etc/passwd");
}

fn check() {
    let famfs = Famfs::fresh();
    famfs.creat("good", "2M");
    must(&format!("famfs mkdir {}", famfs.path("folder")));
    let said = must(&format!("famfs check {}", famfs.mountpoint));
    assert_eq!(said, "3 files, 2 directories, 0 errors\n");
    fs::File::create(famfs.path("rogue")).unwrap();
    let said = must_fail(&format!("famfs check {}", famfs.mountpoint));
    assert!(said.contains("rogue: it has no map"), "{said}");
    assert!(said.contains("4 files, 2 directories, 1 errors"), "{said}");
    must_fail(&format!("famfs getmap {}", famfs.path("rogue")));
    fs::remove_file(famfs.path("rogue")).unwrap();
    must(&format!("famfs check {}", famfs.mountpoint));
    let said = must_fail(&format!("famfs check {}", famfs.path("folder")));
    assert!(said.contains("it is no mount point"), "{said}");
    // creat takes the place of a name that the log does not have.
    fs::File::create(famfs.path("rogue")).unwrap();
    famfs.creat("rogue", "2M");
    must(&format!("famfs check {}", famfs.mountpoint));
}

/// A user may be allowed to do these things; they end with the mount, and the log knows better.
fn misplaced() {
    let famfs = Famfs::fresh();
    let at = famfs.mountpoint;
    for name in ["removed", "moved", "truncated", "emptied"] {
        famfs.creat(name, "2M");
    }
    must(&format!("famfs mkdir {at}/folder"));
    must(&format!(
        "famfs opts {at} --set unlink,rename,rmdir,truncate"
    ));
    fs::remove_file(famfs.path("removed")).unwrap();
    fs::rename(famfs.path("moved"), famfs.path("elsewhere")).unwrap();
    fs::remove_dir(famfs.path("folder")).unwrap();
    for (name, size) in [("truncated", 4096), ("emptied", 0)] {
        let file = fs::File::options().write(true).open(famfs.path(name));
        file.unwrap().set_len(size).unwrap();
    }
    let said = must_fail(&format!("famfs check {at}"));
    for line in [
        "removed: log entry 0 made it, and it is missing here: `famfs logplay` makes it again",
        "moved: log entry 1 made it, and it is missing here: its memory is held by elsewhere",
        "truncated: its size was changed",
        "emptied: its size was changed",
        "folder: log entry 4 made it, and it is missing here",
        "5 errors",
    ] {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }
    // Played, all is there again but for the one whose memory another name has; it and those that
    // were changed need a repair.
    let said = must_fail(&format!("famfs logplay {at}"));
    assert!(
        said.contains("cannot play log entry 1 \"moved\"")
            && said.contains("its memory is held by elsewhere, which is this file under another")
            && said.contains("`famfs logplay --repair` moves it back")
            && !said.contains("busy"),
        "{said}"
    );
    must(&format!("famfs logplay --repair {at}"));
    assert!(!fs::exists(famfs.path("elsewhere")).unwrap());
    must(&format!("famfs check {at}"));
    // A file that somebody has open keeps its memory, and there is no name to give.
    let open = fs::File::open(famfs.path("moved")).unwrap();
    fs::remove_file(famfs.path("moved")).unwrap();
    let said = must_fail(&format!("famfs logplay {at}"));
    assert!(said.contains("a process has a removed file open"), "{said}");
    drop(open);
    must(&format!("famfs logplay {at}"));
    must(&format!("famfs check {at}"));
}

fn options() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let shown = must(&format!("famfs opts {}", famfs.mountpoint));
    assert_eq!(shown, "create,mkdir,chmod,chown,utimes,write,map_create\n");
    fs::remove_file(&path).unwrap_err();
    let set = json(&format!(
        "famfs opts {} --set unlink --json",
        famfs.mountpoint
    ));
    assert_eq!(set["bits"], 0x5b23);
    fs::remove_file(&path).unwrap();
    must(&format!(
        "famfs opts {} --clear unlink,create",
        famfs.mountpoint
    ));
    let said = must_fail(&format!("famfs creat -s 2M {}", famfs.path("new")));
    assert!(said.contains("cannot create"), "{said}");
    must(&format!("famfs opts {} --set create", famfs.mountpoint));
    // The log still has the file that was removed here.
    must(&format!("famfs logplay {}", famfs.mountpoint));
    assert!(fs::exists(&path).unwrap());
}

fn list() {
    let famfs = Famfs::fresh();
    famfs.creat("one", "2M");
    for mounted in [true, false] {
        let list = json("famfs list --json");
        let device = list["devices"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["path"] == famfs.device.as_str())
            .unwrap();
        let mode = if famfs.device.contains("pmem") {
            "pmem"
        } else {
            "fsdev"
        };
        assert_eq!(device["mode"], mode);
        let fs = &device["file_system"];
        assert_eq!((&fs["entries"], &fs["role"]), (&1.into(), &"master".into()));
        let mounts = device["mounts"].as_array().unwrap();
        assert_eq!(mounts.len(), usize::from(mounted));
        if mounted {
            assert_eq!(mounts[0]["mount_point"], famfs.mountpoint);
            assert_eq!(mounts[0]["state"], "ok");
            famfs.umount();
        }
    }
}

/// Whether the device is as long as the shortest bucket.
fn has_a_bucket(famfs: &Famfs) -> bool {
    let report = json(&format!("famfs fsck --json {}", famfs.mountpoint));
    report["capacity_bytes"].as_u64().unwrap() >= 1 << 30
}

fn interleaved() {
    let famfs = Famfs::fresh();
    for (args, said) in [
        ("-N 2 -B 100 -C 2M", "bucket"),
        ("-N 2 -B 4 -C 2000000", "chunk"),
        ("-N 5 -B 4", "bucket"),
        ("-N 17 -B 32", "strip"),
    ] {
        let text = must_fail(&format!("famfs creat -s 8M {args} {}", famfs.path("bad")));
        assert!(text.to_lowercase().contains(said), "{args}: {text}");
    }
    let path = famfs.path("spread");
    let line = format!("famfs creat -s 9M -r -S 9 -N 1 -B 1 -C 2M {path}");
    if !has_a_bucket(&famfs) {
        // A namespace in devdax mode keeps some of the lab's 1 GiB for itself.
        let said = must_fail(&line);
        assert!(said.contains("have less than 1 GiB each"), "{said}");
        return;
    }
    must(&line);
    let map = json(&format!("famfs getmap --json {path}"));
    assert_eq!(
        (
            &map["ext_type"],
            &map["chunk_size"],
            &map["extents"][0]["len"]
        ),
        (&1.into(), &(2 * MIB).into(), &(10 * MIB).into())
    );
    famfs.umount();
    famfs.mount();
    must(&format!("famfs verify -S 9 -f {path}"));
    must(&format!("famfs cp -N 1 -B 1 {path} {}", famfs.path("copy")));
    must(&format!("famfs verify -S 9 -f {}", famfs.path("copy")));
    must(&format!("famfs fsck {}", famfs.mountpoint));
}

/// Our module speaks both interfaces; so do upstream's kernels, one at a time.
fn kabi44() {
    let famfs = Famfs::fresh();
    famfs.umount();
    let with = |line: &str| must(&format!("env FAMFS_KABI=44 {line}"));
    with(&format!("famfs mkfs -f {}", famfs.device));
    with(&format!(
        "famfs mount {} {}",
        famfs.device, famfs.mountpoint
    ));
    let path = famfs.path("file");
    with(&format!("famfs creat -s 3M -r -S 5 {path}"));
    with(&format!("famfs mkdir {}", famfs.path("folder")));
    if has_a_bucket(&famfs) {
        let spread = famfs.path("spread");
        with(&format!("famfs creat -s 4M -N 1 -B 1 -C 2M {spread}"));
    }
    with(&format!("famfs verify -S 5 -f {path}"));
    with(&format!("famfs check {}", famfs.mountpoint));
    with(&format!("famfs logplay {}", famfs.mountpoint));
    with(&format!("famfs fsck {}", famfs.mountpoint));
    let said = must_fail(&format!("env FAMFS_KABI=44 famfs getmap {path}"));
    assert!(said.contains("interface 44 cannot show"), "{said}");
    // What one interface made, the other shows.
    let map = json(&format!("famfs getmap --json {path}"));
    assert_eq!(map["size"], 3 * MIB);
    famfs.umount();
    with(&format!(
        "famfs mount {} {}",
        famfs.device, famfs.mountpoint
    ));
    with(&format!("famfs verify -S 5 -f {path}"));
}

fn helpers() {
    let famfs = Famfs::fresh();
    famfs.creat("file", "2M");
    famfs.umount();
    for name in ["mount.famfs", "umount.famfs", "mkfs.famfs"] {
        let link = format!("/usr/bin/{name}");
        let _ = fs::remove_file(&link);
        symlink("/usr/bin/famfs", link).unwrap();
    }
    let (device, at) = (&famfs.device, famfs.mountpoint);
    assert_eq!(
        ends_with(&format!("mount.famfs {device} {at} -o rw,nonsense")).0,
        1
    );
    must(&format!(
        "mount.famfs {device} {at} -o rw,noauto,x-systemd.automount"
    ));
    assert!(fs::exists(famfs.path("file")).unwrap());
    assert_eq!(ends_with(&format!("mount.famfs {device} {at} -o rw")).0, 32);
    must(&format!("mount.famfs {device} {at} -o remount,ro"));
    let (status, said) = ends_with(&format!("famfs creat -s 2M {}", famfs.path("new")));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    must(&format!("mount.famfs {device} {at} -o remount,rw"));
    famfs.creat("new", "2M");
    must(&format!("umount.famfs {at}"));
    assert!(!famfs.is_mounted());
    must(&format!("mount.famfs {device} {at} -o ro,exec,mode=700"));
    let options = fs::read_to_string("/proc/self/mounts").unwrap();
    let line = options.lines().find(|l| l.contains(" famfs ")).unwrap();
    assert!(
        line.contains(" ro,") && line.contains("nosuid") && !line.contains("noexec"),
        "{line}"
    );
    assert!(
        fs::exists(famfs.path("new")).unwrap(),
        "a read-only mount is filled, too"
    );
    let (_, said) = ends_with(&format!("famfs mkdir {}", famfs.path("folder")));
    assert!(said.contains("Read-only file system"), "{said}");
    must(&format!("umount.famfs {device}"));
    must_fail(&format!("mkfs.famfs {device}"));
    must(&format!("mkfs.famfs -f {device}"));
}
