//! Poison, and the device leaving: the process gets its signal, the mount says what happened,
//! and unmounting stays clean.

use std::{fs, path::Path};

use nix::errno::Errno;
use serde_json::Value;

use crate::{
    command::{must, must_fail, run},
    fixture::Famfs,
    harness::Test,
    raw::v44::option,
    top::once,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "memory_errors::poison_disables_the_mount",
        run: poison,
    },
    Test {
        name: "memory_errors::the_modules_own_events_fire",
        run: events,
    },
    Test {
        name: "memory_errors::device_removal_disables_the_mount",
        run: removal,
    },
];

fn poison() {
    let famfs = Famfs::fresh();
    famfs.creat("before", "2M");
    let path = famfs.creat("victim", "4M");
    assert_eq!(famfs.attribute("state"), "ok");

    let report = must(&format!(
        "famfs-bench poison --json --offset 2101248 --file {path}"
    ));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["delivered"], true, "{report:#}");
    assert_eq!(report["signal"], "SIGBUS", "{report:#}");
    assert_eq!(report["code"], "BUS_MCEERR_AR", "{report:#}");
    assert_eq!(
        report["address_offset"], 2_101_248,
        "the signal names the poisoned page: {report:#}"
    );

    assert_disabled(&famfs, &path);
    let error = famfs.attribute("error");
    for part in [
        format!("dev={}", famfs.device),
        "len=4096".into(),
        "flags=0x".into(),
    ] {
        assert!(error.contains(&part), "{part} in `{error}`");
    }
    famfs.umount();
    assert!(!famfs.is_mounted());
    must("rmmod famfs");
    // The memory that was not hit still serves a new file system.
    let famfs = Famfs::fresh();
    assert_eq!(famfs.attribute("state"), "ok");
}

/// Each of the module's tracepoints, by what it says in the kernel's own trace.
fn events() {
    const TRACING: &str = "/sys/kernel/tracing";
    let enable = format!("{TRACING}/events/famfs/enable");
    let famfs = Famfs::fresh();
    fs::write(format!("{TRACING}/trace"), "").unwrap();
    fs::write(&enable, "1").unwrap();
    famfs.allow(option::TRUNCATE);
    let shrunk = famfs.creat("shrunk", "2M");
    touch_after_truncate(&shrunk);
    let victim = famfs.creat("victim", "8M");
    must(&format!(
        "famfs-bench poison --json --offset 6291456 --file {victim}"
    ));
    fs::write(&enable, "0").unwrap();
    let trace = fs::read_to_string(format!("{TRACING}/trace")).unwrap();
    for (event, detail, count) in [
        ("famfs_map_create", "size 2097152 type 0 extents 1 err 0", 1),
        ("famfs_map_create", "size 8388608 type 0 extents 1 err 0", 1),
        ("famfs_fault_refused", "pgoff 0x1 order 9 write 1 err -5", 1),
        ("famfs_fault", "pgoff 0x1 order 9", 1),
        ("famfs_invalid_access", "op read pos 0 err -5", 1),
        ("famfs_notify_failure", "len 4096 flags 0x", 1),
        ("famfs_mount_disabled", "len 4096 flags 0x", 1),
    ] {
        let seen = trace
            .lines()
            .filter(|line| line.contains(&format!(": {event}: ")) && line.contains(detail))
            .count();
        assert_eq!(seen, count, "{event} with `{detail}` in:\n{trace}");
    }
}

