//! Commands that cannot do what they were asked, or are ended on the way: one clear line,
//! the documented status, and nothing half done.

use std::{
    fs,
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    command::{ends_with, must, must_fail},
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "commands_refused::without_root",
        run: without_root,
    },
    Test {
        name: "commands_refused::no_device_or_a_wrong_one",
        run: wrong_device,
    },
    Test {
        name: "commands_refused::a_busy_device",
        run: busy,
    },
    Test {
        name: "commands_refused::a_full_device",
        run: full_device,
    },
    Test {
        name: "commands_refused::a_full_log",
        run: full_log,
    },
    Test {
        name: "commands_refused::a_read_only_mount",
        run: read_only,
    },
    Test {
        name: "commands_refused::interrupted_creat_leaves_no_half_file",
        run: interrupted_creat,
    },
    Test {
        name: "commands_refused::interrupted_cp_leaves_no_half_file",
        run: interrupted_cp,
    },
    Test {
        name: "commands_refused::a_command_that_waits_for_the_lock_can_be_ended",
        run: waiting,
    },
    Test {
        name: "commands_refused::a_killed_creat_blocks_nobody",
        run: killed,
    },
    Test {
        name: "commands_refused::devdax_mode_and_back",
        run: daxmode,
    },
];

/// Status and words of a command, which must be one line and at most one hint.
fn refused(line: &str) -> (i32, String) {
    let (status, said) = ends_with(line);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        matches!(lines[..], [_]) || matches!(lines[..], [_, hint] if hint.contains("hint: ")),
        "`{line}`: {said}"
    );
    (status, said)
}

fn report(famfs: &Famfs) -> Value {
    serde_json::from_str(&must(&format!("famfs fsck --json {}", famfs.mountpoint))).unwrap()
}

fn without_root() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let (device, at) = (&famfs.device, famfs.mountpoint);
    let nobody = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = Command::new("famfs")
            .args(&words)
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    for line in [
        format!("creat -s 2M {at}/new"),
        format!("mkdir {at}/folder"),
        format!("cp /etc/passwd {at}/copy"),
        format!("umount {at}"),
        format!("opts {at} --set unlink"),
        format!("creat -r -S 1 {path}"),
    ] {
        let (status, said) = nobody(&line);
        assert_eq!(status, 3, "{line}: {said}");
    }
    // Looking needs no privilege.
    for line in [
        format!("fsck {at}"),
        format!("check {at}"),
        format!("getmap {path}"),
        format!("opts {at}"),
    ] {
        let (status, said) = nobody(&line);
        assert_eq!(status, 0, "{line}: {said}");
    }
    famfs.umount();
    for line in [
        format!("mkfs -f {device}"),
        format!("mount {device} {at}"),
        format!("fsck {device}"),
    ] {
        let (status, said) = nobody(&line);
        assert_eq!(status, 3, "{line}: {said}");
    }
    famfs.mount();
    assert_eq!(report(&famfs)["entries"], 1);
}

fn wrong_device() {
    let famfs = Famfs::fresh();
    famfs.umount();
    let at = famfs.mountpoint;
    fs::write("/tmp/plain", "text").unwrap();
    for (line, said) in [
        (
            format!("famfs mount /dev/none {at}"),
            "cannot resolve /dev/none",
        ),
        (format!("famfs mount /tmp/plain {at}"), "neither an image"),
        (format!("famfs mount /dev/null {at}"), "neither an image"),
        (
            format!("famfs mount {} /nowhere", famfs.device),
            "cannot resolve /nowhere",
        ),
        (
            format!("famfs mount {} /etc/passwd", famfs.device),
            "no folder",
        ),
        (
            "famfs mkfs /dev/none".to_owned(),
            "cannot look at /dev/none",
        ),
        ("famfs mkfs /dev/null".to_owned(), "neither an image"),
        ("famfs mkfs /tmp/plain".to_owned(), "has 4 bytes"),
        (
            format!("famfs umount {at}"),
            "not the root of a famfs mount",
        ),
        (format!("famfs creat -s 2M {at}/x"), "not in a famfs mount"),
    ] {
        let (status, text) = refused(&line);
        assert_eq!(status, 1, "{line}: {text}");
        assert!(text.contains(said), "{line}: {text}");
    }
    // No superblock: nothing is mounted.
    must(&format!("famfs mkfs -f -k {}", famfs.device));
    let (status, said) = refused(&format!("famfs mount {} {at}", famfs.device));
    assert_eq!(status, 1);
    assert!(said.contains("no famfs superblock"), "{said}");
    assert!(!famfs.is_mounted());
}

