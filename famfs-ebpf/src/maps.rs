//! Every map, with its size and the reason for it. 8 MiB in all, whatever the number of
//! files or CPUs.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, LruHashMap},
    macros::{btf_map, map},
    maps::RingBuf,
};
use famfs_common::{
    field::{FIELDS, Offsets},
    keys::{Cpu, Entry, HALF, SLOTS, Slot},
};

const MMAPABLE: usize = BPF_F_MMAPABLE as usize;

/// Who is in a fault now; user space counts what is left in it.
#[btf_map]
pub static STARTS: Array<Slot, { SLOTS as usize }, MMAPABLE> = Array::new();

/// Two halves: programs fill one while user space reads and clears the other.
#[btf_map]
pub static TABLE: Array<Entry, { 2 * HALF as usize }, MMAPABLE> = Array::new();

/// One per possible CPU; the loader sets the number.
#[btf_map]
pub static CPUS: Array<Cpu, 1, MMAPABLE> = Array::new();

/// Files whose name has been told. The oldest may be told again.
#[btf_map]
pub static SEEN: LruHashMap<File, u32, 16384> = LruHashMap::new();

/// Names and errors: some 900 names between two polls, and no count depends on it.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Key of [`SEEN`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct File {
    pub ino: u64,
    pub dev: u64,
}

/// Where the kernel keeps its fields; set and frozen before the programs are verified, so
/// that every offset is a constant to the verifier.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = [0; FIELDS];

/// Superblock magics to watch. The first is the likeliest.
#[unsafe(no_mangle)]
pub static MAGICS: [u64; 3] = [0; 3];

/// 1: watch every file system with DAX mappings.
#[unsafe(no_mangle)]
pub static ALL_DAX: u32 = 0;

/// 0: never read names (a locked-down kernel refuses the helper for it).
#[unsafe(no_mangle)]
pub static NAMES: u32 = 1;
