//! Five snapshots in which every part of the model changes at least once.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use famfs_snapshot::model::{
    Access, Bucket, Cost, DeviceError, Event, EventKind, Extent, Failure, Fallback, FileKey,
    FileRow, Hist, Io, Kinds, Layout, ModuleFaults, Mount, MountState, Order, ProbeHealth, Process,
    Snapshot,
};

/// A second apart, from 2026-01-01 00:00:00 UTC on.
pub(crate) fn snapshots() -> Vec<Snapshot> {
    (0_u64..5).map(snapshot).collect()
}

fn snapshot(second: u64) -> Snapshot {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + second);
    Snapshot {
        time: time + Duration::from_nanos(123_456_789),
        elapsed_ns: second * 1_000_000_007,
        kernel: "6.12.95+deb12-amd64".into(),
        mounts: mounts(second),
        files: files(second),
        unattributed: second / 2,
        lost: second / 3,
        probes: probes(second),
        events: (second.saturating_sub(3)..second)
            .map(|s| event(s, time))
            .collect(),
        cost: Cost {
            cpu_ns: second * 3_000_000,
            rss_bytes: 12 << 20,
            map_bytes: 40 << 20,
            poll_ns: 250_000 + second,
        },
    }
}

fn mounts(second: u64) -> Vec<Mount> {
    let disabled = second >= 3;
    let famfs = Mount {
        dev: (0, 42),
        kind: "famfs".into(),
        source: "/dev/pmem0".into(),
        mountpoint: "/mnt/famfs".into(),
        state: if disabled {
            MountState::Disabled
        } else {
            MountState::Ok
        },
        error: disabled.then(|| DeviceError {
            dev: "/dev/pmem0".into(),
            offset: 34 << 20,
            len: 4096,
            flags: 0x23,
            time_ns: 1_767_225_603_000_000_001,
        }),
        totals: Some(ModuleFaults {
            pte: second * 500,
            pmd: second * 20,
            pud_try: second,
            fallback: second * 3,
            refused: if disabled { 7 } else { 0 },
        }),
    };
    let ext4 = Mount {
        dev: (259, 1),
        kind: "ext4".into(),
        source: "/dev/pmem1".into(),
        mountpoint: "/mnt/ext4 with a space".into(),
        state: MountState::Unknown,
        error: None,
        totals: None,
    };
    if second == 0 {
        vec![famfs]
    } else {
        vec![famfs, ext4]
    }
}

fn hist(counts: &[(u64, u64, u64)]) -> Hist {
    let mut hist = Hist::default();
    for &(lower_ns, upper_ns, n) in counts {
        hist.add(Bucket {
            lower_ns,
            upper_ns,
            n,
        });
        hist.sum_ns += n * lower_ns;
    }
    hist
}

fn files(second: u64) -> Vec<FileRow> {
    let mapped = FileRow {
        path: Some("/mnt/famfs/weights \"00\",\n\u{1b}[2J.bin".into()),
        faults: Kinds::from([
            (
                (Order::Pmd, Access::Read),
                hist(&[(2048, 2303, 20 * second + 1), (4096, 4607, second)]),
            ),
            (
                (Order::Pte, Access::Write),
                hist(&[(640, 703, 300 * second + 1)]),
            ),
        ]),
        untimed: BTreeMap::from([((Order::Pte, Access::Read), second)]),
        layout: Some(Arc::new(Layout {
            size: (6 << 20) + 5,
            chunk: (second >= 2).then_some(2 << 20),
            extents: vec![
                Extent {
                    device: 0,
                    offset: 16 << 20,
                    len: 4 << 20,
                },
                Extent {
                    device: 1,
                    offset: 2 << 20,
                    len: 4 << 20,
                },
            ],
        })),
        ..FileRow::new(FileKey {
            dev: (0, 42),
            ino: 7,
        })
    };
    let small = FileRow {
        path: (second >= 1).then(|| "/mnt/famfs/index.dat".into()),
        faults: Kinds::from([(
            (Order::Pte, Access::Read),
            hist(&[(7, 7, 1), (192, 207, 200 * second + 1)]),
        )]),
        fallback: BTreeMap::from([(Fallback::Colour, 3 * second + 1), (Fallback::Eof, 1)]),
        errors: BTreeMap::from([
            (Failure::Sigbus, second),
            (Failure::Refused, second / 3 * 7),
        ]),
        retried: second * second,
        processes: vec![
            Process {
                pid: 4711,
                comm: "reader".into(),
                faults: 150 * second,
            },
            Process {
                pid: 12,
                comm: "a b".into(),
                faults: 50 * second,
            },
        ],
        ..FileRow::new(FileKey {
            dev: (0, 42),
            ino: 8,
        })
    };
    let copied = FileRow {
        path: Some("/mnt/ext4 with a space/log".into()),
        io: BTreeMap::from([
            (
                Access::Read,
                Io {
                    latency: hist(&[(1024, 1151, second)]),
                    untimed: 1,
                    bytes: second * 4096,
                    errors: 0,
                },
            ),
            (
                Access::Write,
                Io {
                    latency: hist(&[(8192, 9215, 2 * second)]),
                    untimed: 0,
                    bytes: second * 8192,
                    errors: second / 2,
                },
            ),
        ]),
        ..FileRow::new(FileKey {
            dev: (259, 1),
            ino: 2,
        })
    };
    let other = FileRow {
        untimed: BTreeMap::from([((Order::Pte, Access::Read), 1000 * second)]),
        fallback: BTreeMap::from([(Fallback::Other, second)]),
        ..FileRow::new(FileKey::OTHER)
    };
    match second {
        0 => vec![mapped, small],
        // A file went; two came.
        1..=3 => vec![other, mapped, small, copied],
        _ => vec![other, small, copied],
    }
}

fn probes(second: u64) -> Vec<ProbeHealth> {
    let probe = |name: &str, kind: &str, hits| ProbeHealth {
        name: name.into(),
        kind: kind.into(),
        problem: None,
        warning: None,
        hits,
        misses: 0,
        run_ns: Some(hits * 90),
    };
    vec![
        probe("dax_pte_fault", "tp_btf", 500 * second),
        ProbeHealth {
            misses: second,
            ..probe("dax_pte_fault_done", "tp_btf", 500 * second)
        },
        ProbeHealth {
            problem: Some("no such tracepoint".into()),
            run_ns: None,
            ..probe("famfs_fault_refused", "raw_tp", 0)
        },
        ProbeHealth {
            warning: (second >= 2).then(|| "0 hits while faults happen".into()),
            run_ns: None,
            ..probe("dax_pmd_fault", "fentry", 0)
        },
    ]
}

fn event(second: u64, time: SystemTime) -> Event {
    Event {
        time: time - Duration::from_millis(second),
        kind: match second {
            0 => EventKind::Mount,
            1 => EventKind::FaultFailed,
            2 => EventKind::Instrument,
            _ => EventKind::MemoryError,
        },
        file: (second == 1).then_some(FileKey {
            dev: (0, 42),
            ino: 8,
        }),
        process: (second == 1).then(|| (4711, "reader".into())),
        text: format!("event {second}"),
    }
}
