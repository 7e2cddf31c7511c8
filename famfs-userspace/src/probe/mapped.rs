//! A BPF array map as memory shared with the kernel. The only `unsafe` of the instrument.

use std::{
    io,
    marker::PhantomData,
    mem::size_of,
    os::fd::{AsFd, AsRawFd},
};

use aya::{
    Pod,
    maps::{Map, MapData},
};
use memmap2::{MmapOptions, MmapRaw};

use super::Error;

/// `len` values of `T` that BPF programs read and write at the same time.
pub(super) struct Mapped<T> {
    memory: MmapRaw,
    len: usize,
    _map: MapData,
    _values: PhantomData<T>,
}

impl<T: Pod> Mapped<T> {
    /// Maps an array map that was created with `BPF_F_MMAPABLE`.
    pub(super) fn new(name: &'static str, map: Map) -> Result<Self, Error> {
        const {
            // The kernel rounds values up to eight bytes; ours need no rounding.
            assert!(size_of::<T>().is_multiple_of(8) && size_of::<T>() != 0);
        }
        let failed = |why: String| Error::Map { map: name, why };
        let Map::Array(map) = map else {
            return Err(failed("it is no array".to_owned()));
        };
        let info = map.info().map_err(|e| failed(e.to_string()))?;
        if info.value_size() as usize != size_of::<T>() {
            return Err(failed(format!("values of {} bytes", info.value_size())));
        }
        let len = info.max_entries() as usize;
        let memory = MmapOptions::new()
            .len(len * size_of::<T>())
            .map_raw(map.fd().as_fd().as_raw_fd())
            .map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            memory,
            len,
            _map: map,
            _values: PhantomData,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn place(&self, i: usize) -> *mut T {
        assert!(i < self.len, "index {i} of {}", self.len);
        self.memory.as_mut_ptr().cast::<T>().wrapping_add(i)
    }

    /// A copy of value `i` as it is now. Its words may be of different moments.
    pub(super) fn read(&self, i: usize) -> T {
        // SAFETY: in bounds and aligned (the mapping begins at a page); any bytes are a `Pod`;
        // volatile, since the kernel writes too.
        unsafe { self.place(i).read_volatile() }
    }

    pub(super) fn write(&self, i: usize, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.place(i).write_volatile(value) }
    }

    /// Writes the `u64` at the start of value `i` and nothing else.
    pub(super) fn write_first(&self, i: usize, word: u64) {
        // SAFETY: as in `read`, and a value is at least one word long.
        unsafe { self.place(i).cast::<u64>().write_volatile(word) }
    }

    /// Reads the `u64` at the start of value `i`.
    pub(super) fn read_first(&self, i: usize) -> u64 {
        // SAFETY: as in `read`, and a value is at least one word long.
        unsafe { self.place(i).cast::<u64>().read_volatile() }
    }
}

/// Waits until every BPF program that runs now has ended: all of them run under RCU.
pub(super) fn wait_for_programs() -> io::Result<()> {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: the call takes no pointers.
    let status = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
