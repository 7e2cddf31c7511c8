//! Recordings: replay tells what live told, damage costs what it hit, old versions stay readable.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/everything.rs"]
mod everything;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Cursor, Read as _, Write as _},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use famfs_snapshot::{
    model::{Columns, FIELDS, Field, Snapshot, Sort, delta},
    report::{csv, json, table},
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
    store::{HEADER_LEN, KEY_EVERY, Recording, Ring, Writer},
};
use nix::{
    poll::{PollFd, PollFlags, poll},
    pty::{Winsize, openpty},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

fn record(snapshots: &[Snapshot]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Duration::from_secs(1)).unwrap();
    for snapshot in snapshots {
        writer.append(snapshot).unwrap();
    }
    writer.finish().unwrap()
}

fn open(bytes: &[u8]) -> Recording<Cursor<Vec<u8>>> {
    Recording::open(Cursor::new(bytes.to_vec())).unwrap()
}

fn all(recording: &mut Recording<Cursor<Vec<u8>>>) -> Vec<Snapshot> {
    let places = 0..recording.entries().len();
    places.map(|at| recording.snapshot(at).unwrap()).collect()
}

fn synthetic(n: usize) -> Vec<Snapshot> {
    let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(500));
    (0..n).map(|_| source.poll().unwrap()).collect()
}

/// Every report of an interval, as bytes.
fn reports(earlier: &Snapshot, later: &Snapshot) -> String {
    let interval = delta(earlier, later);
    let fields: Vec<&Field> = FIELDS.iter().collect();
    let columns = Columns::parse("all").unwrap();
    let sort = Sort::default();
    table::render(&interval, sort, "", &columns)
        + &json::render(&interval)
        + &csv::render(&interval, sort, "", &fields, csv::Reader::Program)
}

#[test]
fn replay_gives_every_report_of_every_interval_as_live_gave_it() {
    for live in [synthetic(200), everything::snapshots()] {
        let bytes = record(&live);
        let replayed = all(&mut open(&bytes));
        assert_eq!(replayed, live);
        for (live, replayed) in live.windows(2).zip(replayed.windows(2)) {
            assert_eq!(
                reports(&live[0], &live[1]),
                reports(&replayed[0], &replayed[1])
            );
        }
    }
}

#[test]
fn any_snapshot_is_found_from_any_other() {
    let live = synthetic(150);
    let mut recording = open(&record(&live));
    for at in [149, 0, 60, 59, 61, 60, 120, 3, 149] {
        assert_eq!(recording.snapshot(at).unwrap(), live[at], "snapshot {at}");
    }
    assert!(recording.ended());
    assert_eq!(recording.damages(), []);
}

#[test]
fn a_torn_tail_loses_only_the_torn_frame() {
    let live = everything::snapshots();
    let bytes = record(&live);
    let ends: Vec<usize> = (1..=live.len())
        .map(|n| record(&live[..n]).len() - end_mark())
        .collect();
    let mut whole = 0;
    for len in HEADER_LEN..bytes.len() {
        whole += usize::from(ends.contains(&len));
        let torn = Recording::open(Cursor::new(bytes[..len].to_vec()));
        if whole == 0 {
            assert!(torn.is_err(), "{len} bytes hold no snapshot");
            continue;
        }
        let mut torn = torn.unwrap();
        assert_eq!(all(&mut torn), live[..whole], "{len} bytes");
        assert!(!torn.ended());
        let lost: u64 = torn.damages().iter().map(|d| d.bytes).sum();
        let last_end = ends[whole - 1] as u64;
        assert_eq!(lost, len as u64 - last_end, "what is lost is reported");
    }
    assert_eq!(whole, live.len());
}

/// The length of the frame that ends a recording.
fn end_mark() -> usize {
    record(&[]).len() - HEADER_LEN
}

