//! What a snapshot is in metrics: first samples, as plain data, then a page of them.

use std::{collections::BTreeMap, fmt};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, text},
    metrics::{MetricType, exemplar::Exemplar},
    registry::{Registry, Unit},
};

use super::{
    buckets::{Buckets, fold},
    families::{self, FAMILIES, Family, Kind},
    files::TopFiles,
};
use famfs_snapshot::model::{
    Access, Failure, Fallback, FileKey, Hist, Io, ModuleFaults, Mount, MountState, Order, Snapshot,
    reason,
};

type Labels = Vec<(&'static str, String)>;
/// The samples by the name of their family, which is unique.
type Samples = BTreeMap<&'static str, Vec<(Labels, Value)>>;

/// A number on the page.
#[derive(Clone, Debug)]
enum Value {
    Whole(u64),
    Real(f64),
    Hist {
        sum_s: f64,
        count: u64,
        buckets: Vec<(f64, u64)>,
    },
}

const ORDERS: [(Order, &str); 2] = [(Order::Pte, "pte"), (Order::Pmd, "pmd")];
const OPS: [(Access, &str); 2] = [(Access::Read, "read"), (Access::Write, "write")];
const REASONS: [Fallback; 6] = [
    Fallback::Colour,
    Fallback::PrivateWrite,
    Fallback::VmaBounds,
    Fallback::Eof,
    Fallback::Extent,
    Fallback::Other,
];
const FAILURES: [(Failure, &str); 4] = [
    (Failure::Sigbus, "sigbus"),
    (Failure::Oom, "oom"),
    (Failure::HwPoison, "hwpoison"),
    (Failure::Refused, "refused"),
];

/// The page of one snapshot: all of it is of one instant.
pub fn render(snapshot: &Snapshot, buckets: Buckets, files: &TopFiles) -> String {
    let mut samples = Samples::new();
    let mut put = |family: &Family, labels: Labels, value: Value| {
        samples
            .entry(family.name)
            .or_default()
            .push((labels, value));
    };
    build(snapshot, &mut put);
    mounts(&snapshot.mounts, &mut put);
    faults(snapshot, buckets, &mut put);
    calls(snapshot, buckets, &mut put);
    top_files(files, &mut put);
    probes(snapshot, &mut put);
    cost(snapshot, &mut put);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(samples)));
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = text::encode(&mut page, &registry);
    page
}

type Put<'a> = &'a mut dyn FnMut(&Family, Labels, Value);

fn build(snapshot: &Snapshot, put: Put<'_>) {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let labels = vec![("version", version), ("kernel", snapshot.kernel.clone())];
    put(&families::BUILD, labels, Value::Whole(1));
}

/// Adds the mounts by device: a file system that is mounted in two places is one.
fn mounts(mounts: &[Mount], put: Put<'_>) {
    let mut devices: BTreeMap<&str, &Mount> = BTreeMap::new();
    for mount in mounts {
        let kept = devices.entry(&mount.source).or_insert(mount);
        if matches!(mount.state, MountState::Disabled | MountState::Stale) {
            *kept = mount;
        }
    }
    for (device, mount) in devices {
        let labels = vec![("device", device.to_owned())];
        // A disabled mount does not look at its memory any more.
        let (disabled, stale) = match mount.state {
            MountState::Ok => (Some(0), Some(0)),
            MountState::Stale => (Some(0), Some(1)),
            MountState::Disabled => (Some(1), None),
            MountState::Unknown => (None, None),
        };
        for (family, told) in [
            (&families::MOUNT_DISABLED, disabled),
            (&families::MOUNT_STALE, stale),
        ] {
            if let Some(told) = told {
                put(family, labels.clone(), Value::Whole(told));
            }
        }
        let Some(ModuleFaults {
            pte,
            pmd,
            pud_try,
            fallback,
            refused,
        }) = mount.totals
        else {
            continue;
        };
        let outcomes = [
            ("pte", pte),
            ("pmd", pmd),
            ("pud_try", pud_try),
            ("fallback", fallback),
            ("refused", refused),
        ];
        for (outcome, n) in outcomes {
            let labels = vec![
                ("device", device.to_owned()),
                ("outcome", outcome.to_owned()),
            ];
            put(&families::MOUNT_FAULTS, labels, Value::Whole(n));
        }
    }
}

