//! `famfs-top doctor`: what it finds where everything is well, and where something is not.

use std::{fs, path::Path};

use ::caps::Capability::{CAP_BPF, CAP_PERFMON};
use nix::mount::{MsFlags, mount, umount};
use serde_json::Value;

use crate::{caps, command::must, command::run, fixture::Famfs, harness::Test};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "doctor::all_is_well_and_one_fault_is_one",
        run: all_well,
    },
    Test {
        name: "doctor::no_types",
        run: no_types,
    },
    Test {
        name: "doctor::a_missing_symbol",
        run: missing_symbol,
    },
    Test {
        name: "doctor::no_capability",
        run: no_capability,
    },
    Test {
        name: "doctor::a_sysctl_that_refuses_kprobes",
        run: paranoid,
    },
    Test {
        name: "doctor::module_absent",
        run: module_absent,
    },
    Test {
        name: "doctor::no_mount",
        run: no_mount,
    },
    Test {
        name: "doctor::a_named_file",
        run: named_file,
    },
];

const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The exit status and the document of `famfs-top doctor`, with these arguments.
pub(crate) fn doctor(rest: &str) -> (i32, Value) {
    read(&run(&format!("famfs-top doctor --json {rest}")))
}

fn read(output: &std::process::Output) -> (i32, Value) {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = serde_json::from_str(&text);
    let said = said.unwrap_or_else(|error| panic!("no document: {error}\n{output:?}"));
    (output.status.code().unwrap(), said)
}

