//! Snapshots of DAX faults: what the instruments measured, as one document that every view is fed from.
//!
//! * [`model`] is the snapshot, and what follows from one: intervals, rows, verdicts;
//! * [`source`] is where snapshots come from: a recording, or a made-up system;
//! * [`store`] writes and reads recordings;
//! * [`report`] and [`text`] turn a snapshot into text, for people and for programs.
//!
//! Nothing in here knows the kernel, the BPF programs or a terminal.
//!
//! # Write a recording, and read it again
//!
//! ```
//! use std::io::Cursor;
//! use std::time::Duration;
//!
//! use famfs_snapshot::model::delta;
//! use famfs_snapshot::source::{Source as _, synthetic::{Scene, Synthetic}};
//! use famfs_snapshot::store::{Recording, Writer};
//!
//! let second = Duration::from_secs(1);
//! let mut source = Synthetic::new(Scene::Mixed, second);
//! let mut writer = Writer::new(Vec::new(), second)?;
//! for _ in 0..3 {
//!     writer.append(&source.poll()?)?;
//! }
//! let bytes = writer.finish()?;
//!
//! let mut recording = Recording::open(Cursor::new(bytes))?;
//! assert_eq!((recording.entries().len(), recording.ended()), (3, true));
//!
//! // Snapshots count since attach; what happened in between is their difference.
//! let (first, last) = (recording.snapshot(0)?, recording.snapshot(2)?);
//! let interval = delta(&first, &last);
//! assert_eq!(interval.elapsed_ns, 2_000_000_000);
//! assert_eq!(interval.unattributed, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Compute a p99
//!
//! ```
//! use famfs_snapshot::model::{Bucket, Hist};
//!
//! let mut latencies = Hist::default();
//! latencies.add(Bucket { lower_ns: 1024, upper_ns: 1151, n: 98 });
//! latencies.add(Bucket { lower_ns: 4096, upper_ns: 4607, n: 2 });
//! assert_eq!(latencies.count(), 100);
//! assert_eq!(latencies.quantile_ns(0.50), 1151);
//! assert_eq!(latencies.quantile_ns(0.99), 4607);
//! ```
#![deny(missing_docs)]
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a library prints nothing"
)]

pub mod model;
pub mod report;
pub mod source;
pub mod store;
pub mod text;
