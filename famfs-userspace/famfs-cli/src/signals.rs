//! The signal that has asked this process to end, until the program has answered it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that ask a process to end.
pub const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

static ASKED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Remembers each of [`ENDING`] from now on, for output that waits: see [`crate::stream`]. A
/// program that handles such a signal must call this before it listens in any other way, or the
/// signal cannot end a blocked write. Once it listens, it must ask [`asked`]: a signal that came in
/// between is known here alone.
pub fn remember() -> io::Result<()> {
    // They wait meanwhile: a signal that came after the handler was installed, and before the handler
    // knew what to do, would be lost.
    let ending = ENDING.into_iter().map(Signal::try_from);
    let ending: SigSet = ending.collect::<Result<_, _>>()?;
    let before = ending.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let registered = ENDING.into_iter().try_for_each(|signal| {
        let number = usize::try_from(signal).unwrap_or_default();
        flag::register_usize(signal, Arc::clone(&ASKED), number).map(drop)
    });
    before.thread_set_mask()?;
    registered
}

/// Forgets the signals that have come, because the program has dealt with them and goes on, such
/// as by passing them to a command that it runs.
///
/// A program that a signal ends must not call this, nor one that has not looked yet. Whoever sent
/// the signal wants an end, and the last words of the program may find a reader that has stalled
/// too. It makes no difference whether the signal came before that write or during it.
pub fn answered() {
    ASKED.store(0, Ordering::Relaxed);
}

/// The last signal that asked and that is not [`answered`].
pub fn asked() -> Option<i32> {
    match ASKED.load(Ordering::Relaxed) {
        0 => None,
        signal => i32::try_from(signal).ok(),
    }
}
