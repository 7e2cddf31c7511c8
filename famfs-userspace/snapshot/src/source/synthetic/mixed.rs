//! Two mounts and five files, one for each way of being mapped; a memory error may come.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{EPOCH, MIB, millis_of, nanos, spread};
use crate::model::{
    Access, DeviceError, Event, EventKind, Extent, Failure, Fallback, FileKey, FileRow, Io, Kinds,
    Layout, ModuleFaults, Mount, MountState, Order, ProbeHealth, Process, Snapshot,
};

const MAIN: (u32, u32) = (0, 42);
const SPARE: (u32, u32) = (0, 43);
const POISONED_AT: Duration = Duration::from_secs(5);
const POISONED_OFFSET: u64 = 34 << 20;

pub(super) fn fill(snapshot: &mut Snapshot, elapsed: Duration, poison: bool) {
    let disabled = poison && elapsed >= POISONED_AT;
    snapshot.files = files(elapsed, disabled);
    snapshot.mounts = mounts(disabled);
    for mount in &mut snapshot.mounts {
        mount.totals = Some(totals(&snapshot.files, mount.dev));
    }
    snapshot.probes = probes(elapsed);
    snapshot.events.extend(disabled.then(poison_event));
}

/// What the module would have counted.
fn totals(files: &[FileRow], dev: (u32, u32)) -> ModuleFaults {
    let mut totals = ModuleFaults::default();
    for file in files.iter().filter(|file| file.key.dev == dev) {
        totals.pmd += file.mapped(Order::Pmd);
        totals.pte += file.mapped(Order::Pte);
        totals.fallback += file.fell_back();
        totals.refused += file.failed();
    }
    totals
}

fn mounts(disabled: bool) -> Vec<Mount> {
    let error = disabled.then(|| DeviceError {
        dev: "/dev/pmem1".into(),
        offset: POISONED_OFFSET,
        len: 4096,
        flags: 0x23,
        time_ns: nanos(EPOCH + POISONED_AT),
    });
    let state = if disabled {
        MountState::Disabled
    } else {
        MountState::Ok
    };
    vec![
        mount(MAIN, "/dev/pmem0", "/mnt/famfs", MountState::Ok, None),
        mount(SPARE, "/dev/pmem1", "/mnt/spare", state, error),
    ]
}

fn mount(
    dev: (u32, u32),
    source: &str,
    mountpoint: &str,
    state: MountState,
    error: Option<DeviceError>,
) -> Mount {
    Mount {
        dev,
        source: source.into(),
        kind: "famfs".into(),
        mountpoint: mountpoint.into(),
        state,
        error,
        totals: None,
    }
}

/// Faults per second of one file: how many, and how long each took.
struct Load {
    dev: (u32, u32),
    ino: u64,
    path: Option<&'static str>,
    pmd: (u64, u64),
    pte: (u64, u64),
    access: Access,
    fallback: Option<Fallback>,
    /// Calls of read(2) and write(2) per second, and what each took, in bytes and nanoseconds.
    io: Option<(Access, u64, u64, u64)>,
    size: u64,
    /// Where its extents are, in MiB, or the strips of 2 MiB chunks.
    extents: &'static [(u64, u64)],
    interleaved: bool,
    /// Who faults, by pid and name, and in how many of ten faults.
    processes: &'static [(u32, &'static str, u64)],
}

const LOADS: [Load; 5] = [
    Load {
        dev: MAIN,
        ino: 7,
        path: Some("/mnt/famfs/models/weights-00.bin"),
        pmd: (3_200, 9_300),
        pte: (0, 0),
        access: Access::Read,
        fallback: None,
        io: None,
        size: 64 * MIB,
        extents: &[(64, 32), (128, 32)],
        interleaved: false,
        processes: &[(1201, "inference", 6), (1202, "inference", 4)],
    },
    Load {
        dev: MAIN,
        ino: 8,
        path: Some("/mnt/famfs/index.dat"),
        pmd: (0, 0),
        pte: (41_000, 2_100),
        access: Access::Read,
        fallback: Some(Fallback::Colour),
        io: Some((Access::Read, 1_500, 16_384, 5_200)),
        size: 96 * MIB,
        extents: &[(256, 96)],
        interleaved: false,
        processes: &[(1310, "indexd", 10)],
    },
    Load {
        dev: MAIN,
        ino: 9,
        path: Some("/mnt/famfs/ring buffer"),
        pmd: (120, 10_800),
        pte: (360, 3_900),
        access: Access::Write,
        fallback: Some(Fallback::VmaBounds),
        io: Some((Access::Write, 250, 4_096, 1_900)),
        size: 7 * MIB,
        extents: &[(384, 8)],
        interleaved: false,
        processes: &[(1201, "inference", 1), (1400, "producer", 9)],
    },
    Load {
        dev: SPARE,
        ino: 7,
        path: Some("/mnt/spare/scratch"),
        pmd: (16, 8_700),
        pte: (0, 0),
        access: Access::Write,
        fallback: None,
        io: None,
        size: 32 * MIB,
        extents: &[(64, 16), (96, 16)],
        interleaved: true,
        processes: &[(1500, "sort", 10)],
    },
    Load {
        dev: SPARE,
        ino: 12,
        path: None,
        pmd: (0, 0),
        pte: (2, 2_500),
        access: Access::Read,
        fallback: Some(Fallback::Eof),
        io: None,
        size: 5_000,
        extents: &[(200, 2)],
        interleaved: false,
        processes: &[],
    },
];

