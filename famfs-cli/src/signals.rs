//! Which signal has asked this process to end.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that ask a process to end.
pub const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

static ASKED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Remembers each of [`ENDING`] from now on, for output that waits: see [`crate::stream`]. A
/// program that handles such a signal must call this, or the signal cannot end a blocked write.
pub fn remember() -> io::Result<()> {
    for signal in ENDING {
        let number = usize::try_from(signal).unwrap_or_default();
        flag::register_usize(signal, Arc::clone(&ASKED), number)?;
    }
    Ok(())
}

/// The last signal that asked.
pub fn asked() -> Option<i32> {
    match ASKED.load(Ordering::Relaxed) {
        0 => None,
        signal => i32::try_from(signal).ok(),
    }
}
