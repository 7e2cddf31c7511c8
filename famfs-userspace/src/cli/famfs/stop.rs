//! Waiting that a signal ends at once.

use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use famfs_cli::signals;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

/// Becomes readable with the first SIGINT, SIGTERM or SIGHUP. The second one ends the
/// process, whatever it hangs in.
#[derive(Debug)]
pub(super) struct Stop {
    told: UnixStream,
    asked: Arc<AtomicBool>,
}

impl Stop {
    pub(super) fn listen() -> io::Result<Self> {
        signals::remember()?;
        let (read, write) = UnixStream::pair()?;
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            pipe::register(signal, write.try_clone()?)?;
        }
        // Else one that came before all of them were there would be lost.
        if signals::asked().is_some() {
            asked.store(true, Ordering::Relaxed);
            (&write).write_all(&[1])?;
        }
        Ok(Self { told: read, asked })
    }

    /// Set by the first signal, for work that looks now and then.
    pub(super) fn asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Waits for `pause`, or until it is time to stop: then it says so.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        // A pause above the longest that poll(2) takes is cut to that.
        let millis = pause.as_millis().max(1);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.told.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(ready) => ready > 0,
            // The handler has written by now; the next call sees it at once.
            Err(nix::Error::EINTR) => false,
            Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::before::a_signal_has_come;

    #[test]
    fn a_signal_that_came_before_it_is_heard() {
        a_signal_has_come();
        let stop = Stop::listen().unwrap();
        assert!(stop.asked().load(Ordering::Relaxed));
        assert!(stop.wait(Duration::from_mins(1)));
    }
}
