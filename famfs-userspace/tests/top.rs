//! `famfs-top` as a process: streams, exit statuses, and the shape of the JSON document.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Output, Stdio},
    time::Duration,
};

use famfs_snapshot::{
    model::{FIELDS, Field, Shown, Sort, delta, rows},
    report::{csv::LEADING, json},
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

fn top(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_famfs-top"));
    command
        .env_remove("COLUMNS")
        .args(["--source", "synthetic"])
        .args(args)
        .stdin(Stdio::null());
    command
}

/// Runs famfs-top without a source: for what has none, and for help.
fn bare(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .env_remove("COLUMNS")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("famfs-top starts")
}

fn run(args: &[&str]) -> Output {
    top(args).output().expect("famfs-top starts")
}

fn status(args: &[&str]) -> Option<i32> {
    run(args).status.code()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

#[test]
fn one_second_as_a_table() {
    let output = run(&["--once"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    insta::assert_snapshot!("once", text(&output.stdout));
}

#[test]
fn the_table_is_ordered_and_filtered_as_asked() {
    let output = run(&[
        "--once",
        "--interval",
        "0.1",
        "--sort",
        "path",
        "--reverse",
        "--filter",
        "/mnt/",
    ]);
    let paths = text(&output.stdout)
        .lines()
        .filter_map(|l| l.strip_prefix("/mnt/"));
    let files: Vec<_> = paths.map(|l| l.split("  ").next().unwrap()).collect();
    assert_eq!(
        files,
        [
            "spare/scratch",
            "famfs/ring buffer",
            "famfs/models/weights-00.bin",
            "famfs/index.dat"
        ]
    );
}

#[test]
fn one_second_as_json() {
    let output = run(&["--json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&value).unwrap());
    for file in value["files"].as_array().unwrap() {
        for (order, access) in [
            ("pmd", "read"),
            ("pmd", "write"),
            ("pte", "read"),
            ("pte", "write"),
        ] {
            let hist = &file[order][access];
            let counted: u64 = hist["buckets"]
                .as_array()
                .unwrap()
                .iter()
                .map(|b| b[2].as_u64().unwrap())
                .sum();
            assert_eq!(hist["count"].as_u64(), Some(counted));
            let [p50, p99, max] = ["p50_ns", "p99_ns", "max_ns"].map(|k| hist[k].as_u64().unwrap());
            assert!(p50 <= p99 && p99 <= max);
        }
    }
}

#[test]
fn every_made_up_system_can_be_looked_at() {
    let step = Duration::from_millis(100);
    for (name, scene) in [
        ("synthetic", Scene::Poison),
        ("synthetic-empty", Scene::Empty),
        ("synthetic-mixed", Scene::Mixed),
        ("synthetic-huge", Scene::Huge),
        ("synthetic-hostile", Scene::Hostile),
    ] {
        let output = bare(&["--json", "--interval", "0.1", "--source", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        let mut source = Synthetic::new(scene, step);
        let [before, now] = std::array::from_fn(|_| source.poll().unwrap());
        let expected = json::render(&delta(&before, &now));
        assert!(text(&output.stdout) == expected, "{name}");
    }
    let output = bare(&["--once", "--source", "synthetic-none"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("synthetic-hostile"));
    let script = bare(&["completions", "bash"]);
    assert!(text(&script.stdout).contains("synthetic-huge"));
}

#[test]
fn a_memory_error_is_in_the_json() {
    let mut source = Synthetic::new(Scene::Poison, Duration::from_secs(6));
    source.poll().unwrap();
    let value: Value = serde_json::from_str(&json::render(&source.poll().unwrap())).unwrap();
    assert_eq!(value["mounts"][0]["error"], Value::Null);
    let totals = value["mounts"][1]["totals"].clone();
    assert_eq!(
        value["mounts"][1],
        serde_json::json!({
            "dev": "0:43",
            "kind": "famfs",
            "totals": totals,
            "source": "/dev/pmem1",
            "mountpoint": "/mnt/spare",
            "state": "disabled",
            "error": {
                "dev": "/dev/pmem1",
                "offset": 35_651_584,
                "len": 4096,
                "flags": 35,
                "time_ns": 1_767_225_605_000_000_000_u64,
            },
        })
    );
}

#[test]
fn the_exit_status_is_the_commands() {
    assert_eq!(status(&["--once", "--", "true"]), Some(0));
    assert_eq!(status(&["--once", "--", "sh", "-c", "exit 7"]), Some(7));
    assert_eq!(
        status(&["--json", "--", "sh", "-c", "kill -KILL $$"]),
        Some(128 + 9)
    );
    assert_eq!(status(&["--once", "--", "/nowhere/at/all"]), Some(127));
    assert_eq!(status(&["--once", "--", "/"]), Some(126));
}

#[test]
fn what_a_command_says_stays_out_of_the_document() {
    let output = run(&["--json", "--", "sh", "-c", "echo said; echo moaned >&2"]);
    assert_eq!(text(&output.stderr), "said\nmoaned\n");
    serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let output = run(&["--once", "--", "echo", "said"]);
    assert!(text(&output.stdout).starts_with("said\nfamfs-top  "));
}

#[test]
fn a_request_to_end_reaches_the_command() {
    let mut child = top(&[
        "--once",
        "--",
        "sh",
        "-c",
        "kill -TERM $PPID; exec sleep 60",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut table = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut table)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    assert!(table.starts_with("famfs-top  "));
}

#[test]
fn usage_errors_are_two() {
    for args in [
        &["--interval", "0"][..],
        &["--sort", "colour"],
        &["--action", "q:quit:true"],
        &["--nonsense"],
        &["--", "true"],
        &["true"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn without_a_terminal_there_is_a_table_and_a_note() {
    let output = run(&["--interval", "0.1"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("standard output is no terminal"));
    assert!(text(&output.stdout).starts_with("famfs-top  "));
}

#[test]
fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let left = top(&["--json", "--interval", "0.1"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!((left.status.code(), text(&left.stderr)), (Some(0), ""));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let full = top(&["--json", "--interval", "0.1"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(1));
    assert!(text(&full.stderr).contains("No space left"));
}

#[test]
fn the_help_is_as_documented() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("help", text(&output.stdout));
}

#[test]
fn the_reference_names_every_column_and_option() {
    let page = include_str!("../../docs/reference/famfs-top.md");
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| column |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let documented: Vec<&str> = table.collect();
    let declared: Vec<String> = FIELDS.iter().map(documentation).collect();
    assert_eq!(
        documented,
        declared,
        "the field table as it should be:\n{}",
        declared.join("\n")
    );
    for command in [&[][..], &["record"], &["replay"], &["serve"]] {
        let help = bare(&[command, &["--help"]].concat());
        let words = text(&help.stdout).split(|c: char| c.is_whitespace() || ".,;:`".contains(c));
        for option in
            words.filter(|w| w.starts_with("--") && !["--", "--help", "--version"].contains(w))
        {
            assert!(
                page.contains(option),
                "the reference does not name {option}"
            );
        }
    }
}

#[test]
fn the_help_of_each_command_is_as_documented() {
    for command in ["record", "replay", "serve"] {
        let output = bare(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        insta::assert_snapshot!(format!("help-{command}"), text(&output.stdout));
    }
}

#[test]
fn a_stream_is_a_document_a_line_with_nothing_left_out() {
    let output = run(&["--ndjson", "--interval", "0.05", "--count", "10"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(50));
    let polls: Vec<_> = (0..=10).map(|_| source.poll().unwrap()).collect();
    let expected: String = polls
        .windows(2)
        .map(|two| json::render(&delta(&two[0], &two[1])))
        .collect();
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn an_endless_stream_ends_cleanly_at_a_signal_and_when_its_reader_leaves() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut child = top(&["--ndjson", "--interval", "0.05"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..3 {
            lines.next().unwrap().unwrap();
        }
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        for line in lines {
            serde_json::from_str::<Value>(&line.unwrap()).unwrap();
        }
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
    }
    let mut child = top(&["--ndjson", "--interval", "0.05"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    let left = child.wait_with_output().unwrap();
    assert_eq!((left.status.code(), text(&left.stderr)), (Some(0), ""));
}

#[test]
fn csv_has_the_names_and_the_values_of_the_field_table() {
    let output = run(&["--csv", "--interval", "0.1", "--count", "3"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let keys = FIELDS.iter().map(|field| field.key);
    assert_eq!(names, LEADING.into_iter().chain(keys).collect::<Vec<_>>());
    let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(100));
    let polls: Vec<_> = (0..=3).map(|_| source.poll().unwrap()).collect();
    let mut records = reader.records().map(Result::unwrap);
    for two in polls.windows(2) {
        let interval = delta(&two[0], &two[1]);
        for row in rows(&interval, Sort::default(), "") {
            let record = records.next().expect("a line for each file");
            let values = FIELDS.iter().map(|field| (field.value)(&row).plain());
            assert_eq!(
                record.iter().skip(2).collect::<Vec<_>>(),
                values.collect::<Vec<_>>()
            );
        }
    }
    assert_eq!(records.count(), 0);
    let chosen = run(&["--csv", "--interval", "0.1", "--columns", "path,p99"]);
    assert!(text(&chosen.stdout).starts_with("time,interval_s,path,p99\n"));
}

#[test]
fn a_count_is_of_intervals() {
    let output = run(&["--once", "--interval", "0.05", "--count", "2"]);
    assert_eq!(text(&output.stdout).matches("famfs-top  ").count(), 2);
    for args in [
        &["--count", "2"][..],
        &["--once", "--count", "2", "--", "true"],
        &["--once", "--count", "0"],
    ] {
        assert_eq!(status(args), Some(2), "{args:?}");
    }
}

#[test]
fn man_pages_and_completions_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let output = bare(&["man", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let page = std::fs::read_to_string(dir.path().join("famfs-top-record.8")).unwrap();
    assert!(page.contains("famfs\\-top\\-record") || page.contains("famfs-top-record"));
    let script = bare(&["completions", "bash"]);
    assert!(text(&script.stdout).contains("--metrics-top-files"));
}

/// The line of a field in the reference.
fn documentation(field: &Field) -> String {
    let unit = match field.unit.name() {
        "" => "",
        unit => &format!(" `{unit}`"),
    };
    let shown = match field.shown {
        Shown::From(0) => "always".into(),
        Shown::From(width) => width.to_string(),
        Shown::Asked => "asked".to_owned(),
    };
    let Field {
        title, key, help, ..
    } = field;
    format!("| {title} | `{key}` |{unit} | {shown} | {help} |")
}

/// Root of a user namespace has every capability there, and none that bpf(2) accepts.
#[test]
fn a_user_namespace_is_named_as_what_is_in_the_way() {
    let inside = |args: &[&str]| {
        Command::new("unshare")
            .args(["-Ur", env!("CARGO_BIN_EXE_famfs-top")])
            .args(args)
            .stdin(Stdio::null())
            .output()
    };
    let possible = Command::new("unshare").args(["-Ur", "true"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("SKIP a_user_namespace_is_named: no user namespace can be made here");
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("x.famfsrec");
    let file = file.to_str().unwrap();
    for args in [
        &["--once", "--interval", "0.1"][..],
        &["--json", "--processes", "--interval", "0.1"],
        &["--once", "--run-stats", "--interval", "0.1"],
        &["record", "--count", "1", file],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let output = inside(args).unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("user namespace"), "{args:?}: {said}");
        assert!(
            said.contains("run famfs-top on the host"),
            "{args:?}: {said}"
        );
    }
    let output = inside(&["doctor", "--json"]).unwrap();
    assert_eq!(output.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let finding = findings.iter().find(|f| f["check"] == "capabilities");
    let finding = finding.expect("capabilities are judged");
    assert_eq!(finding["verdict"], "blocked");
    let said = finding["text"].as_str().unwrap();
    assert!(said.contains("user namespace"), "{said}");
    assert!(
        findings.iter().all(|f| f["check"] != "probes"),
        "{findings:?}"
    );
}

/// What the operating system says about a file.
fn reason(code: i32) -> String {
    std::io::Error::from_raw_os_error(code).to_string()
}

#[test]
fn the_reason_of_an_error_is_given_once() {
    let full = reason(nix::errno::Errno::ENOSPC as i32);
    let absent = reason(nix::errno::Errno::ENOENT as i32);
    let is_folder = reason(nix::errno::Errno::EISDIR as i32);
    for (args, why) in [
        (&["replay", "/nowhere/x"][..], &absent),
        (&["replay", "/"], &is_folder),
        (&["record", "/nowhere/x"], &absent),
        (&["record", "--ring", "1", "/nowhere/x"], &absent),
    ] {
        let source: &[&str] = match args[0] {
            "record" => &["--source", "synthetic"],
            _ => &[],
        };
        let output = bare(&[args, source].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = text(&output.stderr);
        assert_eq!(said.matches(why.as_str()).count(), 1, "{said}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(["record", "--source", "synthetic", "--count", "1", "-"])
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert_eq!(said.matches(full.as_str()).count(), 1, "{said}");
    assert!(
        said.starts_with("famfs-top: cannot record to standard output: "),
        "{said}"
    );
}

#[test]
fn a_recording_goes_to_standard_output() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("piped.famfsrec");
    let mut command = Command::new(env!("CARGO_BIN_EXE_famfs-top"));
    command
        .args(["record", "--source", "synthetic", "--interval", "0.05"])
        .args(["--count", "2", "-"])
        .current_dir(folder.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert_eq!(said, "famfs-top: 3 snapshots recorded to standard output\n");
    std::fs::write(&file, &output.stdout).unwrap();
    let played = bare(&["replay", "--once", file.to_str().unwrap()]);
    assert_eq!((played.status.code(), text(&played.stderr)), (Some(0), ""));
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing but what this test wrote");
    // A reader that leaves ends it, which is no failure.
    let mut child = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(["record", "--source", "synthetic", "--interval", "0.05", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut [0; 16])
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn what_is_no_file_is_neither_recorded_to_nor_replayed() {
    let folder = tempfile::TempDir::new().unwrap();
    for (args, word) in [
        (&["replay", "-"][..], "./-"),
        (
            &["record", "--source", "synthetic", "--ring", "1", "-"],
            "./-",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains(word), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
