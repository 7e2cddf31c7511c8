//! The keyboard: waited for with an eye on whether the terminal is still there.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use famfs_cli::terminal;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use ratatui::crossterm::event::{self, Event};

/// The terminal that keys come from.
#[derive(Debug)]
pub struct Input {
    terminal: OwnedFd,
}

impl Input {
    /// The same terminal that crossterm reads: standard input, else the controlling one.
    pub fn open() -> io::Result<Self> {
        let terminal = terminal::keyboard()?;
        Ok(Self { terminal })
    }

    /// The next event, if one comes within `timeout`. A terminal that was hung up is an error.
    pub fn next(&self, timeout: Duration) -> io::Result<Option<Event>> {
        let mut terminal = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
        let millis = u16::try_from(timeout.as_millis()).unwrap_or(u16::MAX);
        match poll(&mut terminal, PollTimeout::from(millis)) {
            // The signal may be a resize, which crossterm knows of.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        // crossterm would read a terminal that is gone for ever.
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        if terminal[0].revents().is_some_and(|r| r.intersects(gone)) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the terminal was hung up",
            ));
        }
        if event::poll(Duration::ZERO)? {
            event::read().map(Some)
        } else {
            Ok(None)
        }
    }
}
