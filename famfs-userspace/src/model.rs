//! What was observed, as plain data: every view and every report reads a [`Snapshot`] and
//! nothing else.

mod hist;
mod snapshot;

pub use hist::{Bucket, Hist};
pub use snapshot::{
    Access, DeviceError, Event, Fallback, FileKey, FileRow, Mount, MountState, Order, ProbeHealth,
    Snapshot,
};