/// Verdict and text of each finding of a check that is not well.
pub(crate) fn gaps<'a>(said: &'a Value, check: &str) -> Vec<(&'a str, &'a str)> {
    let findings = said["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["check"] == check && finding["verdict"] != "ok")
        .map(|finding| {
            let advice = finding["advice"].as_str().unwrap();
            assert!(!advice.is_empty(), "{finding}");
            (
                finding["verdict"].as_str().unwrap(),
                finding["text"].as_str().unwrap(),
            )
        })
        .collect()
}

fn hits(said: &Value, probe: &str) -> u64 {
    let mut probes = said["probes"].as_array().unwrap().iter();
    let probe = probes.find(|known| known["name"] == probe).unwrap();
    assert_eq!(probe["problem"], Value::Null, "{probe}");
    probe["hits"].as_u64().unwrap()
}

fn all_well() {
    let famfs = Famfs::fresh();
    let before = famfs.faults("pte");
    let (status, said) = doctor("");
    assert_eq!(
        (status, &said["status"]),
        (0, &"all_well".into()),
        "{said:#}"
    );
    assert_eq!(said["self_test"]["counted"], 1, "{said:#}");
    assert_eq!(said["self_test"]["unattributed"], 0, "{said:#}");
    assert_eq!(hits(&said, "dax_pte_fault"), 1, "{said:#}");
    assert_eq!(hits(&said, "dax_pte_fault_done"), 1, "{said:#}");
    assert_eq!(hits(&said, "dax_pmd_fault"), 0, "{said:#}");
    assert_eq!(famfs.faults("pte") - before, 1, "the module agrees");
    let text = must("famfs-top doctor");
    assert!(text.ends_with("all well\n"), "{text}");
}

/// Runs `work` while the kernel's types are what `content` says.
fn with_types(content: &[u8], work: impl FnOnce()) {
    let file = "/tmp/types";
    fs::write(file, content).unwrap();
    mount(
        Some(file),
        TYPES,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .unwrap();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    umount(TYPES).unwrap();
    fs::remove_file(file).unwrap();
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

fn no_types() {
    let _famfs = Famfs::fresh();
    for (content, why) in [
        (&b""[..], "it is empty"),
        (b"no types at all, of no kernel", "wrong magic number"),
    ] {
        with_types(content, || {
            let (status, said) = doctor("");
            assert_eq!((status, &said["status"]), (3, &"cannot_watch".into()));
            let found = gaps(&said, "types");
            assert!(
                found[0].0 == "blocked" && found[0].1.contains(why),
                "{said:#}"
            );
            let watching = run("famfs-top --once -- true");
            assert_eq!(watching.status.code(), Some(3), "{watching:?}");
        });
    }
    assert_eq!(doctor("").0, 0);
}

/// The kernel's types, in which one name is another of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut types = fs::read(TYPES).unwrap();
    let name = [b"\0", from.as_bytes(), b"\0"].concat();
    let at = types
        .windows(name.len())
        .position(|window| window == name)
        .unwrap_or_else(|| panic!("{from} is not in this kernel"));
    types[at + 1..at + 1 + to.len()].copy_from_slice(to.as_bytes());
    types
}

fn missing_symbol() {
    let _famfs = Famfs::fresh();
    let needed = renamed(
        "btf_trace_dax_pmd_fault_done",
        "btf_trace_dax_pmd_fault_gone",
    );
    with_types(&needed, || {
        let (status, said) = doctor("");
        let found = gaps(&said, "probes");
        assert_eq!((status, found.len()), (3, 1), "{said:#}");
        assert!(found[0].1.contains("dax_pmd_fault_done"), "{said:#}");
    });
    let second_best = renamed(
        "btf_trace_memory_failure_event",
        "btf_trace_memory_failure_erase",
    );
    with_types(&second_best, || {
        let (status, said) = doctor("");
        assert_eq!(status, 0, "{said:#}");
        let mut probes = said["probes"].as_array().unwrap().iter();
        let probe = probes.find(|probe| probe["name"] == "memory_failure_event");
        assert_eq!(probe.unwrap()["kind"], "raw_tp", "{said:#}");
    });
    let optional = renamed("dax_iomap_rw", "dax_iomap_ro");
    with_types(&optional, || {
        let (status, said) = doctor("");
        let found = gaps(&said, "probes");
        assert_eq!((status, found.len()), (1, 2), "{said:#}");
        let names_it = |(_, text): &(&str, &str)| text.starts_with("dax_iomap_rw");
        assert!(found.iter().all(names_it), "{said:#}");
        assert_eq!(said["self_test"]["counted"], 1, "the rest works: {said:#}");
    });
    let field = renamed("s_magic", "s_logic");
    with_types(&field, || {
        let (status, said) = doctor("");
        assert_eq!(status, 3, "{said:#}");
        assert!(gaps(&said, "types")[0].1.contains("s_magic"), "{said:#}");
    });
}

fn no_capability() {
    let (status, said) = read(&caps::run("famfs-top doctor --json", &[]));
    let found = gaps(&said, "capabilities");
    assert_eq!(status, 3, "{said:#}");
    assert_eq!(found, [("blocked", "CAP_BPF and CAP_PERFMON is missing")]);
}

fn paranoid() {
    const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";
    let _famfs = Famfs::fresh();
    let before = fs::read_to_string(PARANOID).unwrap();
    fs::write(PARANOID, "3").unwrap();
    // Kprobes are the second choice: without the first they are what is left.
    let output = caps::nobody("famfs-top doctor --json", &[CAP_BPF, CAP_PERFMON])
        .env("FAMFS_TOP_AVOID", "fexit fentry")
        .output()
        .unwrap();
    fs::write(PARANOID, before.trim()).unwrap();
    let (status, said) = read(&output);
    assert_eq!(status, 1, "{said:#}");
    let findings = said["findings"].as_array().unwrap().iter();
    let named: Vec<_> = findings
        .filter(|finding| {
            let advice = finding["advice"].as_str().unwrap_or_default();
            advice.contains("kernel.perf_event_paranoid from 3 to 2")
        })
        .collect();
    assert_eq!(named.len(), 2, "of two hooks by kprobe: {said:#}");
    assert_eq!(said["self_test"]["counted"], 1, "{said:#}");
}

fn unload() {
    if Path::new("/sys/module/famfs").exists() {
        must("rmmod famfs");
    }
}

fn module_absent() {
    unload();
    let (status, said) = doctor("");
    assert_eq!(
        (status, &said["status"]),
        (1, &"degraded".into()),
        "{said:#}"
    );
    let module = gaps(&said, "module");
    assert!(module[0].1.contains("not loaded"), "{said:#}");
    let probes = gaps(&said, "probes");
    assert_ne!(probes, [], "{said:#}");
    let of_module = |(_, text): &(&str, &str)| text.starts_with("famfs_");
    assert!(probes.iter().all(of_module), "{said:#}");
    assert!(probes[0].1.starts_with("famfs_fault_refused: "), "{said:#}");
    assert_eq!(gaps(&said, "mounts").len(), 1, "{said:#}");
    assert_eq!(gaps(&said, "self-test").len(), 1, "{said:#}");
}

fn no_mount() {
    unload();
    must("modprobe famfs");
    let (status, said) = doctor("");
    assert_eq!(status, 1, "{said:#}");
    for (check, gap) in [
        ("module", 0),
        ("probes", 0),
        ("mounts", 1),
        ("self-test", 1),
    ] {
        assert_eq!(gaps(&said, check).len(), gap, "{check}: {said:#}");
    }
}

fn named_file() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let (status, said) = doctor(&format!("--file {path}"));
    assert_eq!(status, 0, "{said:#}");
    assert_eq!(said["self_test"]["file"], path);
    let (status, said) = doctor("--file /etc/passwd");
    assert_eq!(status, 1, "{said:#}");
    let found = gaps(&said, "self-test");
    assert!(found[0].1.contains("not on DAX memory"), "{said:#}");
}
