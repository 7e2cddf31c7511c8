//! The page of metrics: what is on it, that it is `OpenMetrics`, and that the documentation, the
//! dashboard and the unit speak of what there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/everything.rs"]
mod everything;
#[path = "common/http.rs"]
mod http;
#[path = "common/serving.rs"]
mod serving;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
};

use famfs_instruments::serve::{Buckets, FAMILIES, Kind, TopFiles, bounds, render};
use famfs_snapshot::model::{Access, Hist, MountState, Order, ProbeHealth, Snapshot};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A snapshot with something of everything, and all probes attached.
fn whole() -> Snapshot {
    let mut snapshot = everything::snapshots().remove(3);
    // The one that is there is disabled, and does not tell whether it is stale.
    let mut healthy = snapshot.mounts[0].clone();
    healthy.source = "/dev/pmem9".into();
    (healthy.state, healthy.error) = (MountState::Ok, None);
    snapshot.mounts.push(healthy);
    for probe in &mut snapshot.probes {
        probe.problem = None;
    }
    for (name, hits) in [
        ("dax_iomap_rw", 12),
        ("dax_holder_notify_failure", 1),
        ("memory_failure_event", 2),
    ] {
        snapshot.probes.push(ProbeHealth {
            name: name.into(),
            kind: "fexit".into(),
            problem: None,
            warning: None,
            hits,
            misses: 0,
            run_ns: None,
        });
    }
    snapshot
}

fn page(snapshot: &Snapshot, buckets: Buckets) -> String {
    let mut files = TopFiles::new(2);
    files.observe(snapshot);
    render(snapshot, buckets, &files)
}

#[test]
fn the_page_is_as_it_was() {
    insta::assert_snapshot!("page", page(&whole(), Buckets::Octave));
}

#[test]
fn every_family_is_on_the_page_and_nothing_else() {
    let page = page(&whole(), Buckets::Octave);
    let typed = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let expected: Vec<String> = FAMILIES
        .iter()
        .map(|family| {
            let sample = family.sample();
            let name = match family.kind {
                Kind::Counter => sample.strip_suffix("_total").unwrap(),
                Kind::Info => sample.strip_suffix("_info").unwrap(),
                Kind::Gauge | Kind::Histogram => &sample,
            };
            format!("{name} {}", family.type_name())
        })
        .collect();
    assert_eq!(typed.collect::<Vec<_>>(), expected);
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn what_a_failed_probe_feeds_is_absent_and_not_zero() {
    let has = |page: &str, start: &str| page.lines().any(|line| line.starts_with(start));
    let feeds = [
        (
            "dax_pte_fault_done",
            "famfs_fault_duration_seconds_count{order=\"pte\"",
        ),
        (
            "dax_pmd_fault",
            "famfs_fault_duration_seconds_count{order=\"pmd\"",
        ),
        ("dax_pmd_fault", "famfs_fault_fallback_total"),
        ("dax_pte_fault", "famfs_fault_unattributed_total"),
        (
            "famfs_fault_refused",
            "famfs_fault_errors_total{kind=\"refused\"}",
        ),
        ("dax_iomap_rw", "famfs_rw_duration_seconds_count"),
        (
            "memory_failure_event",
            "famfs_memory_errors_total{kind=\"memory_failure\"}",
        ),
    ];
    for (probe, series) in feeds {
        let mut snapshot = whole();
        assert!(has(&page(&snapshot, Buckets::Octave), series), "{series}");
        let failed = snapshot
            .probes
            .iter_mut()
            .find(|p| p.name == probe)
            .unwrap();
        failed.problem = Some("no such thing".into());
        let page = page(&snapshot, Buckets::Octave);
        assert!(!has(&page, series), "{series} without {probe}");
        let attached = format!("famfs_probe_attached{{probe=\"{probe}\",kind=");
        let line = page
            .lines()
            .find(|line| line.starts_with(&attached))
            .unwrap();
        assert!(line.ends_with(" 0"), "{line}");
    }
}

#[test]
fn paths_are_there_only_when_asked_for_and_other_names_no_file() {
    let snapshot = whole();
    let none = render(&snapshot, Buckets::Octave, &TopFiles::new(0));
    for file in &snapshot.files {
        let path = file.path.as_deref().unwrap_or("(other files)");
        assert!(!none.contains(path), "{path}");
    }
    assert!(!none.contains("path=") && !none.contains("4711"));
    let two = page(&snapshot, Buckets::Octave);
    let paths: BTreeSet<&str> = two
        .lines()
        .filter_map(|line| {
            line.strip_prefix("famfs_file_faults_total{path=\"")?
                .split("\",order")
                .next()
        })
        .collect();
    assert_eq!(paths.len(), 3);
    assert!(paths.contains("other"));
}

/// A sample as the parser of the Python client sees it.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

const PARSE: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
out = []
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        out.append([sample.name, sample.labels, sample.value])
json.dump(out, sys.stdout)
";

fn parsed(test: &str, page: &str) -> Option<Samples> {
    let packages = serving::fetched(test, "usr/lib/python3/dist-packages")?;
    let python = Command::new("python3")
        .args(["-c", PARSE])
        .env("PYTHONPATH", packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        println!("SKIP {test}: there is no python3");
        return None;
    };
    python
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "the page is no OpenMetrics");
    let list: Vec<(String, BTreeMap<String, String>, f64)> =
        serde_json::from_slice(&output.stdout).unwrap();
    let count = list.len();
    let samples: Samples = list
        .into_iter()
        .map(|(name, labels, value)| ((name, labels), value))
        .collect();
    assert_eq!(samples.len(), count, "no series is there twice");
    Some(samples)
}