#[test]
fn a_damaged_frame_costs_what_builds_on_it_and_is_told() {
    let live = synthetic(150);
    let bytes = record(&live);
    let key = usize::try_from(KEY_EVERY).unwrap();
    let start = |n: usize| record(&live[..n]).len() - end_mark();
    for (place, what) in [(70, "head"), (70, "payload"), (60, "payload"), (0, "head")] {
        let mut bytes = bytes.clone();
        let at = start(place) + if what == "head" { 9 } else { 50 };
        bytes[at] ^= 0x10;
        let mut recording = open(&bytes);
        let next = (place / key + 1) * key;
        let sound: Vec<Snapshot> = [&live[..place], &live[next..]].concat();
        assert_eq!(all(&mut recording), sound, "{what} of {place}");
        let lost: u64 = recording.damages().iter().map(|d| d.bytes).sum();
        assert_eq!(
            lost,
            (start(next) - start(place)) as u64,
            "{what} of {place}"
        );
        assert!(recording.ended());
    }
}

#[test]
fn ten_thousand_files_take_little_room() {
    let mut quiet = everything::snapshots().remove(2);
    let row = quiet.files[2].clone();
    quiet.files = (0..10_000)
        .map(|ino| {
            let mut row = row.clone();
            row.key.ino = ino;
            row.path = Some(format!("/mnt/famfs/shard-{ino:05}").into());
            row
        })
        .collect();
    let mut dice = 1_u64;
    let mut roll = move |most: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % most
    };
    let mut run = |every: usize| {
        let mut snapshots = vec![quiet.clone()];
        for second in 0..3 {
            let mut next = snapshots[second].clone();
            next.elapsed_ns += 1_000_000_000;
            for file in next.files.iter_mut().skip(second % every).step_by(every) {
                for hist in file.faults.values_mut() {
                    for bucket in &mut hist.buckets {
                        let n = roll(1000);
                        bucket.n += n;
                        hist.sum_ns += n * bucket.lower_ns + roll(n * 10 + 1);
                    }
                }
            }
            snapshots.push(next);
        }
        let key = record(&snapshots[..1]).len();
        let bytes = record(&snapshots);
        assert_eq!(all(&mut open(&bytes)), snapshots);
        (key, (bytes.len() - key) / 3)
    };
    let (key, tenth) = run(10);
    let (_, every) = run(1);
    println!(
        "10,000 files: {key} bytes whole; a second in which 1,000 fault {tenth}, 10,000 {every}"
    );
    assert!(key < 50_000 && tenth < 15_000 && every < 150_000);
}

#[test]
fn a_ring_keeps_the_last_minutes_in_bounded_room_and_becomes_one_recording() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, file) = (dir.path().join("x.ring"), dir.path().join("x.famfsrec"));
    let second = Duration::from_secs(1);
    let live: Vec<Snapshot> = {
        let mut source = Synthetic::new(Scene::Poison, second);
        (0..500).map(|_| source.poll().unwrap()).collect()
    };
    let mut ring = Ring::create(folder.clone(), 80 * second, second).unwrap();
    assert!(
        Ring::create(folder.clone(), second, second).is_err(),
        "it is in use"
    );
    for (i, snapshot) in live.iter().enumerate() {
        ring.append(snapshot).unwrap();
        let segments = fs::read_dir(&folder).unwrap().count();
        assert!(segments <= 10, "{segments} segments after {i}");
    }
    let dumped = dir.path().join("dumped.famfsrec");
    ring.dump(&dumped).unwrap();
    assert!(ring.dump(&dumped).is_err(), "what exists is not touched");
    ring.finish(&file).unwrap();
    assert!(!folder.exists());
    assert!(fs::read(&dumped).unwrap() == fs::read(&file).unwrap());
    let mut recording = open(&fs::read(&file).unwrap());
    let kept = all(&mut recording);
    assert!((81..=91).contains(&kept.len()), "{} are kept", kept.len());
    assert_eq!(kept, live[live.len() - kept.len()..]);
    assert!(recording.ended() && recording.damages().is_empty());
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "nothing is left over"
    );
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Every version that was ever written, to the same snapshots and the same table.
#[test]
fn old_versions_stay_readable() {
    let bytes = fs::read(fixture("v1-everything.famfsrec")).unwrap();
    let snapshots = all(&mut open(&bytes));
    assert_eq!(snapshots, everything::snapshots());
    let interval = delta(&snapshots[0], &snapshots[4]);
    let columns = Columns::default();
    insta::assert_snapshot!(
        "v1_table",
        table::render(&interval, Sort::default(), "", &columns)
    );
}

