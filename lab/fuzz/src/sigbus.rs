//! SIGBUS that does not kill: the page that raised it becomes ordinary memory.

use std::{
    ptr,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

const PAGE: usize = 4096;
const ROOM: usize = 512;

/// Mapped windows: a signal elsewhere is a fault of the fuzzer itself.
static WINDOWS: [(AtomicUsize, AtomicUsize); ROOM] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; ROOM];
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Signals so far.
pub(crate) fn seen() -> u64 {
    SEEN.load(Relaxed)
}

/// Announces a mapping of `len` bytes in a place that only the caller uses.
pub(crate) fn announce(place: usize, at: usize, len: usize) {
    let (start, length) = &WINDOWS[place % ROOM];
    length.store(0, Relaxed);
    start.store(at, Relaxed);
    length.store(len, Relaxed);
}

pub(crate) fn install() {
    // SAFETY: an all-zero sigaction is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = (handler as extern "C" fn(_, _, _)) as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler makes async-signal-safe calls only.
    let set = unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) };
    assert_eq!(set, 0, "cannot install a signal handler");
}

extern "C" fn handler(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    SEEN.fetch_add(1, Relaxed);
    // SAFETY: the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    // SAFETY: SIGBUS carries an address.
    let at = unsafe { info.si_addr() }.addr();
    let ours = WINDOWS.iter().any(|(start, len)| {
        let start = start.load(Relaxed);
        (start..start + len.load(Relaxed)).contains(&at)
    });
    if ours {
        let how = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        let page = ptr::with_exposed_provenance_mut(at & !(PAGE - 1));
        // SAFETY: inside a window, whose content nobody relies on once it has failed.
        unsafe { libc::mmap(page, PAGE, libc::PROT_READ | libc::PROT_WRITE, how, -1, 0) };
    } else if info.si_code == libc::BUS_ADRERR {
        // Not ours: the default, when the access is repeated.
        // SAFETY: restores the default action.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
    }
}
