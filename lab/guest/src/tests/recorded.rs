//! What is recorded and served of live faults is what the module counted, to the last fault.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::exactness::{Allowed, check};
use crate::{
    command::must,
    fixture::Famfs,
    harness::Test,
    top::{accounted, report},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "recorded::a_replay_holds_every_fault",
        run: record,
    },
    Test {
        name: "recorded::a_ring_holds_every_fault_at_sigusr1_and_at_the_end",
        run: ring,
    },
    Test {
        name: "recorded::a_scrape_holds_every_fault",
        run: serve,
    },
];

const PATIENCE: Duration = Duration::from_mins(1);
const FOLDER: &str = "/tmp/recorded";
/// An interval, so that the loads below fall into several.
const PACE: Duration = Duration::from_millis(200);

/// Waits for something that takes no longer than a moment.
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "there never was {what}");
        sleep(Duration::from_millis(20));
    }
}

/// famfs-top as a child, killed if the test fails.
struct Top(Child);

impl Top {
    fn start(arguments: &str) -> Self {
        let mut command = Command::new("famfs-top");
        command.args(arguments.split_whitespace());
        Self(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        must(&format!("kill -{name} {}", self.0.id()));
    }

    /// Interrupts it, which is how it is ended.
    fn end(mut self) {
        self.signal("INT");
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const KINDS: [&str; 4] = ["pte", "pmd", "fallback", "refused"];

/// A fresh famfs with a file, and what it took to make that.
struct Stage {
    famfs: Famfs,
    path: String,
    before: [u64; KINDS.len()],
}

impl Stage {
    /// Faults that the module has counted since.
    fn faults(&self, kind: &str) -> u64 {
        let before = KINDS.iter().zip(self.before).find(|(k, _)| **k == kind);
        self.famfs.faults(kind) - before.unwrap().1
    }

    fn total(&self) -> u64 {
        self.famfs.total() - self.before.iter().sum::<u64>()
    }
}

/// Makes the file, and an empty folder beside it.
fn stage() -> Stage {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "8M");
    let _ = fs::remove_dir_all(FOLDER);
    fs::create_dir_all(FOLDER).unwrap();
    let before = KINDS.map(|kind| famfs.faults(kind));
    Stage {
        famfs,
        path,
        before,
    }
}

/// Faults of both sizes and tries that fall back, in several intervals.
fn load(path: &str) {
    for _ in 0..3 {
        must(&format!("famfs-bench touch --file {path}"));
        must(&format!("lab-guest load incongruent {path}"));
        sleep(PACE);
    }
}

/// All of a recording as one interval.
fn replayed(file: &Path) -> Value {
    report(&must(&format!(
        "famfs-top replay --json {}",
        file.display()
    )))
}

/// The replay against the module's own totals: rows and unattributed are all of them, and the totals
/// that it shows are the module's.
fn compare(stage: &Stage, file: &Path) -> Value {
    let report = replayed(file);
    check(&report, stage.total(), Allowed::Nothing);
    let totals = &report["mounts"][0]["totals"];
    for kind in KINDS {
        assert_eq!(totals[kind], stage.faults(kind), "{kind} of {totals}");
    }
    report
}

fn record() {
    let stage = stage();
    let file = PathBuf::from(FOLDER).join("live.famfsrec");
    let top = Top::start(&format!("record --interval 0.2 {}", file.display()));
    // It is made after the first poll, from which a replay counts.
    until("a recording", || file.exists().then_some(()));
    load(&stage.path);
    top.end();
    compare(&stage, &file);
    let stream = must(&format!("famfs-top replay --ndjson {}", file.display()));
    let intervals: Vec<u64> = (stream.lines().map(report))
        .map(|interval| {
            interval["files"]
                .as_array()
                .unwrap()
                .iter()
                .map(accounted)
                .sum()
        })
        .collect();
    assert_eq!(
        intervals.iter().sum::<u64>(),
        stage.total(),
        "{intervals:?}"
    );
    let busy = intervals.iter().filter(|faults| **faults > 0).count();
    assert!(busy > 1, "all in one interval: {intervals:?}");
}

fn ring() {
    let stage = stage();
    let file = PathBuf::from(FOLDER).join("ring.famfsrec");
    let folder = PathBuf::from(FOLDER).join("ring.famfsrec.ring");
    let top = Top::start(&format!(
        "record --interval 0.2 --ring 10 {}",
        file.display()
    ));
    until("a ring", || folder.exists().then_some(()));
    load(&stage.path);
    top.signal("USR1");
    // It has its name when its last byte is on disk; until then it is `.unfinished`.
    let dump = until("a recording of the ring", || {
        let names = fs::read_dir(FOLDER).unwrap();
        names.map(|entry| entry.unwrap().path()).find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("ring-") && name.ends_with(".famfsrec")
        })
    });
    let first = compare(&stage, &dump);
    load(&stage.path);
    top.end();
    let all = compare(&stage, &file);
    let faults = |report: &Value| accounted(&report["files"][0]);
    assert_eq!(faults(&all), 2 * faults(&first), "the same again");
    assert!(!folder.exists(), "the end removes the ring");
}

fn serve() {
    let stage = stage();
    // The guest's loopback is down, as nothing else needs it.
    must("busybox ifconfig lo 127.0.0.1 up");
    let mut top = Top::start("serve --listen 127.0.0.1:0");
    let mut said = String::new();
    let stderr = top.0.stderr.take().unwrap();
    BufReader::new(stderr).read_line(&mut said).unwrap();
    let address = (said.strip_prefix("famfs-top: serving http://"))
        .and_then(|rest| rest.strip_suffix("/metrics\n"))
        .unwrap_or_else(|| panic!("it says {said:?}"));
    for _ in 0..2 {
        load(&stage.path);
        let page = scrape(address);
        for order in ["pte", "pmd"] {
            let label = format!("order=\"{order}\"");
            let timed = sum(&page, "famfs_fault_duration_seconds_count", &[&label]);
            let untimed = sum(&page, "famfs_fault_untimed_total", &[&label]);
            assert_eq!(timed + untimed, stage.faults(order), "{order} in\n{page}");
            let last = sum(
                &page,
                "famfs_fault_duration_seconds_bucket",
                &[&label, "le=\"+Inf\""],
            );
            assert_eq!(last, timed, "{order}: the last bucket has all\n{page}");
            let module = format!("outcome=\"{order}\"");
            let told = sum(&page, "famfs_mount_faults_total", &[&module]);
            assert_eq!(told, stage.famfs.faults(order), "{order} in\n{page}");
        }
        let fallback = sum(&page, "famfs_fault_fallback_total", &[]);
        assert_eq!(fallback, stage.faults("fallback"), "{page}");
        assert_eq!(
            sum(&page, "famfs_fault_unattributed_total", &[]),
            0,
            "{page}"
        );
        assert!(stage.faults("pte") > 0 && stage.faults("pmd") > 0);
    }
    top.end();
}

/// One page of metrics.
fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.trim_end().ends_with("# EOF"), "{page}");
    page
}

/// All samples of one name that have these labels.
fn sum(page: &str, name: &str, labels: &[&str]) -> u64 {
    let of_name = page.lines().filter_map(|line| line.strip_prefix(name));
    let values = of_name
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter(|rest| labels.iter().all(|label| rest.contains(label)))
        .map(|rest| rest.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    values.sum()
}
