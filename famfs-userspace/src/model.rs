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
    Access, DeviceError, Event, Fallback, FileKey, FileRow, Mount, MountState, Order, ProbeHealth,
    Snapshot,
};
pub use table::{Row, Sort, rows};
