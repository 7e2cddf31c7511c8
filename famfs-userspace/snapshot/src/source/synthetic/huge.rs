//! One mount with thousands of files, each a little different.

use std::{sync::Arc, time::Duration};

use super::{MIB, millis_of, mixed, spread};
use crate::model::{
    Access, Extent, Fallback, FileKey, FileRow, Io, Layout, Mount, MountState, Order, Process,
    Snapshot,
};

const DEV: (u32, u32) = (0, 42);
const FILES: u64 = 4_000;

pub(super) fn fill(snapshot: &mut Snapshot, elapsed: Duration) {
    snapshot.mounts = vec![Mount {
        dev: DEV,
        kind: "famfs".into(),
        source: "/dev/pmem0".into(),
        mountpoint: "/mnt/famfs".into(),
        state: MountState::Ok,
        error: None,
        totals: None,
    }];
    snapshot.files = (0..FILES).map(|i| file(i, elapsed)).collect();
    snapshot.probes = mixed::probes(elapsed);
    // The table had no room for all of them.
    snapshot.files.push(FileRow {
        untimed: [((Order::Pte, Access::Read), millis_of(9, elapsed))].into(),
        ..FileRow::new(FileKey::OTHER)
    });
    snapshot.unattributed = millis_of(3, elapsed);
}

/// The same for the same `i`, and much unlike the next.
fn mix(i: u64) -> u64 {
    i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

fn file(i: u64, elapsed: Duration) -> FileRow {
    let rate = mix(i) % 1000;
    let key = FileKey {
        dev: DEV,
        ino: 100 + i,
    };
    let mut file = FileRow {
        path: Some(format!("/mnt/famfs/shard-{:02}/part-{i:05}.bin", mix(i) % 64).into()),
        layout: Some(Arc::new(layout(i))),
        ..FileRow::new(key)
    };
    let by_page = mix(i).is_multiple_of(5);
    let order = if by_page { Order::Pte } else { Order::Pmd };
    let count = millis_of(rate, elapsed);
    if count > 0 {
        let ns = 1_500 + mix(i + 1) % 20_000;
        file.faults.insert((order, Access::Read), spread(count, ns));
        file.processes = vec![Process {
            pid: u32::try_from(1_000 + mix(i) % 40).unwrap_or(0),
            comm: "reader".into(),
            faults: count,
        }];
    }
    if by_page && count / 512 > 0 {
        file.fallback.insert(Fallback::Colour, count / 512);
    }
    if mix(i).is_multiple_of(3) && count > 0 {
        let io = Io {
            latency: spread(count, 3_000),
            bytes: count * 65_536,
            ..Io::default()
        };
        file.io.insert(Access::Read, io);
    }
    file
}

fn layout(i: u64) -> Layout {
    let len = 2 * MIB * (1 + mix(i) % 64);
    Layout {
        size: len,
        chunk: None,
        extents: vec![Extent {
            device: 0,
            offset: i * 128 * MIB,
            len,
        }],
    }
}
