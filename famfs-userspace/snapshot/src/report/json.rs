//! The machine's view, for `--json`: one document whose shape `schema` names.
//!
//! A field is never left out: what is not known is `null`, what did not happen is zero.

use serde::Serialize;

use crate::{
    model::{Cost, Event, EventKind, FileKey, FileRow, Mount, MountState, ProbeHealth, Snapshot},
    text,
};

mod file;

use file::FileJson;

/// Changes when a field changes its meaning or goes away, not when one is added.
const SCHEMA: u32 = 1;

/// The document of `interval`, with files in the order of path, device and inode.
pub fn render(interval: &Snapshot) -> String {
    render_with(interval, &interval.events)
}

/// The same with these events instead of all that are remembered.
pub fn render_with(interval: &Snapshot, events: &[Event]) -> String {
    let mut files: Vec<&FileRow> = interval.files.iter().collect();
    files.sort_by(|a, b| (&a.path, a.key).cmp(&(&b.path, b.key)));
    let document = Document {
        schema: SCHEMA,
        time: text::rfc3339(interval.time),
        kernel: &interval.kernel,
        interval_s: interval.elapsed_ns as f64 / 1e9,
        mounts: interval.mounts.iter().map(MountJson::new).collect(),
        files: files.into_iter().map(FileJson::new).collect(),
        unattributed: interval.unattributed,
        lost: interval.lost,
        probes: interval.probes.iter().map(ProbeJson::new).collect(),
        events: events.iter().map(EventJson::new).collect(),
        cost: CostJson::new(interval.cost),
    };
    #[expect(
        clippy::expect_used,
        reason = "strings and integers, no map: nothing can be refused"
    )]
    let mut text = serde_json::to_string(&document).expect("a report is plain data");
    text.push('\n');
    text
}

/// A snapshot as the document that `famfs-top --json` prints.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document<'a> {
    schema: u32,
    time: String,
    kernel: &'a str,
    interval_s: f64,
    mounts: Vec<MountJson<'a>>,
    files: Vec<FileJson<'a>>,
    unattributed: u64,
    lost: u64,
    probes: Vec<ProbeJson<'a>>,
    events: Vec<EventJson<'a>>,
    cost: CostJson,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct MountJson<'a> {
    dev: String,
    kind: &'a str,
    source: &'a str,
    mountpoint: &'a str,
    state: &'static str,
    error: Option<ErrorJson<'a>>,
    totals: Option<TotalsJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct TotalsJson {
    pte: u64,
    pmd: u64,
    pud_try: u64,
    fallback: u64,
    refused: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ErrorJson<'a> {
    dev: &'a str,
    offset: u64,
    len: u64,
    flags: u64,
    time_ns: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ProbeJson<'a> {
    name: &'a str,
    kind: &'a str,
    attached: bool,
    problem: Option<&'a str>,
    warning: Option<&'a str>,
    hits: u64,
    misses: u64,
    run_ns: Option<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct EventJson<'a> {
    time: String,
    kind: &'static str,
    file: Option<KeyJson>,
    process: Option<WhoJson<'a>>,
    text: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct KeyJson {
    dev: String,
    ino: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct WhoJson<'a> {
    pid: u32,
    comm: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct CostJson {
    cpu_ns: u64,
    rss_bytes: u64,
    map_bytes: u64,
    poll_ns: u64,
}

impl<'a> MountJson<'a> {
    fn new(mount: &'a Mount) -> Self {
        Self {
            dev: device(mount.dev),
            kind: &mount.kind,
            source: &mount.source,
            mountpoint: &mount.mountpoint,
            state: match mount.state {
                MountState::Ok => "ok",
                MountState::Disabled => "disabled",
                MountState::Stale => "stale",
                MountState::Unknown => "unknown",
            },
            error: mount.error.as_ref().map(|e| ErrorJson {
                dev: &e.dev,
                offset: e.offset,
                len: e.len,
                flags: e.flags,
                time_ns: e.time_ns,
            }),
            totals: mount.totals.map(|t| TotalsJson {
                pte: t.pte,
                pmd: t.pmd,
                pud_try: t.pud_try,
                fallback: t.fallback,
                refused: t.refused,
            }),
        }
    }
}

impl<'a> ProbeJson<'a> {
    fn new(probe: &'a ProbeHealth) -> Self {
        Self {
            name: &probe.name,
            kind: &probe.kind,
            attached: probe.problem.is_none(),
            problem: probe.problem.as_deref(),
            warning: probe.warning.as_deref(),
            hits: probe.hits,
            misses: probe.misses,
            run_ns: probe.run_ns,
        }
    }
}

impl<'a> EventJson<'a> {
    fn new(event: &'a Event) -> Self {
        Self {
            time: text::rfc3339(event.time),
            kind: match event.kind {
                EventKind::MemoryError => "memory_error",
                EventKind::FaultFailed => "fault_failed",
                EventKind::Mount => "mount",
                EventKind::Instrument => "instrument",
                EventKind::Action => "action",
            },
            file: event.file.map(|FileKey { dev, ino }| KeyJson {
                dev: device(dev),
                ino,
            }),
            process: (event.process.as_ref()).map(|(pid, comm)| WhoJson { pid: *pid, comm }),
            text: &event.text,
        }
    }
}

impl CostJson {
    fn new(cost: Cost) -> Self {
        let Cost {
            cpu_ns,
            rss_bytes,
            map_bytes,
            poll_ns,
        } = cost;
        Self {
            cpu_ns,
            rss_bytes,
            map_bytes,
            poll_ns,
        }
    }
}

fn device((major, minor): (u32, u32)) -> String {
    format!("{major}:{minor}")
}
