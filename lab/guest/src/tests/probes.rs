//! What famfs-top sees beside faults: copies, layouts, processes, memory errors; and how its probes
//! attach where the best way is not available.

use serde_json::{Value, json};

use crate::{
    command::{must, run},
    fixture::Famfs,
    harness::Test,
    tests::exactness::is_preemptible,
    top::{accounted, fallback, file, once, report, untimed},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "probes::reads_and_writes_are_counted_to_the_byte",
        run: copies,
    },
    Test {
        name: "probes::processes_are_told_apart",
        run: processes,
    },
    Test {
        name: "probes::run_time_is_taken_when_asked_for",
        run: run_stats,
    },
];

/// Break memory, so they come late.
pub(crate) const BREAKING: &[Test] = &[
    Test {
        name: "probes::a_memory_error_names_file_place_process_and_mount",
        run: || poison((2 << 20) + 9 * 4096, "", ["fexit", "fentry", "tp_btf"]),
    },
    Test {
        name: "probes::other_kinds_of_attachment_see_it_too",
        run: || {
            let kinds = ["kprobe", "kprobe", "tp_btf"];
            poison((2 << 20) + 17 * 4096, "fexit fentry", kinds);
        },
    },
];

fn probe<'a>(report: &'a Value, name: &str) -> &'a Value {
    let probes = report["probes"].as_array().unwrap();
    probes
        .iter()
        .find(|probe| probe["name"] == name)
        .unwrap_or_else(|| panic!("no probe {name}: {report:#}"))
}

fn copies() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "4M");
    let report = once(&format!("lab-guest load copies {path}"));
    let row = file(&report, &path);
    for (access, calls, bytes) in [("read", 12, 12 * 8192), ("write", 5, 5 * 4096)] {
        let io = &row[access];
        let seen = io["latency"]["count"].as_u64().unwrap()
            + io["latency"]["untimed"].as_u64().unwrap_or(0);
        assert_eq!((seen, &io["bytes"]), (calls, &json!(bytes)), "{io:#}");
        assert_eq!(io["errors"], 0, "{io:#}");
    }
    assert_eq!(accounted(row), 0, "copies are no faults: {row:#}");
    assert_eq!(row["layout"]["size"], 4 << 20, "{row:#}");
    let extents = row["layout"]["extents"].as_array().unwrap();
    let bytes: u64 = extents.iter().map(|e| e["len"].as_u64().unwrap()).sum();
    assert_eq!(bytes, 4 << 20, "{row:#}");
    for probe in report["probes"].as_array().unwrap() {
        assert_eq!(probe["warning"], Value::Null, "{probe:#}");
    }
}

fn processes() {
    let famfs = Famfs::fresh();
    let paths = ["one", "two"].map(|name| famfs.creat(name, "2M"));
    let load = format!("lab-guest load processes 1 {}", paths.join(" "));
    let report = report(&must(&format!(
        "famfs-top --once --json --processes -- {load}"
    )));
    let mut pids = Vec::new();
    for path in &paths {
        let row = file(&report, path);
        let processes = row["processes"].as_array().unwrap();
        assert_eq!(processes.len(), 1, "{row:#}");
        assert_eq!(processes[0]["comm"], "lab-guest");
        // An end that the kernel ran no program for is found at the same thread's next fault, for
        // the file and not for the process: as a fallback of unknown reason, or untimed. 6.12 skips
        // none.
        let found = if is_preemptible() {
            fallback(row, Some("other")) + untimed(row)
        } else {
            0
        };
        let (faults, ends) = (processes[0]["faults"].as_u64().unwrap(), accounted(row));
        assert!(faults <= ends && ends - faults <= found, "{row:#}");
        pids.push(processes[0]["pid"].as_u64().unwrap());
    }
    assert_ne!(pids[0], pids[1]);
}

fn run_stats() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let load = format!("lab-guest load incongruent {path}");
    let with = report(&must(&format!(
        "famfs-top --once --json --run-stats -- {load}"
    )));
    let exit = probe(&with, "dax_pte_fault_done");
    assert!(exit["run_ns"].as_u64().unwrap() > 0, "{exit:#}");
    assert_eq!(exit["hits"], probe(&with, "dax_pte_fault")["hits"]);
    assert_eq!(exit["kind"], "tp_btf");
    let without = once(&load);
    let exit = probe(&without, "dax_pte_fault_done");
    assert_eq!(exit["run_ns"], Value::Null, "{exit:#}");
}

/// The page at `at` of a file fails while famfs-top watches, without the kinds in `avoid`. Every
/// test has a page of its own: it stays broken.
fn poison(at: u64, avoid: &str, kinds: [&str; 3]) {
    let famfs = Famfs::fresh();
    famfs.creat("before", "2M");
    let path = famfs.creat("victim", "4M");
    let output = std::process::Command::new("famfs-top")
        .env("FAMFS_TOP_AVOID", avoid)
        .args(["--once", "--json", "--", "famfs-bench", "poison"])
        .args(["--offset", &at.to_string(), "--file", &path])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report = report(&String::from_utf8_lossy(&output.stdout));
    for (name, kind) in [
        "dax_holder_notify_failure",
        "mf_dax_kill_procs",
        "memory_failure_event",
    ]
    .iter()
    .zip(kinds)
    {
        let probe = probe(&report, name);
        assert_eq!((&probe["kind"], &probe["hits"]), (&json!(kind), &json!(1)));
        assert_eq!(probe["problem"], Value::Null, "{probe:#}");
    }
    let events = report["events"].as_array().unwrap();
    let about = |start: &str, what: &str| {
        events
            .iter()
            .filter(|event| {
                let text = event["text"].as_str().unwrap();
                text.starts_with(start) && text.contains(what)
            })
            .inspect(|event| assert_eq!(event["process"]["comm"], "famfs-bench", "{event:#}"))
            .count()
    };
    let place = format!("memory failed at offset {at:#x} of the file, 4096 bytes");
    assert_eq!(about(&format!("{path}: "), &place), 1, "{events:#?}");
    let mount = format!("{}: ", famfs.mountpoint);
    assert_eq!(
        about(&mount, "disabled by a memory error at device offset"),
        1
    );
    assert_eq!(
        about("famfs-bench[", "told the file system"),
        1,
        "{events:#?}"
    );
    famfs.umount();
    assert!(run("rmmod famfs").status.success(), "a probe has stayed");
}
