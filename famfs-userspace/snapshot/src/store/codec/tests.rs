//! Any snapshot after any other comes back as it was.

use std::sync::Arc;

use famfs_common::hist as buckets;
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};

use super::*;
use crate::{
    model::{
        Access, Bucket, Buckets, DeviceError, Event, EventKind, Extent, Failure, Fallback, FileKey,
        FileRow, Hist, Io, Layout, ModuleFaults, Mount, MountState, Order, ProbeHealth, Process,
    },
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
};

fn hist() -> impl Strategy<Value = Hist> {
    let bucket = prop_oneof![
        9 => (0..buckets::BUCKETS).prop_map(|i| (buckets::lower(i).unwrap(), buckets::upper(i).unwrap())),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(l, w)| (u64::from(l), u64::from(l) + u64::from(w))),
    ];
    (any::<u64>(), vec((bucket, 1..u64::MAX), 0..6)).prop_map(|(sum_ns, parts)| {
        let mut hist = Hist {
            sum_ns,
            buckets: Buckets::new(),
        };
        for ((lower_ns, upper_ns), n) in parts {
            hist.add(Bucket {
                lower_ns,
                upper_ns,
                n,
            });
        }
        hist
    })
}

fn order() -> impl Strategy<Value = (Order, Access)> {
    let order = prop_oneof![Just(Order::Pte), Just(Order::Pmd)];
    (order, access())
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Read), Just(Access::Write)]
}

fn io() -> impl Strategy<Value = Io> {
    (hist(), any::<[u64; 3]>()).prop_map(|(latency, [untimed, bytes, errors])| Io {
        latency,
        untimed,
        bytes,
        errors,
    })
}

fn layout() -> impl Strategy<Value = Arc<Layout>> {
    let extent = any::<(u32, u64, u64)>().prop_map(|(device, offset, len)| Extent {
        device,
        offset,
        len,
    });
    (any::<u64>(), any::<Option<u64>>(), vec(extent, 0..4)).prop_map(|(size, chunk, extents)| {
        Arc::new(Layout {
            size,
            chunk,
            extents,
        })
    })
}

fn key() -> impl Strategy<Value = FileKey> {
    // Few, so that two snapshots have some in common.
    (0..2_u32, 0..6_u64).prop_map(|(minor, ino)| FileKey {
        dev: (0, minor),
        ino,
    })
}

fn row() -> impl Strategy<Value = FileRow> {
    let fallback = prop_oneof![
        Just(Fallback::Colour),
        Just(Fallback::PrivateWrite),
        Just(Fallback::VmaBounds),
        Just(Fallback::Eof),
        Just(Fallback::Extent),
        Just(Fallback::Other)
    ];
    let failure = prop_oneof![
        Just(Failure::Sigbus),
        Just(Failure::Oom),
        Just(Failure::HwPoison),
        Just(Failure::Refused)
    ];
    let process =
        any::<(u32, String, u64)>().prop_map(|(pid, comm, faults)| Process { pid, comm, faults });
    (
        (key(), any::<Option<String>>(), any::<u64>()),
        btree_map(order(), hist(), 0..4),
        btree_map(order(), any::<u64>(), 0..4),
        btree_map(fallback, any::<u64>(), 0..3),
        btree_map(failure, any::<u64>(), 0..3),
        btree_map(access(), io(), 0..2),
        vec(process, 0..3),
        option::of(layout()),
    )
        .prop_map(
            |((key, path, retried), faults, untimed, fallback, errors, io, processes, layout)| {
                FileRow {
                    key,
                    path: path.map(Into::into),
                    faults: faults.into_iter().collect(),
                    untimed,
                    fallback,
                    errors,
                    retried,
                    io,
                    processes,
                    layout,
                }
            },
        )
}

fn time() -> impl Strategy<Value = SystemTime> {
    (any::<i32>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
        let whole = Duration::from_secs(u64::from(seconds.unsigned_abs()));
        let base = if seconds < 0 {
            SystemTime::UNIX_EPOCH - whole
        } else {
            SystemTime::UNIX_EPOCH + whole
        };
        base + Duration::from_nanos(u64::from(nanos))
    })
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(EventKind::MemoryError),
        Just(EventKind::FaultFailed),
        Just(EventKind::Mount),
        Just(EventKind::Instrument),
        Just(EventKind::Action)
    ];
    (
        time(),
        kind,
        option::of(key()),
        any::<Option<(u32, String)>>(),
        any::<String>(),
    )
        .prop_map(|(time, kind, file, process, text)| Event {
            time,
            kind,
            file,
            process,
            text,
        })
}

