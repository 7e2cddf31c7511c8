//! Job control: a stop by Ctrl-Z or SIGTSTP, and the way back.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::{
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction},
    unistd::Pid,
};
use signal_hook::{
    consts::{SIGCONT, SIGTSTP},
    flag,
};

/// Who is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This process, which somebody sent SIGTSTP.
    Myself,
    /// The whole job, as the terminal would do it at Ctrl-Z: also what started us, such as sudo.
    Job,
}

/// What job control asked for since the last look.
#[derive(Debug)]
pub(super) struct JobControl {
    stop: Arc<AtomicBool>,
    go_on: Arc<AtomicBool>,
}

impl JobControl {
    pub(super) fn listen() -> io::Result<Self> {
        let (stop, go_on): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        flag::register(SIGTSTP, Arc::clone(&stop))?;
        flag::register(SIGCONT, Arc::clone(&go_on))?;
        Ok(Self { stop, go_on })
    }

    /// Whether SIGTSTP came.
    pub(super) fn stop_wanted(&self) -> bool {
        self.stop.swap(false, Ordering::Relaxed)
    }

    /// Whether this process was stopped in a way that it could not see, and goes on.
    pub(super) fn was_stopped(&self) -> bool {
        self.go_on.swap(false, Ordering::Relaxed)
    }

    /// Stops, and returns when the process goes on. In a job that nobody could wake up again
    /// the kernel does not stop it, and this returns at once.
    pub(super) fn stop(&self, who: Who) -> io::Result<()> {
        let was = if who == Who::Job {
            // The others first: this process is to stop in one known place.
            let was = set(SigHandler::SigIgn)?;
            kill(Pid::from_raw(0), Signal::SIGTSTP)?;
            set(SigHandler::SigDfl)?;
            was
        } else {
            set(SigHandler::SigDfl)?
        };
        let stopped = raise(Signal::SIGTSTP);
        // SAFETY: puts back the action that was there, whose handler is still valid.
        unsafe { sigaction(Signal::SIGTSTP, &was) }?;
        stopped?;
        self.stop.store(false, Ordering::Relaxed);
        self.go_on.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Changes what SIGTSTP does, and says what it did.
fn set(handler: SigHandler) -> nix::Result<SigAction> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action or none at all; no handler of ours.
    unsafe { sigaction(Signal::SIGTSTP, &action) }
}