/// Whether all probes whose target contains `target` are attached, and there is one.
fn attached(snapshot: &Snapshot, target: &str) -> bool {
    let mut probes = (snapshot.probes.iter())
        .filter(|probe| probe.name.contains(target))
        .peekable();
    probes.peek().is_some() && probes.all(|probe| probe.problem.is_none())
}

fn faults(snapshot: &Snapshot, buckets: Buckets, put: Put<'_>) {
    let pte = attached(snapshot, "dax_pte_fault");
    let pmd = attached(snapshot, "dax_pmd_fault");
    let files = &snapshot.files;
    for (order, order_name) in ORDERS {
        let watched = match order {
            Order::Pte => pte,
            Order::Pmd => pmd,
        };
        for (access, op) in OPS {
            if !watched {
                continue;
            }
            let class = (order, access);
            let labels = vec![("order", order_name.to_owned()), ("op", op.to_owned())];
            let n = sum(files.iter().filter_map(|f| f.untimed.get(&class)));
            put(&families::FAULT_UNTIMED, labels.clone(), Value::Whole(n));
            let hist = merged(files.iter().filter_map(|f| f.faults.get(&class)), buckets);
            let mapped = [labels, vec![("result", "mapped".to_owned())]].concat();
            put(&families::FAULT_DURATION, mapped, hist);
        }
    }
    if pmd {
        for why in REASONS {
            let n = sum(files.iter().filter_map(|f| f.fallback.get(&why)));
            let labels = vec![("reason", reason(why).to_owned())];
            put(&families::FAULT_FALLBACK, labels, Value::Whole(n));
        }
    }
    for (failure, kind) in FAILURES {
        let watched = match failure {
            Failure::Refused => attached(snapshot, "fault_refused"),
            Failure::Sigbus | Failure::Oom | Failure::HwPoison => pte && pmd,
        };
        if watched {
            let n = sum(files.iter().filter_map(|f| f.errors.get(&failure)));
            let labels = vec![("kind", kind.to_owned())];
            put(&families::FAULT_ERRORS, labels, Value::Whole(n));
        }
    }
    if pte && pmd {
        let retried = sum(files.iter().map(|f| &f.retried));
        put(&families::FAULT_RETRIED, Vec::new(), Value::Whole(retried));
        let unattributed = Value::Whole(snapshot.unattributed);
        put(&families::FAULT_UNATTRIBUTED, Vec::new(), unattributed);
    }
    let own = files.iter().filter(|f| f.key != FileKey::OTHER).count();
    put(&families::FILES, Vec::new(), Value::Whole(own as u64));
}

fn calls(snapshot: &Snapshot, buckets: Buckets, put: Put<'_>) {
    if !attached(snapshot, "iomap_rw") {
        return;
    }
    for (access, op) in OPS {
        let ios: Vec<&Io> = (snapshot.files.iter())
            .filter_map(|f| f.io.get(&access))
            .collect();
        let labels = vec![("op", op.to_owned())];
        let hist = merged(ios.iter().map(|io| &io.latency), buckets);
        put(&families::RW_DURATION, labels.clone(), hist);
        let counts = [
            (&families::RW_BYTES, sum(ios.iter().map(|io| &io.bytes))),
            (&families::RW_UNTIMED, sum(ios.iter().map(|io| &io.untimed))),
            (&families::RW_ERRORS, sum(ios.iter().map(|io| &io.errors))),
        ];
        for (family, n) in counts {
            put(family, labels.clone(), Value::Whole(n));
        }
    }
}

fn top_files(files: &TopFiles, put: Put<'_>) {
    for (path, by_order) in files.series() {
        for ((_, order), sums) in ORDERS.iter().zip(by_order) {
            let labels = vec![("path", path.clone()), ("order", (*order).to_owned())];
            put(
                &families::FILE_FAULTS,
                labels.clone(),
                Value::Whole(sums.faults),
            );
            put(&families::FILE_FAULT_TIME, labels, seconds(sums.ns));
        }
    }
}