fn busy() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let (device, at) = (&famfs.device, famfs.mountpoint);
    for line in [
        format!("famfs mkfs -f {device}"),
        format!("famfs mkfs -f -k {device}"),
        format!("famfs mount {device} {at}"),
    ] {
        let (status, said) = refused(&line);
        assert_eq!(status, 1, "{line}: {said}");
        assert!(
            said.contains("use") || said.contains("busy"),
            "{line}: {said}"
        );
    }
    let open = fs::File::open(&path).unwrap();
    let (status, said) = refused(&format!("famfs umount {at}"));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("busy"), "{said}");
    drop(open);
    assert_eq!(report(&famfs)["entries"], 1);
}

fn full_device() {
    let famfs = Famfs::fresh();
    famfs.creat("most", "900M");
    let (status, said) = refused(&format!("famfs creat -s 900M {}", famfs.path("more")));
    assert_eq!(status, 1);
    assert!(said.contains("no room for 943718400 bytes"), "{said}");
    assert!(!fs::exists(famfs.path("more")).unwrap());
    let large = fs::File::create("/tmp/large").unwrap();
    large.set_len(200 << 20).unwrap();
    let (status, said) = refused(&format!("famfs cp /tmp/large {}", famfs.path("large")));
    fs::remove_file("/tmp/large").unwrap();
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("no room"), "{said}");
    assert!(!fs::exists(famfs.path("large")).unwrap());
    // A folder takes no room.
    must(&format!("famfs mkdir {}", famfs.path("folder")));
    assert_eq!(report(&famfs)["entries"], 2);
}

fn full_log() {
    let famfs = Famfs::fresh();
    famfs.umount();
    must(&format!("famfs mkfs -f --alloc-unit 4k {}", famfs.device));
    famfs.mount();
    let mut child = Command::new("famfs")
        .args(["creat", "--manifest", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = (0..15_421)
        .map(|i| format!("{}/f{i},4k\n", famfs.mountpoint))
        .collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.concat().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(
        said.contains("f15420: the log is full, 15420 entries"),
        "{said}"
    );
    assert!(!fs::exists(famfs.path("f15420")).unwrap());
    for line in [
        format!("famfs mkdir {}", famfs.path("folder")),
        format!("famfs cp /etc/passwd {}", famfs.path("copy")),
    ] {
        let (status, said) = refused(&line);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("the log is full"), "{said}");
    }
    let report = report(&famfs);
    assert_eq!(
        (&report["entries"], &report["clean"]),
        (&15_420.into(), &true.into())
    );
    famfs.umount();
    interrupted_mount(&famfs);
}

/// Waits until the process catches a signal.
fn until_it_listens(child: &Child, signal: Signal) {
    let status = format!("/proc/{}/status", child.id());
    let listens = || {
        let text = fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        caught & (1 << (signal as i32 - 1)) != 0
    };
    while !listens() {
        sleep(Duration::from_millis(1));
    }
}

/// A signal that comes while the log is played leaves nothing mounted.
fn interrupted_mount(famfs: &Famfs) {
    let mut child = Command::new("famfs")
        .args(["mount", &famfs.device, famfs.mountpoint])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // From before the play, which takes a second or more.
    until_it_listens(&child, Signal::SIGINT);
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    assert_eq!(status_of(&mut child), Some(130));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "famfs: interrupted: it is not mounted\n");
    assert!(!famfs.is_mounted());
}

