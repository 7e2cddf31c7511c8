//! `famfs module`: every way in which the kernel refuses to load or unload it is put into words.

use std::{
    fs::{self, File},
    num::NonZeroUsize,
    process::{Command, Output},
};

use nix::sys::mman::{self, MapFlags, ProtFlags};
use serde_json::Value;

use crate::{
    command::{must, run},
    fixture::Famfs,
    harness::{SIG_ENFORCE, Test},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "module::loaded_twice",
        run: loaded_twice,
    },
    Test {
        name: "module::another_kernel",
        run: another_kernel,
    },
    Test {
        name: "module::damaged",
        run: damaged,
    },
    Test {
        name: "module::a_missing_symbol_is_named",
        run: missing_symbol,
    },
    Test {
        name: "module::not_root",
        run: not_root,
    },
    Test {
        name: "module::unload_names_the_mount",
        run: mounted,
    },
    Test {
        name: "module::unload_names_a_mount_of_another_namespace",
        run: mounted_elsewhere,
    },
    Test {
        name: "module::unload_names_who_uses_a_detached_mount",
        run: detached,
    },
    Test {
        name: "module::unload_names_a_bpf_link_and_its_holder",
        run: attached,
    },
    Test {
        name: "module::mount_and_fsck_say_that_it_is_missing_and_load_it_when_asked",
        run: missing_module,
    },
    Test {
        name: "module::a_mount_works_again_after_rmmod_and_modprobe",
        run: again,
    },
    Test {
        name: "module::status_says_what_is_loaded",
        run: status,
    },
];

/// They change the kernel for good, so they come after everything else.
pub(crate) const LAST: &[Test] = &[Test {
    name: "module::unloads_after_everything",
    run: after_everything,
}];

/// The last of these; it needs a kernel that knows signatures.
pub(crate) const UNSIGNED: &[Test] = &[Test {
    name: "module::unsigned_where_signatures_are_demanded",
    run: unsigned,
}];

/// `famfs module …` must end with this status; returns what it said.
fn ends(line: &str, code: i32) -> String {
    let output: Output = run(line);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "`{line}`\n{said}");
    said
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

fn is_loaded() -> bool {
    fs::exists("/sys/module/famfs").unwrap()
}

fn unloaded() {
    if is_loaded() {
        must("famfs module unload");
    }
    assert!(!is_loaded());
}

fn loaded() {
    if !is_loaded() {
        must("famfs module load");
    }
}

fn release() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    text.trim().to_owned()
}

fn installed() -> String {
    format!("/lib/modules/{}/famfs.ko", release())
}

/// A copy of the module in which every `from` has become `to`, of the same length.
fn patched(name: &str, from: &[u8], to: &[u8]) -> String {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(installed()).unwrap();
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(
        found > 0,
        "{} is not in the module",
        String::from_utf8_lossy(from)
    );
    let path = format!("/tmp/{name}.ko");
    fs::write(&path, bytes).unwrap();
    path
}

fn loaded_twice() {
    unloaded();
    must("famfs module load");
    let said = ends("famfs module load", 1);
    assert_says(
        &said,
        &[
            "famfs is loaded already, from the same sources",
            "famfs module unload",
        ],
    );
    // A file that is named is loaded too.
    unloaded();
    must(&format!("famfs module load {}", installed()));
    must("famfs module unload");
    assert_says(&ends("famfs module unload", 1), &["famfs is not loaded"]);
}

fn another_kernel() {
    unloaded();
    let release = release();
    let vermagic = format!("vermagic={release} SMP");
    // With symbol versions the kernel compares those, not the release; so an option differs too.
    let other = vermagic.replace('.', "9").replace("SMP", "UMP");
    let path = patched("other", vermagic.as_bytes(), other.as_bytes());
    let said = ends(&format!("famfs module load {path}"), 3);
    let build = format!("KDIR=/lib/modules/{release}/build");
    let running = format!("and {release} is running");
    assert_says(
        &said,
        &[
            "is built for the kernel",
            &running,
            &build,
            "the kernel said: famfs: version magic",
        ],
    );
    let options = vermagic.replace("SMP", "UMP");
    let path = patched("options", vermagic.as_bytes(), options.as_bytes());
    let said = ends(&format!("famfs module load {path}"), 3);
    assert_says(&said, &["with other options"]);
    assert!(!is_loaded());
}