fn top(args: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(args)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("famfs-top starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

const FAST: [&str; 6] = [
    "--source",
    "synthetic",
    "--interval",
    "0.05",
    "--count",
    "12",
];

#[test]
fn the_command_replays_what_the_command_recorded_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.famfsrec");
    let recorded = top(&[&["record"], &FAST[..]].concat(), &file);
    assert_eq!(
        recorded.status.code(),
        Some(0),
        "{}",
        text(&recorded.stderr)
    );
    assert!(text(&recorded.stderr).contains("13 snapshots recorded"));
    for format in ["--ndjson", "--csv"] {
        let live = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
            .args(FAST)
            .arg(format)
            .output()
            .unwrap();
        let replayed = top(&["replay", format], &file);
        assert_eq!(text(&replayed.stderr), "");
        assert_eq!(text(&replayed.stdout), text(&live.stdout), "{format}");
    }
    let again = top(&[&["record"], &FAST[..]].concat(), &file);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("exists: give another name"));
}

#[test]
fn a_stream_tells_each_event_once_and_one_document_tells_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.famfsrec");
    fs::write(&file, record(&synthetic(150))).unwrap();
    let events = |args: &[&str]| -> Vec<Vec<serde_json::Value>> {
        let output = top(args, &file);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let documents = text(&output.stdout).lines();
        documents
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|document| document["events"].as_array().unwrap().clone())
            .collect()
    };
    let all = events(&["replay", "--json"]).concat();
    assert!(!all.is_empty());
    for args in [&["--ndjson"][..], &["--json", "--interval", "2"]] {
        let streamed = events(&[&["replay"], args].concat());
        assert!(streamed.len() > 30);
        assert_eq!(streamed.concat(), all, "{args:?}");
    }
}

#[test]
fn moments_choose_what_is_shown() {
    let file = fixture("v1-everything.famfsrec");
    let times = |args: &[&str]| {
        let output = top(&[&["replay", "--ndjson"], args].concat(), &file);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let lines = text(&output.stdout).lines().map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            (
                value["time"].as_str().unwrap()[17..19].to_owned(),
                value["interval_s"].as_f64().unwrap(),
            )
        });
        lines
            .map(|(s, length)| format!("{s}/{length:.0}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(times(&[]), "01/1 02/1 03/1 04/1");
    assert_eq!(times(&["--interval", "2"]), "02/2 04/2");
    assert_eq!(times(&["--count", "1"]), "01/1");
    assert_eq!(times(&["--from", "+2"]), "03/1 04/1");
    assert_eq!(times(&["--to", "-3s"]), "01/1");
    assert_eq!(times(&["--at", "2026-01-01T00:00:03.5Z"]), "03/1");
    assert_eq!(times(&["--at", "-0", "--interval", "3"]), "04/3");
    let nothing = top(&["replay", "--once", "--from", "+1h"], &file);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("holds nothing there: it is of 2026-01-01T00:00:00"));
}

#[test]
fn a_table_is_of_all_that_is_asked_for() {
    let file = fixture("v1-everything.famfsrec");
    let output = top(&["replay", "--once"], &file);
    let snapshots = everything::snapshots();
    let interval = delta(&snapshots[0], &snapshots[4]);
    let columns = Columns::default();
    assert_eq!(
        text(&output.stdout),
        table::render(&interval, Sort::default(), "", &columns)
    );
}

