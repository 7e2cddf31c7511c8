//! Signals that end a watch, as flags to look at.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    flag,
};

/// What has been asked of this process since it began to listen.
#[derive(Debug)]
pub(super) struct Signals {
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        famfs_cli::signals::remember()?;
        let (interrupted, terminated): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        // Asked a second time, this process ends at once, whatever it hangs in.
        for signal in [SIGTERM, SIGHUP] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&terminated))?;
        }
        flag::register(SIGINT, Arc::clone(&interrupted))?;
        flag::register(SIGTERM, Arc::clone(&terminated))?;
        flag::register(SIGHUP, Arc::clone(&terminated))?;
        // Else one that came before all of them were there would be lost.
        match famfs_cli::signals::asked() {
            None => {}
            Some(SIGINT) => interrupted.store(true, Ordering::Relaxed),
            Some(_) => terminated.store(true, Ordering::Relaxed),
        }
        Ok(Self {
            interrupted,
            terminated,
        })
    }

    /// A flag that SIGUSR1 sets from now on.
    pub(super) fn dump() -> io::Result<Arc<AtomicBool>> {
        let wanted = Arc::default();
        flag::register(SIGUSR1, Arc::clone(&wanted))?;
        Ok(wanted)
    }

    /// SIGTERM or SIGHUP: only this process was told.
    pub(super) fn terminated(&self) -> bool {
        self.terminated.load(Ordering::Relaxed)
    }

    /// Any of them.
    pub(super) fn ended(&self) -> bool {
        self.terminated() || self.interrupted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::before::a_signal_has_come;

    #[test]
    fn a_signal_that_came_before_it_is_heard() {
        a_signal_has_come();
        let signals = Signals::listen().unwrap();
        assert!(signals.ended() && !signals.terminated());
    }
}
