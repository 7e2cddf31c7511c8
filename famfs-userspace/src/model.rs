//! What was observed, as plain data: every view and every report reads a [`Snapshot`] and
//! nothing else.

mod delta;
mod field;
mod hist;
mod snapshot;
mod table;

pub use delta::delta;
pub use field::{FIELDS, Field, SortKey};
pub use hist::{Bucket, Hist};
pub use snapshot::{
    Access, Cost, DeviceError, Event, EventKind, Extent, Failure, Fallback, FileKey, FileRow, Io,
    Layout, ModuleFaults, Mount, MountState, Order, ProbeHealth, Process, Snapshot,
};
pub use table::{Row, Sort, nameless, rows};
