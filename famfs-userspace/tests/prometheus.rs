//! A real Prometheus server scrapes famfs-top, and says of latencies what famfs-top says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/http.rs"]
mod http;
#[path = "common/serving.rs"]
mod serving;

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use famfs_snapshot::{
    model::{Access, Hist, Order, Snapshot},
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
};
use serving::Running;

const PATIENCE: Duration = Duration::from_mins(2);
const QUANTILES: [f64; 6] = [0.01, 0.5, 0.9, 0.99, 0.999, 1.0];

/// The sums by order and op.
type ByClass = BTreeMap<(String, String), f64>;

struct Prometheus {
    address: SocketAddr,
    _running: Running,
}

impl Prometheus {
    fn start(program: &Path, dir: &Path, jobs: &[(&str, SocketAddr)]) -> Self {
        let jobs = jobs.iter().map(|(job, address)| {
            format!("- job_name: {job}\n  static_configs:\n  - targets: ['{address}']\n")
        });
        let config = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n{}",
            jobs.collect::<String>()
        );
        let file = dir.join("prometheus.yml");
        fs::write(&file, config).unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            address,
            _running: Running(child),
        }
    }

    /// What an instant query gives, by order and op; `None` while the server does not answer.
    fn query(&self, query: &str, time: f64) -> Option<ByClass> {
        let path = format!("/api/v1/query?time={time}&query={}", quoted(query));
        let (status, _, body) = http::get(self.address, &path)?;
        if status != 200 {
            return None;
        }
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        let results = value["data"]["result"].as_array().unwrap().iter();
        let class = |result: &serde_json::Value| {
            let label = |name: &str| {
                result["metric"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let number = result["value"][1].as_str().unwrap().parse().unwrap();
            ((label("order"), label("op")), number)
        };
        Some(results.map(class).collect())
    }
}

/// All latencies of a class, as famfs-top adds them up.
fn class(snapshot: &Snapshot, class: (Order, Access)) -> Hist {
    let mut all = Hist::default();
    for file in &snapshot.files {
        all.merge(file.faults.get(&class).unwrap_or(&Hist::default()));
    }
    all
}

fn classes(snapshot: &Snapshot) -> BTreeMap<(String, String), Hist> {
    let mut classes = BTreeMap::new();
    for (order, order_name) in [(Order::Pte, "pte"), (Order::Pmd, "pmd")] {
        for (op, op_name) in [(Access::Read, "read"), (Access::Write, "write")] {
            let key = (order_name.to_owned(), op_name.to_owned());
            classes.insert(key, class(snapshot, (order, op)));
        }
    }
    classes
}

/// The made-up system at the instant when it had counted so much.
fn at(counts: &ByClass) -> Snapshot {
    let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(100));
    (0..100_000)
        .map(|_| source.poll().unwrap())
        .find(|snapshot| {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let same = |(key, hist): (&(String, String), &Hist)| {
                counts[key].to_bits() == (hist.count() as f64).to_bits()
            };
            classes(snapshot).iter().all(same)
        })
        .expect("each scrape is of one instant")
}

#[test]
fn quantiles_are_as_famfs_top_has_them() {
    let test = "prometheus::quantiles";
    let Some(program) = serving::fetched(test, "usr/bin/prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (_octave, octave) = serving::serve(&[]);
    let (_fine, fine) = serving::serve(&["--metrics-buckets", "fine"]);
    let prometheus = Prometheus::start(&program, dir.path(), &[("octave", octave), ("fine", fine)]);
    for (job, check) in [
        ("octave", same_octave as fn(u64, u64) -> bool),
        ("fine", within_an_eighth),
    ] {
        let (time, counts) = settled(&prometheus, job);
        let snapshot = at(&counts);
        let mut compared = 0;
        for q in QUANTILES {
            let query = format!(
                "histogram_quantile({q}, famfs_fault_duration_seconds_bucket{{job=\"{job}\"}})"
            );
            let theirs = prometheus.query(&query, time).unwrap();
            for (key, hist) in classes(&snapshot) {
                // The smallest whole nanosecond that is not below.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a time"
                )]
                let theirs = (theirs[&key] * 1e9 - 1e-4).ceil() as u64;
                let ours = hist.quantile_ns(q);
                assert!(
                    check(ours, theirs),
                    "{job} {q} of {key:?}: {ours} ns, Prometheus {theirs} ns"
                );
                compared += 1;
            }
        }
        println!(
            "{job}: {compared} quantiles of {} ms",
            snapshot.elapsed_ns / 1_000_000
        );
    }
    let up = prometheus.query("sum(up)", now()).unwrap();
    assert_eq!(
        up.values().copied().map(f64::to_bits).collect::<Vec<_>>(),
        [2.0_f64.to_bits()]
    );
}

/// A text as part of a query.
fn quoted(text: &str) -> String {
    let bytes = text.bytes().map(|b| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    });
    bytes.collect()
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// A time, and the counts that the server has of it, once each class has some.
fn settled(prometheus: &Prometheus, job: &str) -> (f64, ByClass) {
    let query = format!("famfs_fault_duration_seconds_count{{job=\"{job}\"}}");
    let began = Instant::now();
    loop {
        let time = now();
        if let Some(counts) = prometheus.query(&query, time)
            && counts.len() == 4
            && counts.values().all(|n| *n > 100.0)
        {
            return (time, counts);
        }
        assert!(
            began.elapsed() < PATIENCE,
            "the server has no counts of {job}"
        );
        thread::sleep(Duration::from_millis(200));
    }
}

fn same_octave(ours: u64, theirs: u64) -> bool {
    ours.ilog2() == theirs.ilog2()
}

/// Ours is never below, and at most 12.5 % above.
fn within_an_eighth(ours: u64, theirs: u64) -> bool {
    theirs <= ours && ours <= theirs + theirs / 8
}
