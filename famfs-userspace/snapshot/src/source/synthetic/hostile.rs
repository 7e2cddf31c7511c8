//! The worst that a system could show.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{bucket, mixed, nanos};
use crate::model::{
    Access, Cost, DeviceError, Event, EventKind, Extent, Failure, Fallback, FileKey, FileRow, Hist,
    Io, Layout, ModuleFaults, Mount, MountState, Order, Process, Snapshot,
};

/// It clears the screen, turns the direction of writing, and writes what it likes.
const STEERING: &str = "/mnt/\u{1b}[2J\r\n\u{202e}\t\u{7f}\u{9b}31m\u{2028}\u{61c}\\";
const DEV: (u32, u32) = (u32::MAX, u32::MAX);

pub(super) fn fill(snapshot: &mut Snapshot, elapsed: Duration) {
    // Counts rise by so much that their sums are past the end.
    let n = u64::MAX * elapsed.as_secs().min(1);
    snapshot.kernel = STEERING.repeat(3);
    snapshot.mounts = mounts(n);
    snapshot.files = files(n);
    snapshot.unattributed = n;
    snapshot.lost = n;
    snapshot.probes = mixed::probes(elapsed);
    for (i, probe) in snapshot.probes.iter_mut().enumerate() {
        probe.name = STEERING.repeat(i + 1);
        probe.kind = STEERING.into();
        probe.problem = (i == 1).then(|| STEERING.repeat(20));
        probe.warning = (i == 2).then(|| "no hits while faults happen elsewhere ".repeat(9));
        (probe.hits, probe.misses, probe.run_ns) = (n, n, Some(n));
    }
    snapshot.events = events(elapsed);
    snapshot.cost = Cost {
        cpu_ns: n,
        rss_bytes: u64::MAX,
        map_bytes: u64::MAX,
        poll_ns: u64::MAX,
    };
}

fn mounts(n: u64) -> Vec<Mount> {
    let error = DeviceError {
        dev: STEERING.repeat(2),
        offset: u64::MAX,
        len: u64::MAX,
        flags: u64::MAX,
        time_ns: u64::MAX,
    };
    let mount = |i: u32, state, error| Mount {
        dev: (DEV.0, DEV.1 - i),
        kind: STEERING.into(),
        source: STEERING.into(),
        mountpoint: STEERING.repeat(2),
        state,
        error,
        totals: Some(ModuleFaults {
            pte: n,
            pmd: n,
            pud_try: n,
            fallback: n,
            refused: n,
        }),
    };
    vec![
        mount(0, MountState::Disabled, Some(error)),
        mount(1, MountState::Disabled, None),
        mount(2, MountState::Unknown, None),
    ]
}

fn files(n: u64) -> Vec<FileRow> {
    let paths = [
        Some(STEERING.repeat(40)),
        // Twice as wide as it is long, and longer than any screen.
        Some("/mnt/famfs/".to_owned() + &"数据".repeat(2_000)),
        // Marks that take no width at all.
        Some("/mnt/famfs/a".to_owned() + &"\u{301}\u{200d}".repeat(500)),
        Some(String::new()),
        Some("\u{1f469}\u{200d}\u{1f4bb}\u{fe0f}".repeat(30)),
        None,
    ];
    let files = paths.into_iter().zip(0..).map(|(path, ino)| FileRow {
        path: path.map(Into::into),
        ..full(u64::MAX - ino, n)
    });
    files.collect()
}

/// Everything at once, and as much of it as there can be.
fn full(ino: u64, n: u64) -> FileRow {
    let mut file = FileRow::new(FileKey { dev: DEV, ino });
    let mut latency = Hist::default();
    if n > 0 {
        for ns in [0, 1, 1 << 20, 1 << 40, u64::MAX] {
            latency.add(bucket(ns, n));
        }
        latency.sum_ns = n;
    }
    for order in [Order::Pte, Order::Pmd] {
        for access in [Access::Read, Access::Write] {
            file.faults.insert((order, access), latency.clone());
            file.untimed.insert((order, access), n);
        }
    }
    file.fallback = [Fallback::Colour, Fallback::Extent, Fallback::Other]
        .map(|reason| (reason, n))
        .into();
    file.errors = [
        Failure::Sigbus,
        Failure::Oom,
        Failure::HwPoison,
        Failure::Refused,
    ]
    .map(|failure| (failure, n))
    .into();
    file.retried = n;
    let io = Io {
        latency,
        untimed: n,
        bytes: n,
        errors: n,
    };
    file.io = [Access::Read, Access::Write]
        .map(|access| (access, io.clone()))
        .into();
    file.processes = processes(n);
    file.layout = Some(Arc::new(layout()));
    file
}

fn processes(n: u64) -> Vec<Process> {
    let process = |i| Process {
        pid: u32::MAX - i,
        comm: STEERING.into(),
        faults: n,
    };
    let count = if n > 0 { 100 } else { 0 };
    (0..count).map(process).collect()
}

/// More extents than a screen has lines, all of them odd.
fn layout() -> Layout {
    let extent = |i: u64| Extent {
        device: u32::MAX,
        offset: u64::MAX - i,
        len: u64::MAX,
    };
    Layout {
        size: u64::MAX,
        chunk: None,
        extents: (0..500).map(extent).collect(),
    }
}

fn events(elapsed: Duration) -> Vec<Event> {
    let kinds = [
        EventKind::MemoryError,
        EventKind::FaultFailed,
        EventKind::Mount,
        EventKind::Instrument,
        EventKind::Action,
    ];
    let end = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::MAX);
    let event = |i: usize| Event {
        time: if i == 0 { SystemTime::UNIX_EPOCH } else { end },
        kind: kinds[i % kinds.len()],
        file: Some(FileKey {
            dev: DEV,
            ino: u64::MAX,
        }),
        process: Some((u32::MAX, STEERING.into())),
        text: STEERING.repeat(1 + i * 7),
    };
    let count = nanos(elapsed).min(40);
    (0..usize::try_from(count).unwrap_or(0))
        .map(event)
        .collect()
}