#[test]
fn an_independent_parser_reads_the_counts_exactly() {
    let snapshot = whole();
    for buckets in [Buckets::Octave, Buckets::Fine] {
        let Some(samples) = parsed("metrics::parser", &page(&snapshot, buckets)) else {
            return;
        };
        for (order, order_name) in [(Order::Pte, "pte"), (Order::Pmd, "pmd")] {
            for (op, op_name) in [(Access::Read, "read"), (Access::Write, "write")] {
                let mut all = Hist::default();
                for file in &snapshot.files {
                    all.merge(file.faults.get(&(order, op)).unwrap_or(&Hist::default()));
                }
                let labels = [("order", order_name), ("op", op_name), ("result", "mapped")];
                compare(&samples, buckets, &labels, &all);
            }
        }
        let hostile = snapshot
            .files
            .iter()
            .find_map(|f| f.path.as_ref().filter(|p| p.contains('"')));
        let paths: BTreeSet<&str> = samples
            .keys()
            .filter_map(|(_, labels)| labels.get("path").map(String::as_str))
            .collect();
        assert!(paths.contains(&**hostile.unwrap()), "{paths:?}");
    }
}

/// The histogram of these labels is `hist`, bucket by bucket.
fn compare(samples: &Samples, buckets: Buckets, labels: &[(&str, &str)], hist: &Hist) {
    let get = |ending: &str, le: Option<&str>| {
        let labels = labels.iter().copied().chain(le.map(|le| ("le", le)));
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        samples
            .get(&(format!("famfs_fault_duration_seconds_{ending}"), labels))
            .copied()
    };
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (count, sum) = (hist.count() as f64, hist.sum_ns as f64 / 1e9);
    assert_eq!(get("count", None), Some(count));
    assert_eq!(get("sum", None), Some(sum));
    assert_eq!(get("bucket", Some("+Inf")), Some(count));
    let series: Vec<(f64, f64)> = samples
        .iter()
        .filter(|((name, has), _)| {
            name == "famfs_fault_duration_seconds_bucket"
                && labels
                    .iter()
                    .all(|(k, v)| has.get(*k).is_some_and(|h| h == v))
        })
        .map(|((_, has), value)| (has["le"].replace("+Inf", "inf").parse().unwrap(), *value))
        .filter(|(le, _): &(f64, f64)| le.is_finite())
        .collect();
    let bounds = bounds(buckets);
    assert_eq!(series.len(), bounds.len(), "always all buckets");
    for (le, value) in series {
        // The bounds are whole nanoseconds.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 2^36"
        )]
        let ns = (le * 1e9).round() as u64;
        assert!(bounds.contains(&ns), "{le}");
        let below: u64 = hist
            .buckets
            .iter()
            .filter(|b| b.upper_ns <= ns)
            .map(|b| b.n)
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let below = below as f64;
        assert!(
            (value - below).abs() < 0.5,
            "le {le}: {value} is not {below}"
        );
    }
}

#[test]
fn the_documentation_is_the_table_of_families() {
    let page = include_str!("../../docs/reference/metrics.md");
    let documented: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| metric |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let declared: Vec<String> = FAMILIES
        .iter()
        .map(|family| {
            let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
            let (name, kind, help) = (family.sample(), family.type_name(), family.help);
            let labels = match labels.join(", ") {
                none if none.is_empty() => String::new(),
                some => format!(" {some}"),
            };
            format!("| `{name}` | {kind} |{labels} | {help} |")
        })
        .collect();
    assert_eq!(
        documented,
        declared,
        "it should be:\n{}",
        declared.join("\n")
    );
}

