//! A BPF array map as memory that is shared with the kernel.

use std::{
    io,
    marker::PhantomData,
    mem::size_of,
    os::fd::{AsFd, AsRawFd},
    sync::Arc,
};

use aya::{Pod, maps::MapData};
use memmap2::{MmapMut, MmapOptions, MmapRaw};

use super::Error;

/// All values of an array map that was created with `BPF_F_MMAPABLE`.
#[derive(Clone)]
pub(super) struct Shared {
    memory: Arc<MmapRaw>,
    len: usize,
    _map: Option<Arc<MapData>>,
}

impl Shared {
    pub(super) fn new(name: &'static str, map: MapData) -> Result<Self, Error> {
        let failed = |why: String| Error::Map { map: name, why };
        let info = map.info().map_err(|e| failed(e.to_string()))?;
        // The kernel rounds values up to eight bytes; ours need no rounding.
        let len = (info.value_size() as usize)
            .checked_mul(info.max_entries() as usize)
            .filter(|_| info.value_size() % 8 == 0)
            .ok_or_else(|| failed(format!("values of {} bytes", info.value_size())))?;
        let memory = MmapOptions::new()
            .len(len)
            .map_raw(map.fd().as_fd().as_raw_fd())
            .map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            memory: Arc::new(memory),
            len,
            _map: Some(Arc::new(map)),
        })
    }

    /// Memory of this process alone, all zeros.
    pub(super) fn anonymous(name: &'static str, len: usize) -> Result<Self, Error> {
        let memory = MmapMut::map_anon(len).map_err(|error| Error::Map {
            map: name,
            why: error.to_string(),
        })?;
        Ok(Self {
            memory: Arc::new(memory.into()),
            len,
            _map: None,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.len
    }

    /// `len` values of `T` that begin `at` bytes into the memory.
    pub(super) fn view<T: Pod>(&self, at: usize, len: usize) -> View<T> {
        const {
            assert!(size_of::<T>().is_multiple_of(8) && size_of::<T>() != 0);
        }
        assert!(
            at.is_multiple_of(align_of::<T>())
                && len
                    .checked_mul(size_of::<T>())
                    .and_then(|bytes| bytes.checked_add(at))
                    .is_some_and(|end| end <= self.len),
            "{len} values at {at} of {} bytes",
            self.len
        );
        View {
            shared: self.clone(),
            at,
            len,
            values: PhantomData,
        }
    }
}

/// `len` values of `T` that BPF programs read and write at the same time.
pub(super) struct View<T> {
    shared: Shared,
    at: usize,
    len: usize,
    values: PhantomData<T>,
}

impl<T: Pod> View<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn place(&self, i: usize) -> *mut T {
        assert!(i < self.len, "index {i} of {}", self.len);
        let first = self.shared.memory.as_mut_ptr().wrapping_add(self.at);
        first.cast::<T>().wrapping_add(i)
    }

    /// A copy of value `i` as it is now. Its words may be of different moments.
    pub(super) fn read(&self, i: usize) -> T {
        // SAFETY: in bounds (`view` and `place`) and aligned, since the mapping begins at a page;
        // any bytes are a `Pod`; volatile, since the kernel writes too.
        unsafe { self.place(i).read_volatile() }
    }

    pub(super) fn write(&self, i: usize, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.place(i).write_volatile(value) }
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
