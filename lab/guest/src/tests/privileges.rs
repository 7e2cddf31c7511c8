//! What famfs-top needs, what it says when it lacks that, and what it keeps: nothing.

use std::{
    fs,
    os::unix::fs::chown,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use caps::Capability::{CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN};

use crate::{
    caps::{nobody, of_threads, parse, run},
    command::{must, must_fail},
    fixture::Famfs,
    harness::Test,
    top::{count, file, report},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "privileges::two_capabilities_are_enough",
        run: two_are_enough,
    },
    Test {
        name: "privileges::what_is_missing_is_named",
        run: missing,
    },
    Test {
        name: "privileges::none_is_left_while_it_watches",
        run: none_is_left,
    },
    Test {
        name: "privileges::a_command_runs_with_its_own",
        run: of_a_command,
    },
    Test {
        name: "privileges::a_recording_goes_where_root_may_write",
        run: recording,
    },
    Test {
        name: "privileges::the_module_is_followed_without_any",
        run: follows,
    },
];

const BOTH: u64 = 1 << 38 | 1 << 39;
const PATIENCE: Duration = Duration::from_mins(1);

fn two_are_enough() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "8M");
    for granted in [&[CAP_BPF, CAP_PERFMON][..], &[CAP_SYS_ADMIN]] {
        let line = format!("famfs-top --once --json -- famfs-bench touch --file {path}");
        let output = run(&line, granted);
        assert!(output.status.success(), "{granted:?}: {output:?}");
        let report = report(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(count(file(&report, &path), "pmd", "read"), 4, "{granted:?}");
        assert_eq!(report["unattributed"], 0);
    }
}

fn missing() {
    for (granted, said) in [
        (&[CAP_BPF][..], "missing CAP_PERFMON;"),
        (&[CAP_PERFMON], "missing CAP_BPF;"),
        (&[], "missing CAP_BPF and CAP_PERFMON;"),
    ] {
        let output = run("famfs-top --once -- true", granted);
        assert_eq!(output.status.code(), Some(3), "{granted:?}: {output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(said), "{granted:?}: {stderr}");
    }
}

/// Waits until every thread of it has no effective capability; returns the threads' sets.
pub(super) fn until_dropped(child: &mut Child) -> Vec<[u64; 5]> {
    let start = Instant::now();
    loop {
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "it ended before it dropped anything");
        let sets = of_threads(child.id());
        if sets.iter().all(|[_, _, effective, ..]| *effective == 0) {
            return sets;
        }
        assert!(start.elapsed() < PATIENCE, "it keeps {sets:x?}");
        sleep(Duration::from_millis(20));
    }
}

/// It watches for 15 s; stopped as soon as the test has seen what it wants.
const WATCH: &str = "famfs-top --once --json --interval 15";

fn none_is_left() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "8M");
    let root = || {
        let mut command = Command::new("famfs-top");
        command.args(WATCH.split_whitespace().skip(1));
        command
    };
    for (who, mut command, bounding) in [
        ("root", root(), Some(0)),
        // Without CAP_SETPCAP the bounding set stays: it grants nothing by itself.
        ("nobody", nobody(WATCH, &[CAP_BPF, CAP_PERFMON]), None),
    ] {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        for [inheritable, permitted, _, bound, ambient] in until_dropped(&mut child) {
            assert_eq!([inheritable, permitted, ambient], [0, 0, 0], "{who}");
            assert_eq!(bounding.unwrap_or(bound), bound, "{who}");
        }
        must(&format!("famfs-bench touch --file {path}"));
        must(&format!("kill -INT {}", child.id()));
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{who}: {output:?}");
        let report = report(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(count(file(&report, &path), "pmd", "read"), 4, "{who}");
    }
}

fn of_a_command() {
    let line = "famfs-top --once -- cat /proc/self/status";
    let all = parse(&must(line));
    assert_eq!(all, parse(&must("cat /proc/self/status")), "root's command");
    let output = run(line, &[CAP_BPF, CAP_PERFMON]);
    let [inheritable, permitted, effective, _, ambient] =
        parse(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        [inheritable, permitted, effective, ambient],
        [BOTH; 4],
        "nobody's command has what famfs-top was given"
    );
}

fn recording() {
    let folder = "/tmp/nobodys";
    fs::create_dir_all(folder).unwrap();
    chown(folder, Some(65534), Some(65534)).unwrap();
    let file = format!("{folder}/test.famfsrec");
    must(&format!("famfs-top record --interval 0.1 --count 2 {file}"));
    assert!(fs::metadata(&file).unwrap().len() > 0);
    fs::remove_dir_all(folder).unwrap();
}

fn follows() {
    if Path::new("/sys/module/famfs").exists() {
        must("rmmod famfs");
    }
    let mut child = nobody(WATCH, &[CAP_BPF, CAP_PERFMON])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until_dropped(&mut child);
    must("modprobe famfs");
    // It looks ten times a second, and what is attached pins the module.
    let start = Instant::now();
    let refcount = || fs::read_to_string("/sys/module/famfs/refcnt").unwrap();
    while refcount().trim() == "0" {
        assert!(
            start.elapsed() < PATIENCE,
            "it never attached to the module"
        );
        sleep(Duration::from_millis(20));
    }
    must_fail("rmmod famfs");
    must(&format!("kill -INT {}", child.id()));
    assert!(child.wait().unwrap().success());
    must("rmmod famfs");
}