/// Words of a text that begin as our metrics do.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("famfs_"))
        .map(str::to_owned)
        .collect()
}

/// The families that no panel shows: a machine's identity, and what one asks for by hand where a
/// panel shows that something is wrong. A new family needs a panel, or a place here.
const IN_NO_PANEL: &[&str] = &[
    "famfs_build",
    "famfs_mount_faults",
    "famfs_fault_retried",
    "famfs_rw_untimed",
    "famfs_files",
    "famfs_file_fault_seconds",
    "famfs_probe_hits",
    "famfs_probe_missed",
    "famfs_top_resident_bytes",
    "famfs_top_maps_bytes",
    "famfs_top_poll_seconds",
];

#[test]
fn the_dashboard_asks_for_what_is_on_the_page() {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../packaging/grafana-dashboard.json")).unwrap();
    let page = page(&whole(), Buckets::Octave);
    let on_page: BTreeSet<String> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = BTreeSet::new();
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            asked.extend(names(target["expr"].as_str().unwrap()));
        }
    }
    assert!(asked.len() >= 12, "{asked:?}");
    let unknown: Vec<_> = asked.difference(&on_page).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let in_no_panel: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|family| {
            let part = |name: &String| {
                let rest = name.strip_prefix(family);
                rest.is_some_and(|rest| {
                    ["", "_total", "_count", "_sum", "_bucket", "_info"].contains(&rest)
                })
            };
            !asked.iter().any(part)
        })
        .collect();
    assert_eq!(in_no_panel, IN_NO_PANEL);
    let ids: BTreeSet<_> = panels.iter().map(|p| p["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn the_unit_starts_what_there_is_with_two_capabilities() {
    let unit = include_str!("../../packaging/famfs-top.service");
    let line = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
    assert_eq!(line("DynamicUser="), Some("yes"));
    assert_eq!(line("AmbientCapabilities="), Some("CAP_BPF CAP_PERFMON"));
    assert_eq!(line("CapabilityBoundingSet="), Some("CAP_BPF CAP_PERFMON"));
    let start = line("ExecStart=").unwrap();
    let args: Vec<&str> = start
        .split(' ')
        .skip(1)
        .filter(|word| *word != "$OPTIONS")
        .collect();
    let help = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args([&args[..], &["--help"]].concat())
        .output()
        .unwrap();
    assert_eq!(help.status.code(), Some(0), "{start}");
}

#[test]
fn the_command_serves_on_loopback_alone_and_ends_at_a_signal() {
    let (mut served, address) = serving::serve(&["--metrics-top-files", "3"]);
    let (status, head, body) = http::get(address, "/metrics").unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(body.ends_with("# EOF\n") && body.contains("path=\"other\""));
    assert_eq!(http::get(address, "/healthz").unwrap().2, "ok\n");
    assert_eq!(http::get(address, "/nothing").unwrap().0, 404);
    kill(
        Pid::from_raw(served.0.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(served.0.wait().unwrap().code(), Some(0));
    for (args, status, said) in [
        (
            ["--listen", "0.0.0.0:0"],
            1,
            "there is neither a password nor encryption",
        ),
        (["--listen", "[::]:0"], 1, "--allow-remote"),
        (["--listen", "nowhere"], 2, "invalid value"),
        (["--metrics-top-files", "101"], 2, "from 0 to 100"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
            .args(["serve", "--source", "synthetic"])
            .args(args)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

/// Each state shows what is known: a disabled mount no longer looks at its memory.
#[test]
fn the_state_of_a_mount_is_two_gauges() {
    let mut snapshot = everything::snapshots().remove(0);
    snapshot.mounts.truncate(1);
    for (state, disabled, stale) in [
        (MountState::Ok, Some(0), Some(0)),
        (MountState::Stale, Some(0), Some(1)),
        (MountState::Disabled, Some(1), None),
        (MountState::Unknown, None, None),
    ] {
        snapshot.mounts[0].state = state;
        let page = render(&snapshot, Buckets::default(), &TopFiles::new(0));
        let value = |family: &str| -> Option<u32> {
            let line = page
                .lines()
                .find(|line| line.starts_with(&format!("{family}{{")))?;
            line.rsplit(' ').next()?.parse().ok()
        };
        assert_eq!(
            (value("famfs_mount_disabled"), value("famfs_mount_stale")),
            (disabled, stale),
            "{state:?}"
        );
    }
}
