//! The user's terminal while a command in the guest owns it: raw mode, size, restored on drop and
//! by every signal that ends this process.

use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
};

use famfs_cli::terminal;
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
        terminal::prepare(Vec::new())?;
        // First, so that no signal can leave the terminal raw.
        terminal::set_ours(true);
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(stdin.as_fd(), SetArg::TCSANOW, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &self.0);
        terminal::set_ours(false);
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

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read as _, Write as _},
        os::unix::process::ExitStatusExt as _,
        process::Command,
    };

    use nix::{
        pty::{OpenptyResult, openpty},
        sys::{
            signal::{Signal, kill},
            termios::LocalFlags,
        },
        unistd::Pid,
    };

    use super::*;

    /// Set for the process that a signal ends.
    const CHILD: &str = "FAMFS_TEST_RAW";

    #[test]
    fn every_signal_that_ends_us_gives_the_terminal_back() {
        if std::env::var_os(CHILD).is_some() {
            let _raw = Raw::enter().unwrap();
            io::stderr().write_all(b"!").unwrap();
            loop {
                std::thread::park();
            }
        }
        for signal in [
            Signal::SIGQUIT,
            Signal::SIGABRT,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
            Signal::SIGALRM,
            Signal::SIGSYS,
        ] {
            let OpenptyResult { master, slave } = openpty(None, None).unwrap();
            let before = termios::tcgetattr(&slave).unwrap();
            let (mut ready, told) = io::pipe().unwrap();
            let terminal = File::from(slave);
            // A shell without job control has SIGQUIT ignored for what it starts in the background,
            // these tests perhaps, and what is ignored stays so.
            let mut child = Command::new("env")
                .args(["--default-signal", "sh", "-c"])
                .args(["ulimit -c 0; exec \"$@\"", "sh"])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture"])
                .arg("lab::terminal::tests::every_signal_that_ends_us_gives_the_terminal_back")
                .env(CHILD, "1")
                .stdin(terminal.try_clone().unwrap())
                .stdout(terminal.try_clone().unwrap())
                .stderr(told)
                .spawn()
                .unwrap();
            ready.read_exact(&mut [0]).unwrap();
            let modes = termios::tcgetattr(&terminal).unwrap();
            assert!(!modes.local_flags.contains(LocalFlags::ICANON), "{signal}");
            kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(signal as i32), "{signal}");
            let after = termios::tcgetattr(&terminal).unwrap();
            assert_eq!(after.local_flags, before.local_flags, "{signal}");
            assert_eq!(after.output_flags, before.output_flags, "{signal}");
            drop(master);
        }
    }
}