/// A child maps the file, then changes its size: its next touch ends in SIGBUS.
fn touch_after_truncate(path: &str) {
    use std::{num::NonZero, os::unix::fs::FileExt as _};

    use nix::{
        sys::{
            mman,
            signal::{SigHandler, Signal, signal},
            wait,
        },
        unistd::{ForkResult, fork},
    };

    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    // SAFETY: this program has one thread while a test runs, and the child only makes system calls.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let access = mman::ProtFlags::PROT_READ | mman::ProtFlags::PROT_WRITE;
            let length = const { NonZero::new(2 << 20).unwrap() };
            // SAFETY: a new mapping, at an address of the kernel's choice.
            let map =
                unsafe { mman::mmap(None, length, access, mman::MapFlags::MAP_SHARED, &file, 0) };
            // Rust's own handler would let the touch fail twice, where no test has used it up.
            // SAFETY: the default action runs no code of ours.
            let default = unsafe { signal(Signal::SIGBUS, SigHandler::SigDfl) };
            let resized = file.set_len(1 << 20);
            let read = file
                .read_at(&mut [0], 0)
                .map_err(|error| error.raw_os_error());
            // No panic here: the child would go on with the other tests.
            let (Ok(map), Ok(_), Ok(()), Err(Some(5))) = (map, default, resized, read) else {
                std::process::exit(1);
            };
            let second = map.as_ptr().cast::<u8>().wrapping_add(4096);
            // SAFETY: inside the mapping; the signal that it raises is what is asked for.
            unsafe { second.write_volatile(1) };
            std::process::exit(0);
        }
        ForkResult::Parent { child } => match wait::waitpid(child, None).unwrap() {
            wait::WaitStatus::Signaled(_, Signal::SIGBUS, _) => {}
            other => panic!("the touch of a resized file ended with {other:?}"),
        },
    }
}

fn removal() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("held", "4M");
    // A process that has the file mapped while its memory goes away.
    let mut holder = std::process::Command::new("famfs-bench")
        .args([
            "touch", "--rounds", "1000000", "--access", "write", "--file", &path,
        ])
        .spawn()
        .unwrap();
    while famfs.faults("pmd") < 8 {
        let ended = holder.try_wait().unwrap();
        assert!(ended.is_none(), "the holder ended by itself: {ended:?}");
        std::thread::yield_now();
    }
    let (driver, device) = binding(&famfs.device);
    fs::write(driver.join("unbind"), &device).unwrap();
    assert_disabled(&famfs, &path);
    let ended = holder.wait().unwrap();
    assert!(!ended.success(), "the holder went on without its memory");
    famfs.umount();
    assert!(!famfs.is_mounted());
    must("rmmod famfs");
    // Put the device back for whoever comes next.
    let bind = if driver.join("new_id").exists() {
        "new_id"
    } else {
        "bind"
    };
    let _ = fs::write(driver.join(bind), &device);
    let start = std::time::Instant::now();
    while !Path::new(&famfs.device).exists() && start.elapsed().as_secs() < 60 {
        std::thread::yield_now();
    }
}

/// The driver folder and the device's name in it.
fn binding(device: &str) -> (std::path::PathBuf, String) {
    let bus = Path::new("/sys/bus");
    if device.starts_with("/dev/pmem") {
        (bus.join("nd/drivers/nd_pmem"), "namespace0.0".to_owned())
    } else {
        (
            bus.join("dax/drivers/fsdev_dax"),
            device.trim_start_matches("/dev/").to_owned(),
        )
    }
}

/// Every way in is shut, and famfs-top shows it.
fn assert_disabled(famfs: &Famfs, path: &str) {
    assert_eq!(famfs.attribute("state"), "disabled");
    let read = fs::read(path).expect_err("a disabled mount gave data");
    assert_eq!(read.raw_os_error(), Some(Errno::ENODEV as i32), "{read}");
    let said = must_fail(&format!("famfs-bench touch --file {path}"));
    assert!(
        said.contains("ENODEV") || said.contains("No such device"),
        "{said}"
    );
    must_fail(&format!("famfs creat --size 2M {}", famfs.path("after")));

    let report = once("true");
    let mounts = report["mounts"].as_array().unwrap();
    let mount = mounts
        .iter()
        .find(|mount| mount["mountpoint"] == famfs.mountpoint)
        .unwrap();
    assert_eq!(mount["state"], "disabled", "{mount:#}");
    assert!(mount["error"]["offset"].is_u64(), "{mount:#}");
    assert!(mount["error"]["time_ns"].as_u64().unwrap() > 0, "{mount:#}");
    let table = run("famfs-top --once -- true");
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("DISABLED"), "{table}");
}