fn files(elapsed: Duration, disabled: bool) -> Vec<FileRow> {
    LOADS
        .iter()
        .map(|load| {
            let stopped = disabled && load.dev == SPARE;
            let active = if stopped {
                elapsed.min(POISONED_AT)
            } else {
                elapsed
            };
            let failed = if stopped {
                millis_of(4, elapsed.saturating_sub(POISONED_AT))
            } else {
                0
            };
            row(load, active, failed)
        })
        .collect()
}

fn row(load: &Load, active: Duration, errors: u64) -> FileRow {
    let mut faults = Kinds::default();
    for (order, (rate, ns)) in [(Order::Pmd, load.pmd), (Order::Pte, load.pte)] {
        let count = millis_of(rate, active);
        if count > 0 {
            faults.insert((order, load.access), spread(count, ns));
        }
    }
    let fell_back = millis_of(load.pte.0 / 2, active);
    let fallback = load
        .fallback
        .filter(|_| fell_back > 0)
        .map(|reason| (reason, fell_back));
    FileRow {
        path: load.path.map(Into::into),
        faults,
        fallback: fallback.into_iter().collect(),
        errors: (errors > 0)
            .then_some((Failure::Sigbus, errors))
            .into_iter()
            .collect(),
        retried: millis_of(load.pmd.0 / 100, active),
        io: load.io.map(|io| calls(io, active)).into_iter().collect(),
        processes: processes(load, active),
        layout: Some(Arc::new(layout(load))),
        ..FileRow::new(FileKey {
            dev: load.dev,
            ino: load.ino,
        })
    }
}

fn calls((access, rate, bytes, ns): (Access, u64, u64, u64), active: Duration) -> (Access, Io) {
    let count = millis_of(rate, active);
    let io = Io {
        latency: spread(count, ns),
        bytes: count * bytes,
        ..Io::default()
    };
    (access, io)
}

fn processes(load: &Load, active: Duration) -> Vec<Process> {
    let faults = millis_of(load.pmd.0 + load.pte.0, active);
    let each = load.processes.iter().map(|&(pid, comm, tenths)| Process {
        pid,
        comm: comm.into(),
        faults: faults * tenths / 10,
    });
    let mut each: Vec<Process> = each.filter(|p| p.faults > 0).collect();
    each.sort_by_key(|p| std::cmp::Reverse(p.faults));
    each
}

fn layout(load: &Load) -> Layout {
    let extents = load.extents.iter().map(|&(offset, len)| Extent {
        device: 0,
        offset: offset * MIB,
        len: len * MIB,
    });
    Layout {
        size: load.size,
        chunk: load.interleaved.then_some(2 * MIB),
        extents: extents.collect(),
    }
}

fn poison_event() -> Event {
    Event::new(
        SystemTime::UNIX_EPOCH + EPOCH + POISONED_AT,
        EventKind::MemoryError,
        format!("memory error at byte {POISONED_OFFSET} of /dev/pmem1: /mnt/spare is disabled"),
    )
}

pub(super) fn probes(elapsed: Duration) -> Vec<ProbeHealth> {
    let hits = LOADS.iter().map(|l| millis_of(l.pte.0, elapsed)).sum();
    [
        "dax_pte_fault",
        "dax_pte_fault_done",
        "dax_pmd_fault",
        "dax_pmd_fault_done",
    ]
    .map(|name| ProbeHealth {
        name: name.into(),
        kind: "tp_btf".into(),
        problem: None,
        warning: None,
        hits,
        misses: 0,
        run_ns: Some(hits * 95),
    })
    .into()
}