fn damaged() {
    unloaded();
    let whole = fs::read(installed()).unwrap();
    for (name, bytes) in [
        ("half", &whole[..whole.len() / 2]),
        ("text", b"#!/bin/sh\n".as_slice()),
        ("empty", b""),
    ] {
        let path = format!("/tmp/{name}.ko");
        fs::write(&path, bytes).unwrap();
        let said = ends(&format!("famfs module load {path}"), 1);
        assert_says(&said, &["is no module: ", "build it again"]);
    }
    assert_says(
        &ends("famfs module load /tmp", 1),
        &["/tmp is no regular file"],
    );
    assert_says(
        &ends("famfs module load /no/such/file", 1),
        &["cannot open /no/such/file"],
    );
    let path = patched("name", b"\0name=famfs\0", b"\0name=xamfs\0");
    assert_says(
        &ends(&format!("famfs module load {path}"), 1),
        &["is the module xamfs"],
    );
    assert!(!is_loaded());
}

fn missing_symbol() {
    unloaded();
    let path = patched("symbol", b"dax_iomap_fault\0", b"dax_iomap_favlt\0");
    let said = ends(&format!("famfs module load {path}"), 3);
    assert_says(
        &said,
        &[
            "needs what this kernel does not have: dax_iomap_favlt",
            "Unknown symbol dax_iomap_favlt",
        ],
    );
    assert!(!is_loaded());
}

fn not_root() {
    loaded();
    for (command, what) in [
        ("load", "only root may load"),
        ("unload", "only root may unload"),
    ] {
        let output = std::os::unix::process::CommandExt::uid(&mut Command::new("famfs"), 65534)
            .args(["module", command])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert_says(&said, &[what]);
    }
}

fn mounted() {
    let famfs = Famfs::fresh();
    let said = ends("famfs module unload", 1);
    let mount = format!(
        "{} is mounted on {} (seen by pid",
        famfs.device, famfs.mountpoint
    );
    assert_says(&said, &["famfs is in use", &mount, "famfs umount"]);
    famfs.umount();
    must("famfs module unload");
}

fn mounted_elsewhere() {
    let famfs = Famfs::fresh();
    let mut other = Command::new("unshare")
        .args(["-m", "sleep", "1000"])
        .spawn()
        .unwrap();
    let pid = other.id();
    // It has left our namespace when its own link differs.
    let link = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/mnt")).unwrap();
    while link(pid) == link(std::process::id()) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    famfs.umount();
    let said = ends("famfs module unload", 1);
    let seen = format!("seen by pid {pid}");
    let enter = format!("nsenter -t {pid} -m");
    assert_says(&said, &[famfs.mountpoint, &seen, &enter]);
    other.kill().unwrap();
    other.wait().unwrap();
    must("famfs module unload");
}

fn detached() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("held", "2M");
    let file = File::open(&path).unwrap();
    must(&format!("umount -l {}", famfs.mountpoint));
    let said = ends("famfs module unload", 1);
    let holder = format!("pid {} (lab-guest) has ", std::process::id());
    assert_says(
        &said,
        &[
            "the unmounted file system ",
            " is still used: ",
            &holder,
            "held open",
        ],
    );
    drop(file);
    must("famfs module unload");

    let famfs = Famfs::fresh();
    let path = famfs.creat("mapped", "2M");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let len = NonZeroUsize::new(2 << 20).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping, which nothing else uses and which is unmapped below.
    let mapping = unsafe { mman::mmap(None, len, access, MapFlags::MAP_SHARED, &file, 0) }.unwrap();
    drop(file);
    must(&format!("umount -l {}", famfs.mountpoint));
    let said = ends("famfs module unload", 1);
    let holder = format!("pid {} (lab-guest) maps ", std::process::id());
    assert_says(&said, &[&holder]);
    // SAFETY: the mapping made above; nothing has a reference into it.
    unsafe { mman::munmap(mapping, len.get()) }.unwrap();
    must("famfs module unload");
}

fn attached() {
    loaded();
    let output = run("famfs-top --once -- famfs module unload");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_says(
        &said,
        &[
            "famfs is in use",
            "BPF link ",
            "raw tracepoint famfs_fault_refused",
            "(famfs-top)",
        ],
    );
    must("famfs module unload");
}

/// Keeps the kernel from loading modules by itself, for as long as it lives.
struct NoAutoload(String);