#[test]
fn what_is_no_recording_is_told_and_damage_is_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x");
    let mut bytes = record(&synthetic(150));
    let at = bytes.len() / 2;
    let cases: [(&[u8], i32, &str); 5] = [
        (b"", 1, "it is no recording"),
        (b"famfsrec", 1, "it is no recording"),
        (&bytes[..HEADER_LEN], 1, "it holds no whole snapshot"),
        (&bytes[..at], 0, "no end mark"),
        (
            &bytes.clone()[..bytes.len() - 1],
            0,
            "are left out: the end of the last frame is missing",
        ),
    ];
    for (content, status, said) in cases {
        fs::write(&file, content).unwrap();
        let output = top(&["replay", "--json"], &file);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(
            text(&output.stderr).contains(said),
            "{}",
            text(&output.stderr)
        );
    }
    bytes[at] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let output = top(&["replay", "--ndjson"], &file);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("are left out"),
        "{}",
        text(&output.stderr)
    );
    assert!(text(&output.stdout).lines().count() > 60);
}

#[test]
fn an_interrupt_completes_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.famfsrec");
    let mut child = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(["record", "--source", "synthetic", "--interval", "0.05"])
        .arg(&file)
        .spawn()
        .unwrap();
    while fs::metadata(&file).map_or(0, |m| m.len()) < 1_000 {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(10));
    }
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut recording = open(&fs::read(&file).unwrap());
    assert!(recording.ended() && recording.damages().is_empty());
    let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(50));
    for recorded in all(&mut recording) {
        assert_eq!(recorded, source.poll().unwrap());
    }
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "it tells paths");
}

#[test]
fn a_ring_is_written_at_a_signal_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("incident.famfsrec");
    let args = [
        "record",
        "--source",
        "synthetic",
        "--interval",
        "0.05",
        "--ring",
        "0.1",
    ];
    let mut child = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(args)
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let folder = dir.path().join("incident.famfsrec.ring");
    while !folder.join("00000001.famfsrec").exists() {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGUSR1).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.next().unwrap().unwrap();
    let dump = line
        .strip_prefix("famfs-top: what is kept is in ")
        .unwrap()
        .to_owned();
    let mut dumped = open(&fs::read(&dump).unwrap());
    assert!(dumped.ended() && dumped.damages().is_empty());
    let stem = format!("{}/incident-2026", dir.path().display());
    assert!(dump.starts_with(&stem), "named after the moment: {dump}");
    assert!(!file.exists(), "it goes on");
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(file.exists() && !folder.exists());
    let earlier = all(&mut dumped);
    let later = all(&mut open(&fs::read(&file).unwrap()));
    let shared = later
        .iter()
        .position(|s| s.elapsed_ns == earlier.last().unwrap().elapsed_ns);
    assert_eq!(later[shared.unwrap()], *earlier.last().unwrap());
    // A folder that an earlier run left is not touched.
    fs::create_dir(&folder).unwrap();
    let refused = top(&args, &dir.path().join("incident.famfsrec"));
    assert_eq!(refused.status.code(), Some(1));
    fs::remove_file(&file).unwrap();
    let refused = top(&args, &file);
    assert!(text(&refused.stderr).contains("holds what an earlier run kept"));
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn a_recording_opens_on_the_screen() {
    let size = Winsize {
        ws_row: 40,
        ws_col: 160,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = openpty(Some(&size), None).unwrap();
    let end = || File::from(pty.slave.try_clone().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(["replay", "--at", "+2"])
        .arg(fixture("v1-everything.famfsrec"))
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    drop(pty.slave);
    let mut screen = File::from(pty.master);
    let mut shown = String::new();
    let mut chunk = [0; 4096];
    while !shown.contains("index.dat") {
        let mut ready = [PollFd::new(screen.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, 20_000_u16) != Ok(1) {
            let _ = child.kill();
            panic!("the screen shows no file: {shown:?}");
        }
        let n = screen.read(&mut chunk).expect("it draws");
        shown += &String::from_utf8_lossy(&chunk[..n]);
    }
    screen.write_all(b"q").unwrap();
    while screen.read(&mut chunk).is_ok_and(|n| n > 0) {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
