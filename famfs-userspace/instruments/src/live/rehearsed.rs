//! Many files without a kernel, through the code that reads the kernel's table.

use std::time::{Duration, SystemTime};

use famfs_common::{
    fault::{Class, Order, Outcome},
    hist,
    keys::Tag,
};

use super::{naming::Naming, row::row};
pub use crate::probe::cpu_ns;
use crate::probe::{Filled, Rehearsal};
use famfs_snapshot::{
    model::{Cost, FileKey, Mount, MountState, Snapshot},
    source::{Error, Source},
};

/// Latencies of each kind of fault of each file.
pub const BUCKETS: [u64; 3] = [2_100, 4_200, 17_000];
/// Kinds of fault of each file: reads by 4 KiB, writes by 2 MiB.
pub const CLASSES: [(Order, bool); 2] = [(Order::Pte, false), (Order::Pmd, true)];
pub const CPUS: u16 = 2;

const DEV: (u32, u32) = (0, 42);
const MOUNTPOINT: &str = "/mnt/famfs";

/// A number of files, all of them busy: each interval has an entry of each file for
/// every bucket, class and CPU.
pub struct Rehearsed {
    table: Rehearsal,
    naming: Naming,
    files: u64,
    polls: u32,
    /// Processor time of the last poll, without the filling.
    poll_ns: u64,
}

impl Rehearsed {
    pub fn new(files: u64) -> Result<Self, Error> {
        let mut naming = Naming::default();
        for ino in 1..=files {
            naming
                .names
                .learn(key(ino), format!("/models/shard-{ino:06}.safetensors"));
        }
        Ok(Self {
            table: Rehearsal::new()?,
            naming,
            files,
            polls: 0,
            poll_ns: 0,
        })
    }

    /// Counts one fault of each kind on each file: the hardest order, in which no two in a row are
    /// of one file.
    pub fn fill(&mut self) -> Result<(), Error> {
        for ns in BUCKETS {
            for (order, write) in CLASSES {
                for cpu in 0..CPUS {
                    let class = Class {
                        order,
                        write,
                        outcome: Outcome::Mapped,
                    };
                    let tag = Tag {
                        dev: DEV.1,
                        class: class.pack(),
                        bucket: hist::index(ns),
                        cpu,
                    };
                    for ino in 1..=self.files {
                        self.table.count(ino, tag.pack(), ns)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts that found no room, drains ahead of time, and the nanoseconds that these took.
    pub fn filled(&self) -> (u64, u64, u64) {
        let Filled {
            overflow,
            early,
            early_ns,
        } = self.table.filled();
        (overflow, early, early_ns)
    }

    /// Nanoseconds of processor time of the last poll.
    pub fn poll_ns(&self) -> u64 {
        self.poll_ns
    }
}

impl std::fmt::Debug for Rehearsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsed")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

fn key(ino: u64) -> FileKey {
    FileKey { dev: DEV, ino }
}

impl Source for Rehearsed {
    fn poll(&mut self) -> Result<Snapshot, Error> {
        let begun = cpu_ns();
        self.polls += 1;
        let mut files: Vec<_> = self.table.drain(|totals| {
            let files = totals.files();
            files.map(|(key, counts)| row(key, counts)).collect()
        })?;
        let mounts = vec![Mount {
            dev: DEV,
            kind: "famfs".into(),
            source: "/dev/dax0.0".into(),
            mountpoint: MOUNTPOINT.into(),
            state: MountState::Ok,
            error: None,
            totals: None,
        }];
        self.naming.name(&mut files, &[], &mounts);
        let snapshot = Snapshot {
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(self.polls.into()),
            elapsed_ns: u64::from(self.polls) * 1_000_000_000,
            kernel: "rehearsed".into(),
            mounts,
            files,
            unattributed: 0,
            lost: 0,
            probes: Vec::new(),
            events: Vec::new(),
            cost: Cost::default(),
        };
        self.poll_ns = cpu_ns() - begun;
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_files_are_drained_early_and_nothing_overflows() {
        const FILES: u64 = 10_000;
        let mut source = Rehearsed::new(FILES).unwrap();
        for round in 1..=2 {
            source.fill().unwrap();
            let snapshot = source.poll().unwrap();
            let (overflow, early, _) = source.filled();
            assert_eq!(overflow, 0);
            // 120,000 entries, and a half is emptied at 15 % of 65,536 and what comes late.
            assert_eq!(early, round * 10);
            assert_eq!(snapshot.files.len() as u64, FILES);
            for file in &snapshot.files {
                assert_eq!(file.accounted(), round * 12);
                assert_eq!(file.faults.len(), CLASSES.len());
                assert!(file.path.is_some());
                for latencies in file.faults.values() {
                    assert_eq!(latencies.buckets.len(), BUCKETS.len());
                    let once: u64 = BUCKETS.iter().sum();
                    assert_eq!(latencies.sum_ns, round * once * u64::from(CPUS));
                }
            }
        }
    }
}