fn mount() -> impl Strategy<Value = Mount> {
    let state = prop_oneof![
        Just(MountState::Ok),
        Just(MountState::Disabled),
        Just(MountState::Stale),
        Just(MountState::Unknown)
    ];
    let error =
        any::<(String, [u64; 4])>().prop_map(|(dev, [offset, len, flags, time_ns])| DeviceError {
            dev,
            offset,
            len,
            flags,
            time_ns,
        });
    let totals =
        any::<[u64; 5]>().prop_map(|[pte, pmd, pud_try, fallback, refused]| ModuleFaults {
            pte,
            pmd,
            pud_try,
            fallback,
            refused,
        });
    (
        any::<((u32, u32), [String; 3])>(),
        state,
        option::of(error),
        option::of(totals),
    )
        .prop_map(
            |((dev, [kind, source, mountpoint]), state, error, totals)| Mount {
                dev,
                kind,
                source,
                mountpoint,
                state,
                error,
                totals,
            },
        )
}

fn probe() -> impl Strategy<Value = ProbeHealth> {
    any::<([String; 2], [Option<String>; 2], [u64; 2], Option<u64>)>().prop_map(
        |([name, kind], [problem, warning], [hits, misses], run_ns)| ProbeHealth {
            name,
            kind,
            problem,
            warning,
            hits,
            misses,
            run_ns,
        },
    )
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (
        time(),
        any::<([u64; 3], String, [u64; 4])>(),
        vec(mount(), 0..3),
        vec(row(), 0..8),
        vec(probe(), 0..3),
        vec(event(), 0..4),
    )
        .prop_map(
            |(
                time,
                ([elapsed_ns, unattributed, lost], kernel, cost),
                mounts,
                files,
                probes,
                events,
            )| {
                let [cpu_ns, rss_bytes, map_bytes, poll_ns] = cost;
                Snapshot {
                    time,
                    elapsed_ns,
                    kernel,
                    mounts,
                    files,
                    unattributed,
                    lost,
                    probes,
                    events,
                    cost: Cost {
                        cpu_ns,
                        rss_bytes,
                        map_bytes,
                        poll_ns,
                    },
                }
            },
        )
}

/// Some rows of `old` among those of `new`, and the last events of `old` before those of `new`.
fn related(old: &Snapshot, mut new: Snapshot, mask: u8) -> Snapshot {
    let kept = (old.files.iter().enumerate()).filter(|(i, _)| mask >> (i % 8) & 1 == 1);
    let mut files: Vec<FileRow> = kept.map(|(_, f)| f.clone()).collect();
    for (i, row) in new.files.drain(..).enumerate() {
        files.insert((i * 2).min(files.len()), row);
    }
    new.files = files;
    let from = usize::from(mask & 3).min(old.events.len());
    new.events.splice(0..0, old.events[from..].iter().cloned());
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_changed_leads_from_any_snapshot_to_any_other(old in snapshot(), new in snapshot(), mask: u8) {
        for new in [related(&old, new.clone(), mask), new] {
            let bytes = encode(&old, &new).unwrap();
            prop_assert_eq!(decode(&old, &bytes).unwrap(), new.clone());
            for end in (0..bytes.len()).step_by(13) {
                prop_assert!(decode(&old, &bytes[..end]).is_err(), "the first {} bytes alone", end);
            }
        }
    }
}

#[test]
fn a_quiet_second_takes_a_few_bytes() {
    let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
    let first = source.poll().unwrap();
    let second = source.poll().unwrap();
    let later = Snapshot {
        elapsed_ns: second.elapsed_ns + 1_000_000_000,
        ..second.clone()
    };
    assert!(encode(&first, &second).unwrap().len() < 400);
    assert!(encode(&second, &later).unwrap().len() < 64);
}

/// The format names buckets by number: were they others, old recordings would be misread.
#[test]
fn the_buckets_of_version_1_are_these() {
    assert_eq!(buckets::BUCKETS, 496);
    let bounds = [0, 7, 15, 16, 72, 80, 200, 495]
        .map(|i| (buckets::lower(i).unwrap(), buckets::upper(i).unwrap()));
    let expected = [
        (0, 0),
        (7, 7),
        (15, 15),
        (16, 17),
        (2048, 2303),
        (4096, 4607),
        (1 << 27, (9 << 24) - 1),
        (15 << 60, u64::MAX),
    ];
    assert_eq!(bounds, expected);
}
