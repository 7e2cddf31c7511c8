//! Rare records that travel through the ring buffer. Counts never do.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a path that a name record holds.
pub const PATH_BYTES: usize = 1024;
/// Directories between a file and its mount that the kernel side walks at most.
pub const PATH_DEPTH: u32 = 8;

/// A fault ended in an error; `a` is the address, `b` the page index, `code` the result.
pub const FAULT_ERROR: u32 = 1;
/// The module refused a fault; `a` is the address, `b` the page index, `code` an
/// errno.
pub const FAULT_REFUSED: u32 = 2;
/// A dax device told its holder of an error; `a` is the offset, `b` the length,
/// `dev` the `MF_*` flags, `code` the holder's answer.
pub const HOLDER_NOTIFY: u32 = 3;
/// The kernel handled a bad page; `a` is the page frame, `b` the page type, `code` the
/// result.
pub const MEMORY_FAILURE: u32 = 4;
/// A [`Name`].
pub const NAME: u32 = 5;
/// A memory error hit a file; `a` is the page index in it, `b` the number of pages, `code` the
/// `MF_*` flags.
pub const FILE_POISONED: u32 = 6;
/// The module was told of a memory error on a mount's device; `a` is the offset on the
/// device, `b` the length, `code` the `MF_*` flags.
pub const MOUNT_NOTIFIED: u32 = 7;
/// The module disabled a mount; as in [`MOUNT_NOTIFIED`].
pub const MOUNT_DISABLED: u32 = 8;
/// The same as [`HOLDER_NOTIFY`], before the holder has answered.
pub const HOLDER_NOTIFYING: u32 = 10;
/// A half of the table fills up: time to empty it.
pub const WAKE: u32 = 9;

/// One rare thing. What `a`, `b` and `code` mean depends on `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Rare {
    pub kind: u32,
    /// Process (thread group) in whose context it happened.
    pub pid: u32,
    /// Monotonic nanoseconds.
    pub time_ns: u64,
    pub ino: u64,
    pub a: u64,
    pub b: u64,
    pub dev: u32,
    pub code: i32,
    pub comm: [u8; 16],
}

/// The first sight of a file: its path inside the file system, leaf first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Name {
    pub kind: u32,
    /// Process (thread group) that faulted.
    pub pid: u32,
    pub ino: u64,
    pub size: u64,
    pub dev: u32,
    /// Bytes used in `path`: components, each with its terminating zero.
    pub len: u16,
    /// 1 if the walk reached the root of the file system.
    pub complete: u16,
    pub path: [u8; PATH_BYTES],
}

/// The faults of a process on a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct By {
    pub ino: u64,
    pub dev: u32,
    /// Process (thread group); 0 stands for all that the map had no room for.
    pub pid: u32,
}

/// How many, and by what name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Faults {
    pub n: u64,
    pub comm: [u8; 16],
}
