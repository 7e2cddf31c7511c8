//! What a long operation and its caller tell each other: how far it is, and to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Shared by all threads of one operation.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The signal that asked to stop; 0 while none did.
    signal: Arc<AtomicUsize>,
    done: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
    patience: Option<Duration>,
    teller: Option<fn(&str)>,
}

impl Watch {
    /// Where a signal handler leaves the signal's number.
    pub fn signal_slot(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.signal)
    }

    /// The signal that asked to stop.
    pub fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Fails once a signal has asked to stop.
    pub fn go_on(&self) -> io::Result<()> {
        match self.signal() {
            None => Ok(()),
            Some(_) => Err(io::Error::other("interrupted")),
        }
    }

    /// How long the lock of a log is waited for; `None` is without end.
    pub fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    pub fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Who is told, in a line, why nothing happens.
    pub fn set_teller(&mut self, teller: fn(&str)) {
        self.teller = Some(teller);
    }

    pub fn tell(&self, line: &str) {
        if let Some(teller) = self.teller {
            teller(line);
        }
    }

    pub fn expect(&self, more: u64) {
        self.total.fetch_add(more, Ordering::Relaxed);
    }

    pub fn add(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }

    /// Done, and how much there is to do in all, as far as that is known.
    pub fn progress(&self) -> (u64, u64) {
        (
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        )
    }
}
