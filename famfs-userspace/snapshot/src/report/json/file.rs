//! A file in the JSON document.

use serde::Serialize;

use super::device;
use crate::model::{Access, Failure, Fallback, FileKey, FileRow, Hist, Io, Layout, Order, Process};

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct FileJson<'a> {
    path: Option<&'a str>,
    dev: String,
    ino: u64,
    pmd: ByAccess,
    pte: ByAccess,
    fallback: FallbackJson,
    errors: u64,
    retried: u64,
    /// Whether this stands for all files that have no row of their own.
    other: bool,
    failures: FailuresJson,
    read: IoJson,
    write: IoJson,
    processes: Vec<ProcessJson<'a>>,
    layout: Option<LayoutJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct FailuresJson {
    sigbus: u64,
    oom: u64,
    hwpoison: u64,
    refused: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct IoJson {
    latency: HistJson,
    bytes: u64,
    errors: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ProcessJson<'a> {
    pid: u32,
    comm: &'a str,
    faults: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct LayoutJson {
    size: u64,
    chunk: Option<u64>,
    extents: Vec<ExtentJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ExtentJson {
    device: u32,
    offset: u64,
    len: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ByAccess {
    read: HistJson,
    write: HistJson,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct HistJson {
    count: u64,
    sum_ns: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
    untimed: u64,
    buckets: Vec<(u64, u64, u64)>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct FallbackJson {
    colour: u64,
    private_write: u64,
    vma_bounds: u64,
    eof: u64,
    extent: u64,
    other: u64,
}

impl<'a> FileJson<'a> {
    pub(super) fn new(file: &'a FileRow) -> Self {
        let hist = |order, access| {
            let untimed = file.untimed.get(&(order, access)).copied().unwrap_or(0);
            HistJson::new(file.faults.get(&(order, access)), untimed)
        };
        let by_access = |order| ByAccess {
            read: hist(order, Access::Read),
            write: hist(order, Access::Write),
        };
        let failure = |how| file.errors.get(&how).copied().unwrap_or(0);
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
            other: file.key == FileKey::OTHER,
            failures: FailuresJson {
                sigbus: failure(Failure::Sigbus),
                oom: failure(Failure::Oom),
                hwpoison: failure(Failure::HwPoison),
                refused: failure(Failure::Refused),
            },
            read: IoJson::new(file.io.get(&Access::Read)),
            write: IoJson::new(file.io.get(&Access::Write)),
            processes: file.processes.iter().map(ProcessJson::new).collect(),
            layout: file.layout.as_deref().map(LayoutJson::new),
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

impl IoJson {
    fn new(io: Option<&Io>) -> Self {
        Self {
            latency: HistJson::new(io.map(|io| &io.latency), io.map_or(0, |io| io.untimed)),
            bytes: io.map_or(0, |io| io.bytes),
            errors: io.map_or(0, |io| io.errors),
        }
    }
}

impl<'a> ProcessJson<'a> {
    fn new(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            comm: &process.comm,
            faults: process.faults,
        }
    }
}

impl LayoutJson {
    fn new(layout: &Layout) -> Self {
        Self {
            size: layout.size,
            chunk: layout.chunk,
            extents: layout
                .extents
                .iter()
                .map(|extent| ExtentJson {
                    device: extent.device,
                    offset: extent.offset,
                    len: extent.len,
                })
                .collect(),
        }
    }
}
