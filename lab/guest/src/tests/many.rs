//! Ten thousand files at once: what famfs-top itself uses then.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use super::privileges::until_dropped;
use crate::{
    child::{Child, End},
    command::must,
    harness::Test,
    mapping::Mapping,
    top::report,
};

/// They need a block device: famfs gives every file 2 MiB, and ten thousand of them do not fit.
pub(crate) const TESTS: &[Test] = &[Test {
    name: "many::ten_thousand_files_fit_into_64_mib",
    run: memory,
}];

const FILES: u64 = 10_000;
const ROUNDS: u64 = 3;
const CPUS: u64 = 2;
const MOST_BYTES: u64 = 64 << 20;
const MOUNTPOINT: &str = "/mnt/many";

/// ext4 with a page in each of the files; unmounted on drop.
struct Ext4;

impl Ext4 {
    fn fresh() -> Self {
        let device = std::env::var("FAMFS_DEV").unwrap();
        must("modprobe ext4");
        // The files are made for their faults alone: no journal.
        must(&format!("mkfs.ext4 -q -F -b 4096 -O ^has_journal {device}"));
        fs::create_dir_all(MOUNTPOINT).unwrap();
        mount(
            Some(device.as_str()),
            MOUNTPOINT,
            Some("ext4"),
            MsFlags::MS_NOATIME,
            Some("dax=always"),
        )
        .unwrap();
        let page = [1; 4096];
        for number in 0..FILES {
            fs::write(path(number), page).unwrap();
        }
        Self
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _ = umount(MOUNTPOINT);
    }
}

fn path(number: u64) -> String {
    format!("{MOUNTPOINT}/{number}")
}

/// Reads and writes every file through fresh mappings, on one CPU.
fn touch_all(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).unwrap();
    sched_setaffinity(Pid::from_raw(0), &set).unwrap();
    for number in 0..FILES {
        // Opened once: on ext4 that costs more than the faults do.
        let file = File::options()
            .read(true)
            .write(true)
            .open(path(number))
            .unwrap();
        for _ in 0..ROUNDS {
            Mapping::shared(&file, 4096).get(0);
            Mapping::shared(&file, 4096).set(0, 1);
        }
    }
}

/// A number of kilobytes in a `status` file, as bytes.
fn bytes(status: &str, name: &str) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// Kernel memory of all maps that a process holds.
fn maps(pid: u32) -> u64 {
    let fds = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    fds.filter_map(|fd| fs::read_to_string(fd.unwrap().path()).ok())
        .filter(|text| text.contains("map_type:"))
        .map(|text| {
            let size = text.lines().find_map(|line| line.strip_prefix("memlock:"));
            size.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}

fn memory() {
    let _ext4 = Ext4::fresh();
    let mut top = Command::new("famfs-top")
        .args(["--once", "--json", "--all-dax", "--interval", "3600"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until_dropped(&mut top);
    let crowd = [0, 1].map(|cpu| Child::spawn(|_| touch_all(cpu)));
    for child in crowd {
        assert_eq!(child.wait(), End::Done);
    }
    // It polls ten times a second: now it has seen them all.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let status = fs::read_to_string(format!("/proc/{}/status", top.id())).unwrap();
    let (resident, maps) = (bytes(&status, "VmRSS:"), maps(top.id()));
    println!(
        "resident {resident}, at most {}, maps {maps}",
        bytes(&status, "VmHWM:")
    );
    must(&format!("kill -INT {}", top.id()));
    let output = top.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);

    let report = report(&String::from_utf8_lossy(&output.stdout));
    let rows = report["files"].as_array().unwrap();
    let seen = rows.iter().filter(|row| {
        let path = row["path"].as_str();
        path.is_some_and(|path| path.starts_with(MOUNTPOINT))
    });
    assert_eq!(
        seen.count() as u64,
        FILES,
        "each has a row of its own, and its path"
    );
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let unattributed = number(&report["unattributed"]);
    for access in ["read", "write"] {
        let counted: u64 = (rows.iter())
            .map(|row| &row["pte"][access])
            .map(|kind| number(&kind["count"]) + number(&kind["untimed"]))
            .sum();
        let made = FILES * ROUNDS * CPUS;
        assert!(counted <= made, "{access}: {counted} of {made}");
        assert!(
            counted + unattributed >= made,
            "{access}: {counted} of {made}"
        );
    }
    if std::env::var("FAMFS_KERNEL").is_ok_and(|kernel| kernel.starts_with("6.12")) {
        assert_eq!(unattributed, 0);
    }
    assert!(resident + maps <= MOST_BYTES, "{resident} + {maps} bytes");
}
