//! Standard output and standard error, for everything that our programs write there.
//!
//! * A reader that has left is no failure, and changes no exit status: what it does not read is
//!   dropped. Work that only writes for it can ask [`Output::is_closed`].
//! * Any other failure is reported, so a full device never looks like success.
//! * A signal ends a write that waits for a reader, whether it comes during the write or came
//!   before, unless the program has [answered](signals::answered) it: see [`ended_by`].
//! * A message is one write, so that lines of several processes do not mix.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::signals;

/// What is collected before it is written.
const BUFFER: usize = 64 << 10;
/// A pipe that has room at all takes so much without waiting.
const AT_ONCE: usize = 4096;
/// A reader that takes nothing for so long after a signal gets no more.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a waiting write looks for a signal.
const LOOK_MS: u16 = 50;

/// A signal that ended a write, because nobody read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub signal: i32,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signal {} came while nobody read", self.signal)
    }
}

impl std::error::Error for Ended {}

/// The exit status for an error of [`Output`]: 128+N where signal N ended a write.
pub fn ended_by(error: &io::Error) -> Option<u8> {
    let ended = error.get_ref()?.downcast_ref::<Ended>()?;
    u8::try_from(128 + ended.signal).ok()
}

/// Standard output, collected until it is flushed.
#[derive(Debug, Default)]
pub struct Output {
    collected: Vec<u8>,
    closed: bool,
}

impl Output {
    /// Whether the reader has left.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.collected.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            self.closed |= !put(io::stdout().as_fd(), bytes)?;
        } else {
            self.collected.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What failed once is not tried again.
        let collected = std::mem::take(&mut self.collected);
        if !self.closed {
            self.closed = !put(io::stdout().as_fd(), &collected)?;
        }
        Ok(())
    }
}

/// Standard output for a writer whose every write is a unit, such as a frame of a recording:
/// nothing is collected, and a reader that has left is an error of the kind
/// [`io::ErrorKind::BrokenPipe`], so that the writer stops.
#[derive(Debug)]
pub struct Direct;

impl Write for Direct {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if print(bytes)? {
            Ok(bytes.len())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether standard output is a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes `text` to standard output at once. `false` says that the reader has left.
pub fn print(text: &[u8]) -> io::Result<bool> {
    put(io::stdout().as_fd(), text)
}

/// Writes a message of `program` to standard error. Standard error may be gone or full, which is
/// no reason to stop.
pub fn complain(program: &str, message: &str) {
    show(&format!("{program}: {message}\n"));
}

/// Writes `text` to standard error as it is, such as a line of progress.
pub fn show(text: &str) {
    let _ = put(io::stderr().as_fd(), text.as_bytes());
}

/// Writes all, or as much as the reader takes: `false` if it has left.
fn put(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<bool> {
    while !bytes.is_empty() {
        wait(fd)?;
        let piece = &bytes[..bytes.len().min(AT_ONCE)];
        match nix::unistd::write(fd, piece) {
            Ok(written) => bytes = &bytes[written..],
            // Another process may have made the stream non-blocking: then wait again.
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(Errno::EPIPE) => return Ok(false),
            // A stream that was closed before we were started takes everything.
            Err(Errno::EBADF) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Waits until something can be written, or until a signal has come and the reader still takes
/// nothing.
fn wait(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut since = None;
    loop {
        let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
        match poll(&mut fds, PollTimeout::from(LOOK_MS)) {
            Ok(0) | Err(Errno::EINTR) => {}
            // Whatever is wrong with it, the write says it better.
            Ok(_) | Err(_) => return Ok(()),
        }
        if let Some(signal) = signals::asked()
            && since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
        {
            return Err(io::Error::other(Ended { signal }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read as _};
    use std::thread;

    use nix::fcntl::{FcntlArg, fcntl};
    use nix::sys::signal::{Signal, raise};

    use super::*;

    /// A pipe that takes nothing more until it is read, and what it holds.
    fn full() -> (PipeReader, PipeWriter, usize) {
        let (reader, mut writer) = io::pipe().unwrap();
        let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        let size = usize::try_from(size).unwrap();
        writer.write_all(&vec![0; size]).unwrap();
        (reader, writer, size)
    }

    #[test]
    fn a_signal_ends_writes_until_it_is_answered() {
        signals::remember().unwrap();
        raise(Signal::SIGHUP).unwrap();
        // It came before the write, and nothing has looked.
        let (mut reader, writer, held) = full();
        let error = put(writer.as_fd(), b"late").unwrap_err();
        assert_eq!(ended_by(&error), Some(128 + 1));

        signals::answered();
        let reading = thread::spawn(move || {
            thread::sleep(3 * PATIENCE);
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read
        });
        assert!(put(writer.as_fd(), b"answered").unwrap());
        drop(writer);
        assert_eq!(&reading.join().unwrap()[held..], b"answered");

        // The next one counts again.
        raise(Signal::SIGHUP).unwrap();
        let (_reader, writer, _) = full();
        assert!(put(writer.as_fd(), b"again").is_err());
    }
}