fn probes(snapshot: &Snapshot, put: Put<'_>) {
    // One function may have two: at its entry and at its return.
    let mut probes: Vec<_> = snapshot.probes.iter().collect();
    probes.sort_by_key(|probe| (&probe.name, &probe.kind));
    probes.dedup_by_key(|probe| (&probe.name, &probe.kind));
    for probe in probes {
        let name = vec![("probe", probe.name.clone()), ("kind", probe.kind.clone())];
        let attached = probe.problem.is_none();
        put(
            &families::PROBE_ATTACHED,
            name.clone(),
            Value::Whole(attached.into()),
        );
        if !attached {
            continue;
        }
        put(
            &families::PROBE_HITS,
            name.clone(),
            Value::Whole(probe.hits),
        );
        put(
            &families::PROBE_MISSED,
            name.clone(),
            Value::Whole(probe.misses),
        );
        if let Some(ns) = probe.run_ns {
            put(&families::PROBE_RUN, name, seconds(ns));
        }
        let told = [
            ("dax_holder_notify_failure", "holder_notify"),
            ("memory_failure_event", "memory_failure"),
        ];
        if let Some((_, kind)) = told.iter().find(|(target, _)| probe.name == *target) {
            let labels = vec![("kind", (*kind).to_owned())];
            put(&families::MEMORY_ERRORS, labels, Value::Whole(probe.hits));
        }
    }
}

fn cost(snapshot: &Snapshot, put: Put<'_>) {
    let lost = vec![("reason", "no_room".to_owned())];
    put(&families::EVENTS_LOST, lost, Value::Whole(snapshot.lost));
    let cost = snapshot.cost;
    put(&families::TOP_CPU, Vec::new(), seconds(cost.cpu_ns));
    put(
        &families::TOP_RESIDENT,
        Vec::new(),
        Value::Whole(cost.rss_bytes),
    );
    put(
        &families::TOP_MAPS,
        Vec::new(),
        Value::Whole(cost.map_bytes),
    );
    put(&families::TOP_POLL, Vec::new(), seconds(cost.poll_ns));
}

fn seconds(ns: u64) -> Value {
    Value::Real(ns as f64 / 1e9)
}

fn sum<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.fold(0, |sum, n| sum.saturating_add(*n))
}

fn merged<'a>(hists: impl Iterator<Item = &'a Hist>, buckets: Buckets) -> Value {
    let mut all = Hist::default();
    for hist in hists {
        all.merge(hist);
    }
    Value::Hist {
        sum_s: all.sum_ns as f64 / 1e9,
        count: all.count(),
        buckets: fold(&all, buckets),
    }
}

/// Samples on their way to the page.
#[derive(Debug)]
struct Page(Samples);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in FAMILIES {
            // A family without samples is not on the page: nothing is known, which is not zero.
            let Some(samples) = self.0.get(family.name) else {
                continue;
            };
            let unit = match family.unit {
                "seconds" => Some(Unit::Seconds),
                "bytes" => Some(Unit::Bytes),
                _ => None,
            };
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
                Kind::Info => MetricType::Info,
            };
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
            for (labels, value) in samples {
                debug_assert!(labels.iter().map(|(key, _)| key).eq(family.labels));
                encode(family.kind, &mut metric, labels, value)?;
            }
        }
        Ok(())
    }
}

fn encode(
    kind: Kind,
    metric: &mut MetricEncoder<'_>,
    labels: &Labels,
    value: &Value,
) -> fmt::Result {
    const NO_EXEMPLAR: Option<&Exemplar<Labels, f64>> = None;
    if kind == Kind::Info {
        return metric.encode_info(labels);
    }
    let mut metric = metric.encode_family(labels)?;
    match (kind, value) {
        (Kind::Counter, Value::Whole(n)) => metric.encode_counter(n, NO_EXEMPLAR),
        (Kind::Counter, Value::Real(x)) => metric.encode_counter(x, NO_EXEMPLAR),
        (_, Value::Whole(n)) => metric.encode_gauge(n),
        (_, Value::Real(x)) => metric.encode_gauge(x),
        (
            _,
            Value::Hist {
                sum_s,
                count,
                buckets,
            },
        ) => metric.encode_histogram::<Labels>(*sum_s, *count, buckets, None),
    }
}
