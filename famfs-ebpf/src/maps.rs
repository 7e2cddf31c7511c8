//! Every map, with its size and the reason for it: the same whatever the number of files.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, HashMap, LruHashMap},
    macros::{btf_map, map},
    maps::RingBuf,
};
use famfs_common::{
    event::By,
    keys::{Cpu, Memory, RW_SLOTS, RwSlot, Starts},
};

const MMAPABLE: usize = BPF_F_MMAPABLE as usize;

unsafe extern "C" {
    /// The results: 4 MiB. A map that the loader makes and whose address it puts into the programs,
    /// so that they need no look-up.
    pub static mut MEMORY: Memory;

    /// Faults in flight, by kernel stack: 4 MiB, made in the same way.
    pub static mut STARTS: Starts;
}

/// One per possible CPU; the loader sets the number.
#[btf_map]
pub static CPUS: Array<Cpu, 1, MMAPABLE> = Array::new();

/// Reads and writes in flight, by thread.
#[btf_map]
pub static COPIES: Array<RwSlot, { RW_SLOTS as usize }> = Array::new();

/// Files whose name has been told. The oldest may be told again.
#[btf_map]
pub static SEEN: LruHashMap<File, u32, 16384> = LruHashMap::new();

/// Faults by process and file, when that was asked for; the loader sets the number.
#[btf_map]
pub static PROCESSES: HashMap<By, Faults, 1> = HashMap::new();

/// Names and errors: some 900 names between two polls, and no count depends on it.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Wakes user space to empty the table.
#[map]
pub static WAKES: RingBuf = RingBuf::with_byte_size(1 << 12, 0);

/// Key of [`SEEN`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct File {
    pub ino: u64,
    pub dev: u64,
}

/// Value of [`PROCESSES`].
pub use famfs_common::event::Faults;

/// 1: watch every file system with DAX mappings.
#[unsafe(no_mangle)]
pub static ALL_DAX: u32 = 0;

/// 0: never read names (a locked-down kernel refuses the helper for it).
#[unsafe(no_mangle)]
pub static NAMES: u32 = 1;
