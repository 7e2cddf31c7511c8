//! What was observed, as plain data: every view and every report reads a [`Snapshot`] and
//! nothing else.

mod alignment;
mod columns;
mod delta;
mod events;
mod field;
mod heat;
mod hist;
pub mod history;
mod kinds;
mod process;
mod row;
mod snapshot;
mod table;
mod value;
mod verdict;

pub use alignment::{Alignment, PMD_BYTES};
pub use columns::Columns;
pub use delta::{delta, file_delta};
pub use events::{forgotten, fresh};
pub use field::{FIELDS, Field, Shown, position, reason};
pub use heat::{HOTTEST, Heat, heat, level, octaves};
pub use hist::{Bucket, Buckets, Hist};
pub use history::{History, Moment};
pub use kinds::{Kind, Kinds};
pub use process::{ProcessFaults, by_process};
pub use row::{Row, nameless};
pub use snapshot::{
    Access, Cost, DeviceError, Event, EventKind, Extent, Failure, Fallback, FileKey, FileRow, Io,
    Layout, ModuleFaults, Mount, MountState, Order, ProbeHealth, Process, Snapshot,
};
pub use table::{Sort, rows, sorted};
pub use value::{Unit, Value};
pub use verdict::{Cause, Verdict, verdict};
