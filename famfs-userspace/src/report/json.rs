//! The machine's view, for `--json`: one document whose shape `schema` names.
//!
//! A field is never left out: what is not known is `null`, what did not happen is zero.

use serde::Serialize;

use crate::{
    model::{Access, Fallback, FileRow, Hist, Mount, MountState, Order, Snapshot},
    text,
};

/// Changes when a field changes its meaning or goes away, not when one is added.
const SCHEMA: u32 = 1;

/// The document of `interval`, with files in the order of path, device and inode.
pub fn render(interval: &Snapshot) -> String {
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
    };
    #[expect(
        clippy::expect_used,
        reason = "strings and integers, no map: nothing can be refused"
    )]
    let mut text = serde_json::to_string(&document).expect("a report is plain data");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    time: String,
    kernel: &'a str,
    interval_s: f64,
    mounts: Vec<MountJson<'a>>,
    files: Vec<FileJson<'a>>,
    unattributed: u64,
    lost: u64,
}

#[derive(Serialize)]
struct MountJson<'a> {
    dev: String,
    source: &'a str,
    mountpoint: &'a str,
    state: &'static str,
    error: Option<ErrorJson<'a>>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    dev: &'a str,
    offset: u64,
    len: u64,
    flags: u64,
    time_ns: u64,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: Option<&'a str>,
    dev: String,
    ino: u64,
    pmd: ByAccess,
    pte: ByAccess,
    fallback: FallbackJson,
    errors: u64,
    retried: u64,
}

#[derive(Serialize)]
struct ByAccess {
    read: HistJson,
    write: HistJson,
}

#[derive(Serialize)]
struct HistJson {
    count: u64,
    sum_ns: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
    untimed: u64,
    buckets: Vec<(u64, u64, u64)>,
}

#[derive(Serialize)]
struct FallbackJson {
    colour: u64,
    private_write: u64,
    vma_bounds: u64,
    eof: u64,
    extent: u64,
    other: u64,
}

impl<'a> MountJson<'a> {
    fn new(mount: &'a Mount) -> Self {
        Self {
            dev: device(mount.dev),
            source: &mount.source,
            mountpoint: &mount.mountpoint,
            state: match mount.state {
                MountState::Ok => "ok",
                MountState::Disabled => "disabled",
                MountState::Unknown => "unknown",
            },
            error: mount.error.as_ref().map(|e| ErrorJson {
                dev: &e.dev,
                offset: e.offset,
                len: e.len,
                flags: e.flags,
                time_ns: e.time_ns,
            }),
        }
    }
}

impl<'a> FileJson<'a> {
    fn new(file: &'a FileRow) -> Self {
        let hist = |order, access| {
            let untimed = file.untimed.get(&(order, access)).copied().unwrap_or(0);
            HistJson::new(file.faults.get(&(order, access)), untimed)
        };
        let by_access = |order| ByAccess {
            read: hist(order, Access::Read),
            write: hist(order, Access::Write),
        };
        let fallback = |why| file.fallback.get(&why).copied().unwrap_or(0);
        Self {
            path: file.path.as_deref(),
            dev: device(file.key.dev),
            ino: file.key.ino,
            pmd: by_access(Order::Pmd),
            pte: by_access(Order::Pte),
            fallback: FallbackJson {
                colour: fallback(Fallback::Colour),
                private_write: fallback(Fallback::PrivateWrite),
                vma_bounds: fallback(Fallback::VmaBounds),
                eof: fallback(Fallback::Eof),
                extent: fallback(Fallback::Extent),
                other: fallback(Fallback::Other),
            },
            errors: file.failed(),
            retried: file.retried,
        }
    }
}

impl HistJson {
    fn new(hist: Option<&Hist>, untimed: u64) -> Self {
        let none = Hist::default();
        let hist = hist.unwrap_or(&none);
        Self {
            count: hist.count(),
            sum_ns: hist.sum_ns,
            p50_ns: hist.quantile_ns(0.5),
            p99_ns: hist.quantile_ns(0.99),
            max_ns: hist.max_ns(),
            untimed,
            buckets: hist
                .buckets
                .iter()
                .map(|b| (b.lower_ns, b.upper_ns, b.n))
                .collect(),
        }
    }
}

fn device((major, minor): (u32, u32)) -> String {
    format!("{major}:{minor}")
}