fn read_only() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    famfs.umount();
    let (device, at) = (&famfs.device, famfs.mountpoint);
    must(&format!("famfs mount -o ro {device} {at}"));
    for line in [
        format!("famfs creat -s 2M {at}/new"),
        format!("famfs creat -r -S 1 {path}"),
        format!("famfs mkdir {at}/folder"),
        format!("famfs cp /etc/passwd {at}/copy"),
    ] {
        let (status, said) = refused(&line);
        assert_eq!(status, 1, "{line}: {said}");
        assert!(said.contains("Read-only file system"), "{line}: {said}");
    }
    must(&format!("famfs fsck {at}"));
    must(&format!("famfs check {at}"));
    assert_eq!(report(&famfs)["entries"], 1);
}

/// Waits until `path` exists, then sends the signal.
fn signal_when(child: &Child, path: &str, signal: Signal) {
    for _ in 0..12_000 {
        if fs::exists(path).unwrap() {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    assert!(fs::exists(path).unwrap(), "{path} never came");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn status_of(child: &mut Child) -> Option<i32> {
    child.wait().unwrap().code()
}

fn interrupted_creat() {
    let famfs = Famfs::fresh();
    for (signal, status) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
    ] {
        // Each file takes the emulated CPU a while; one of them is cut.
        let slow = famfs.path("slow");
        let mut child = Command::new("famfs")
            .args(["creat", "-s", "800M", "-r", "-S", "7", &slow])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        signal_when(&child, &slow, signal);
        assert_eq!(status_of(&mut child), Some(status));
        assert!(!fs::exists(&slow).unwrap(), "{signal}");
        let report = report(&famfs);
        assert_eq!(
            (&report["entries"], &report["clean"]),
            (&0.into(), &true.into())
        );
    }
    // Nothing holds the lock or the memory.
    famfs.creat("slow", "800M");
    must(&format!("famfs check {}", famfs.mountpoint));
}

fn interrupted_cp() {
    let famfs = Famfs::fresh();
    let source = "/tmp/sources";
    let _ = fs::remove_dir_all(source);
    fs::create_dir(source).unwrap();
    // Sparse: they take no memory here, and 800 MiB there.
    for (name, size) in [("a", 1 << 20), ("b", 400 << 20), ("c", 400 << 20)] {
        let file = fs::File::create(format!("{source}/{name}")).unwrap();
        file.set_len(size).unwrap();
    }
    let mut child = Command::new("famfs")
        .args(["cp", "-r", source, &famfs.path("copy")])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    signal_when(&child, &famfs.path("copy/b"), Signal::SIGINT);
    assert_eq!(status_of(&mut child), Some(130));
    // What was complete is logged, what was not is gone.
    assert!(fs::exists(famfs.path("copy/a")).unwrap());
    assert!(!fs::exists(famfs.path("copy/b")).unwrap());
    assert!(!fs::exists(famfs.path("copy/c")).unwrap());
    must(&format!("famfs check {}", famfs.mountpoint));
    let before = report(&famfs);
    assert_eq!(
        (&before["files"], &before["clean"]),
        (&1.into(), &true.into())
    );
    famfs.umount();
    famfs.mount();
    must(&format!("famfs cp -c {source}/a {}", famfs.path("copy")));
    // And the rest can be copied after all; what is left of it: emulated memory may be slow.
    let rest = fs::File::options()
        .write(true)
        .open(format!("{source}/b"))
        .unwrap();
    rest.set_len(20 << 20).unwrap();
    must(&format!(
        "famfs cp -r -t 2 {source}/b {}",
        famfs.path("copy")
    ));
    must(&format!("famfs cp -c {source}/b {}", famfs.path("copy")));
    fs::remove_dir_all(source).unwrap();
}

fn waiting() {
    let famfs = Famfs::fresh();
    let log = fs::File::open(famfs.path(".meta/.log")).unwrap();
    log.lock().unwrap();
    let path = famfs.path("new");
    let mut child = Command::new("famfs")
        .args(["creat", "-s", "2M", &path])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It waits: the file does not come, the process does not go.
    sleep(Duration::from_millis(1500));
    assert!(!fs::exists(&path).unwrap());
    until_it_listens(&child, Signal::SIGINT);
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    assert_eq!(status_of(&mut child), Some(130));
    log.unlock().unwrap();
    famfs.creat("new", "2M");
    assert_eq!(report(&famfs)["entries"], 1);
}

/// What SIGKILL leaves is a name that no log has; it is in nobody's way.
fn killed() {
    let famfs = Famfs::fresh();
    let slow = famfs.path("slow");
    let mut child = Command::new("famfs")
        .args(["creat", "-s", "400M", "-r", "-S", "7", &slow])
        .spawn()
        .unwrap();
    signal_when(&child, &slow, Signal::SIGKILL);
    assert_eq!(status_of(&mut child), None);
    assert_eq!(report(&famfs)["entries"], 0);
    assert!(fs::exists(&slow).unwrap());
    // Its memory is still mapped here: another file goes elsewhere.
    famfs.creat("other", "2M");
    // The same name is made again.
    must(&format!("famfs creat -s 3M -r -S 8 {slow}"));
    must(&format!("famfs verify -S 8 -f {slow}"));
    must(&format!("famfs check {}", famfs.mountpoint));
    let report = report(&famfs);
    assert_eq!(
        (&report["files"], &report["clean"]),
        (&2.into(), &true.into())
    );
    famfs.umount();
    famfs.mount();
    must(&format!("famfs verify -S 8 -f {slow}"));
}

/// A character device goes to fsdev mode when it is asked to, and back when it is not
/// mounted after all. On pmem the option changes nothing.
fn daxmode() {
    let famfs = Famfs::fresh();
    famfs.umount();
    let (device, at) = (&famfs.device, famfs.mountpoint);
    if !device.contains("dax") {
        must(&format!("famfs mount --set-daxmode {device} {at}"));
        return;
    }
    let name = device.trim_start_matches("/dev/");
    let driver = || {
        fs::read_link(format!("/sys/bus/dax/devices/{name}/driver"))
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(driver(), "fsdev_dax");
    let to_devdax = || {
        fs::write("/sys/bus/dax/drivers/fsdev_dax/unbind", name).unwrap();
        fs::write("/sys/bus/dax/drivers/fsdev_dax/remove_id", name).unwrap();
        let _ = fs::write("/sys/bus/dax/drivers/device_dax/new_id", name);
        let _ = fs::write("/sys/bus/dax/drivers/device_dax/bind", name);
        assert_eq!(driver(), "device_dax");
    };
    to_devdax();
    let (status, said) = refused(&format!("famfs mount {device} {at}"));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("in devdax mode"), "{said}");
    // The tools work in devdax mode, too, but for those that were told not to map.
    must(&format!("famfs mkfs -f {device}"));
    must(&format!("famfs fsck {device}"));
    let said = must_fail(&format!("famfs mkfs -f -D {device}"));
    assert!(said.contains("in devdax mode"), "{said}");
    // Nobody takes the device from under a process that has it open or mapped.
    let held = |how: &str| {
        for line in [
            format!("famfs mount --set-daxmode {device} {at}"),
            format!("famfs mkfs -f --set-daxmode {device}"),
            format!("famfs fsck --set-daxmode {device}"),
            format!("famfs logplay --set-daxmode --shadow /tmp --daxdev {device}"),
        ] {
            let (status, said) = refused(&line);
            let me = format!("process {} (", std::process::id());
            assert_eq!(status, 1, "{line}: {said}");
            assert!(said.contains(&me) && said.contains(how), "{line}: {said}");
            assert_eq!(driver(), "device_dax", "{line}");
        }
    };
    let open = fs::File::options()
        .read(true)
        .write(true)
        .open(device)
        .unwrap();
    held("has it open");
    let map = Mapping::shared(&open, 2 << 20);
    drop(open);
    held("maps it");
    drop(map);
    // Without a superblock it goes back.
    must(&format!("famfs mkfs -f -k {device}"));
    let said = must_fail(&format!("famfs mount --set-daxmode {device} {at}"));
    assert!(said.contains("no famfs superblock"), "{said}");
    assert_eq!(driver(), "device_dax");
    must(&format!("famfs mkfs --set-daxmode {device}"));
    assert_eq!(driver(), "fsdev_dax");
    to_devdax();
    must(&format!("famfs mount -M {device} {at}"));
    assert_eq!(driver(), "fsdev_dax");
    must(&format!("famfs creat -s 2M -r -S 3 {at}/file"));
    must(&format!("famfs verify -S 3 -f {at}/file"));
}