impl NoAutoload {
    const PATH: &str = "/proc/sys/kernel/modprobe";

    fn new() -> Self {
        let before = fs::read_to_string(Self::PATH).unwrap();
        fs::write(Self::PATH, "\n").unwrap();
        Self(before)
    }
}

impl Drop for NoAutoload {
    fn drop(&mut self) {
        let _ = fs::write(Self::PATH, &self.0);
    }
}

/// A file system of one file on the device, no module.
fn filled_and_unloaded() -> Famfs {
    let famfs = Famfs::fresh();
    famfs.creat("file", "2M");
    famfs.umount();
    must("famfs module unload");
    famfs
}

fn missing_module() {
    const MISSING: [&str; 2] = ["the kernel has no famfs file system", "modprobe famfs"];
    let famfs = filled_and_unloaded();
    let (device, at) = (&famfs.device, famfs.mountpoint);
    let off = NoAutoload::new();
    assert_says(&ends(&format!("famfs mount {device} {at}"), 3), &MISSING);
    if device.contains("dax") {
        // Memory in fsdev mode is reached through the module alone.
        for line in ["fsck", "dump", "mkfs -f", "mkfs -f -k"] {
            assert_says(&ends(&format!("famfs {line} {device}"), 3), &MISSING);
        }
    } else {
        must(&format!("famfs fsck {device}"));
    }
    assert!(!is_loaded() && !famfs.is_mounted());
    // Nor is it loaded by the way, where the kernel may do that.
    drop(off);
    assert_says(&ends(&format!("famfs mount {device} {at}"), 3), &MISSING);
    if device.contains("dax") {
        assert_says(&ends(&format!("famfs fsck {device}"), 3), &MISSING);
    }
    assert!(!is_loaded() && !famfs.is_mounted());
    must(&format!("famfs fsck -L {device}"));
    assert!(is_loaded());
    must("famfs module unload");
    must(&format!("famfs mount -L {device} {at}"));
    assert!(fs::exists(famfs.path("file")).unwrap());
    famfs.umount();
    must("famfs module unload");
    // mount(8) loads it: nobody who writes an fstab line expects to do that by hand.
    let helper = "/tmp/mount.famfs";
    let _ = fs::remove_file(helper);
    std::os::unix::fs::symlink("/usr/bin/famfs", helper).unwrap();
    must(&format!("{helper} {device} {at}"));
    assert!(fs::exists(famfs.path("file")).unwrap());
}

fn again() {
    let famfs = filled_and_unloaded();
    let (device, at) = (&famfs.device, famfs.mountpoint);
    let _off = NoAutoload::new();
    for _ in 0..2 {
        ends(&format!("famfs mount {device} {at}"), 3);
        must("modprobe famfs");
        famfs.mount();
        assert!(fs::exists(famfs.path("file")).unwrap());
        famfs.umount();
        must("rmmod famfs");
    }
}

fn status() {
    unloaded();
    assert_says(
        &must("famfs module status"),
        &["not loaded", "for this kernel", &installed()],
    );
    let famfs = Famfs::fresh();
    let text = must("famfs module status --json");
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["schema"], 1);
    assert_eq!(status["loaded"]["state"], "live");
    assert_eq!(status["loaded"]["users"], 1);
    assert_eq!(status["loaded"]["famfs_kabi_version"], 43);
    assert_eq!(
        status["loaded"]["srcversion"],
        status["installed"]["srcversion"]
    );
    assert_eq!(status["installed"]["release"], release());
    assert_eq!(status["pins"].as_array().unwrap().len(), 1);
    assert_eq!(status["pins"][0]["kind"], "mount");
    assert_eq!(status["pins"][0]["mount_point"], famfs.mountpoint);
}

fn after_everything() {
    loaded();
    let text = must("famfs module status --json");
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["loaded"]["users"], 0, "{text}");
    assert_eq!(status["pins"].as_array().unwrap().len(), 0, "{text}");
    must("famfs module unload");
    must("famfs module load");
    must("rmmod famfs");
}

fn unsigned() {
    unloaded();
    // There is no way back before the next boot.
    fs::write(SIG_ENFORCE, "1").unwrap();
    let said = ends("famfs module load", 3);
    assert_says(
        &said,
        &["is rejected: it is not signed", "module.sig_enforce"],
    );
    assert!(!is_loaded());
    assert_says(&must("famfs module status"), &["only signed modules load"]);
}
