//! famfs-top as a program: exit statuses, probes, privileges.

use std::{fs, os::unix::process::CommandExt, process::Command};

use crate::{
    command::{must, run},
    fixture::Famfs,
    harness::Test,
    top::{file, once},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "instrument::the_commands_status_is_its_own",
        run: status,
    },
    Test {
        name: "instrument::no_mount_is_no_error",
        run: no_mount,
    },
    Test {
        name: "instrument::unprivileged_is_told_what_is_missing",
        run: unprivileged,
    },
    Test {
        name: "instrument::nothing_stays_attached",
        run: nothing_stays,
    },
];

fn status() {
    for (command, code) in [("true", 0), ("false", 1), ("/no/such/program", 127)] {
        let output = run(&format!("famfs-top --once -- {command}"));
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
    assert_eq!(run("famfs-top --no-such-option").status.code(), Some(2));
}

fn no_mount() {
    let report = once("true");
    assert_eq!(report["mounts"].as_array().unwrap().len(), 0);
    assert_eq!(report["files"].as_array().unwrap().len(), 0);
    let table = must("famfs-top --once -- true");
    assert!(
        table.contains("famfs mount"),
        "the next command is named: {table}"
    );
}

fn unprivileged() {
    let output = Command::new("famfs-top")
        .args(["--once", "--", "true"])
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("CAP_BPF") || said.contains("CAP_PERFMON"),
        "{said}"
    );
}

fn nothing_stays() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let report = once(&format!("famfs-bench touch --file {path}"));
    assert_eq!(file(&report, &path)["errors"], 0);
    famfs.umount();
    // An attached probe would pin the module.
    must("rmmod famfs");
    assert!(!fs::exists("/sys/fs/famfs").unwrap());
}
