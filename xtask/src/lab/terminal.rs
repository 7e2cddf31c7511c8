//! The user's terminal while a command in the guest owns it: raw mode, size, restored on drop.

use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
};

use nix::{
    pty::Winsize,
    sys::termios::{self, SetArg, Termios},
};

nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, Winsize);

/// Raw mode for as long as it lives.
#[derive(Debug)]
pub(crate) struct Raw(Termios);

impl Raw {
    pub(crate) fn enter() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = termios::tcgetattr(stdin.as_fd())?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(stdin.as_fd(), SetArg::TCSANOW, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &self.0);
    }
}

/// Rows and columns, if both ends of this process are a terminal.
pub(crate) fn size() -> Option<(u16, u16)> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    let mut size = Winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: standard input is open and the struct is the ioctl's own.
    unsafe { window_size(nix::libc::STDIN_FILENO, &raw mut size) }.ok()?;
    Some((size.ws_row, size.ws_col))
}
