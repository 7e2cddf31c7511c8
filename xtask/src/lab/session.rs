//! The host's end of a running guest: relays streams, signals and window sizes until the command
//! has ended or the guest has.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    process::Child,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lab_init::Message;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    iterator::Signals,
};

use super::{
    share::Incoming,
    terminal::{self, Raw},
};

/// How the conversation ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The command's exit status.
    Exit(u8),
    /// The guest could not run it, says the guest.
    Failed(String),
    /// QEMU ended before the command did.
    Died,
    /// No sign of life since the start, for this long.
    NotUp(Duration),
    /// No sign of life for this long.
    Silent(Duration),
    TimedOut(Duration),
    /// The user gave up, by this signal.
    Interrupted(i32),
    /// Whoever read our standard output went away.
    BrokenPipe,
}

/// What bounds the conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub timeout: Option<Duration>,
    /// Longest wait for the first sign of life; `None` to wait as for any other.
    pub boot: Option<Duration>,
    /// Longest pause between signs of life; `None` where the guest gives none.
    pub silence: Option<Duration>,
}

/// Messages that may wait for a slow reader of our output; then the guest waits too.
pub(super) const QUEUE: usize = 64;

#[derive(Debug)]
pub(super) enum Event {
    Message(Message),
    /// The guest sent what no guest of ours sends.
    Garbled(io::Error),
    Signal(i32),
}

/// Relays until the end. `qemu` is only watched, never ended, here.
pub(crate) fn relay(
    qemu: &mut Child,
    sockets: (&Path, &Path),
    on_terminal: bool,
    limits: Limits,
    share: &mut Incoming,
) -> Result<End> {
    let (events, inbox) = mpsc::sync_channel(QUEUE);
    let Some(data) = connect(qemu, sockets.0)? else {
        return Ok(End::Died);
    };
    let Some(control) = connect(qemu, sockets.1)? else {
        return Ok(End::Died);
    };
    listen(&data, events.clone())?;
    listen(&control, events.clone())?;
    watch_signals(events)?;
    let input = Some(data.try_clone().context("cannot duplicate a socket")?);
    let end = converse(qemu, &inbox, &control, input, on_terminal, limits, share);
    let _ = data.shutdown(Shutdown::Both);
    end
}

fn converse(
    qemu: &mut Child,
    inbox: &Receiver<Event>,
    control: &UnixStream,
    mut input: Option<UnixStream>,
    on_terminal: bool,
    limits: Limits,
    share: &mut Incoming,
) -> Result<End> {
    let start = Instant::now();
    let mut heard = start;
    let mut up = false;
    let mut interrupted = false;
    let mut gone = false;
    // Raw only once the guest listens: until then Ctrl-C must end a boot that hangs.
    let mut raw = None;
    loop {
        match inbox.recv_timeout(Duration::from_millis(100)) {
            Ok(Event::Message(message)) => {
                up = true;
                // Not before: what a guest that never comes up has swallowed is lost.
                if let Some(to) = input.take() {
                    forward_stdin(to);
                }
                if on_terminal && raw.is_none() {
                    raw = Some(Raw::enter().context("cannot set up the terminal")?);
                }
                if let Some(end) = take(message, share)? {
                    return Ok(end);
                }
                // After it is shown: a reader of ours that pauses is no silence of the guest.
                heard = Instant::now();
            }
            Ok(Event::Garbled(error)) => bail!("the guest is not understood: {error}"),
            Ok(Event::Signal(SIGWINCH)) => {
                if let (true, Some((rows, cols))) = (on_terminal, terminal::size()) {
                    let _ = Message::Resize { rows, cols }.write(&mut &*control);
                }
            }
            Ok(Event::Signal(signal)) => {
                // The first is the command's to handle; a second says that it did not.
                let forwarded = up
                    && !interrupted
                    && Message::Signal(u8::try_from(signal).unwrap_or(0))
                        .write(&mut &*control)
                        .is_ok();
                if !forwarded {
                    return Ok(End::Interrupted(signal));
                }
                interrupted = true;
            }
            // What QEMU passed on before it ended has been dealt with by now.
            Err(RecvTimeoutError::Timeout) if gone => return Ok(End::Died),
            Err(RecvTimeoutError::Timeout) => {
                gone = qemu.try_wait().context("cannot wait for qemu")?.is_some();
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Died),
        }
        if let Some(timeout) = limits.timeout.filter(|limit| start.elapsed() > *limit) {
            return Ok(End::TimedOut(timeout));
        }
        if let Some(boot) = limits.boot.filter(|limit| !up && start.elapsed() > *limit) {
            return Ok(End::NotUp(boot));
        }
        if let Some(silence) = limits.silence.filter(|limit| heard.elapsed() > *limit) {
            return Ok(End::Silent(silence));
        }
    }
}

/// Waits for a deterministic guest to power off, then takes what it said from the file that
/// QEMU kept it in: nothing of the host's own timing may reach such a guest while it runs.
pub(crate) fn collect(
    qemu: &mut Child,
    said: &Path,
    limits: Limits,
    share: &mut Incoming,
) -> Result<End> {
    let (events, inbox) = mpsc::sync_channel(QUEUE);
    watch_signals(events)?;
    let start = Instant::now();
    while qemu.try_wait().context("cannot wait for qemu")?.is_none() {
        if let Ok(Event::Signal(signal)) = inbox.recv_timeout(Duration::from_millis(100))
            && signal != SIGWINCH
        {
            return Ok(End::Interrupted(signal));
        }
        if let Some(timeout) = limits.timeout.filter(|limit| start.elapsed() > *limit) {
            return Ok(End::TimedOut(timeout));
        }
    }
    let Ok(file) = File::open(said) else {
        return Ok(End::Died);
    };
    let mut said = BufReader::new(file);
    while let Ok(Some(message)) = Message::read(&mut said) {
        if let Some(end) = take(message, share)? {
            return Ok(end);
        }
    }
    Ok(End::Died)
}

/// Passes one message on; some are the last.
fn take(message: Message, share: &mut Incoming) -> Result<Option<End>> {
    match message {
        Message::Stdout(bytes) => match show(&mut io::stdout(), &bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(Some(End::BrokenPipe));
            }
            shown => shown.context("cannot write the command's standard output")?,
        },
        Message::Stderr(bytes) => match show(&mut io::stderr(), &bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            shown => shown.context("cannot write the command's standard error")?,
        },
        Message::Share(chunk) => share.push(&chunk)?,
        Message::Exit(code) => return Ok(Some(End::Exit(code))),
        Message::Failed(why) => return Ok(Some(End::Failed(why))),
        _ => {}
    }
    Ok(None)
}

fn show(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// QEMU creates its sockets a moment after it starts; `None` if it ends instead.
pub(super) fn connect(qemu: &mut Child, path: &Path) -> Result<Option<UnixStream>> {
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(Some(stream)),
            Err(_) if qemu.try_wait().context("cannot wait for qemu")?.is_some() => {
                return Ok(None);
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

pub(super) fn listen(stream: &UnixStream, events: SyncSender<Event>) -> Result<()> {
    let mut stream = stream.try_clone().context("cannot duplicate a socket")?;
    thread::spawn(move || {
        loop {
            let event = match Message::read(&mut stream) {
                Ok(Some(message)) => Event::Message(message),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => Event::Garbled(error),
                // QEMU has ended; `converse` sees that for itself.
                Ok(None) | Err(_) => return,
            };
            if events.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn watch_signals(events: SyncSender<Event>) -> Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH]).context("cannot handle signals")?;
    thread::spawn(move || {
        for signal in &mut signals {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn forward_stdin(mut data: UnixStream) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Ok(0) | Err(_) => {
                    let _ = Message::StdinClosed.write(&mut data);
                    return;
                }
                Ok(n) => {
                    if Message::Stdin(buffer[..n].to_vec())
                        .write(&mut data)
                        .is_err()
                    {
                        return;
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_mins(1);

    /// What comes of a guest that sends `bytes`, while `qemu` runs.
    fn end(bytes: &[u8], qemu: &str, limits: Limits) -> Result<End> {
        let mut qemu = Command::new("sh").args(["-c", qemu]).spawn().unwrap();
        let (host, mut guest) = UnixStream::pair().unwrap();
        let (control, _control) = UnixStream::pair().unwrap();
        let (events, inbox) = mpsc::sync_channel(QUEUE);
        listen(&host, events.clone()).unwrap();
        guest.write_all(bytes).unwrap();
        let mut share = Incoming::default();
        let end = converse(&mut qemu, &inbox, &control, None, false, limits, &mut share);
        let _ = qemu.kill();
        qemu.wait().unwrap();
        end
    }

    fn limits(timeout: Duration, silence: Duration) -> Limits {
        Limits {
            timeout: Some(timeout),
            boot: None,
            silence: Some(silence),
        }
    }

    fn frame(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_guest_that_stops_talking_is_ended() {
        let beat = frame(&Message::Heartbeat);
        let end = end(&beat, "exec sleep 60", limits(LONG, SHORT)).unwrap();
        assert!(matches!(end, End::Silent(SHORT)), "{end:?}");
    }

    #[test]
    fn a_guest_that_never_comes_up_is_told_from_one_that_falls_silent() {
        let limits = Limits {
            boot: Some(SHORT),
            ..limits(LONG, LONG)
        };
        let ended = end(&[], "exec sleep 60", limits).unwrap();
        assert!(matches!(ended, End::NotUp(SHORT)), "{ended:?}");
        let said = [frame(&Message::Heartbeat), frame(&Message::Exit(0))].concat();
        let ended = end(&said, "exec sleep 60", limits).unwrap();
        assert!(matches!(ended, End::Exit(0)), "{ended:?}");
    }

    #[test]
    fn the_timeout_ends_a_guest() {
        let end = end(&[], "exec sleep 60", limits(SHORT, LONG)).unwrap();
        assert!(matches!(end, End::TimedOut(SHORT)), "{end:?}");
    }

    #[test]
    fn a_guest_that_dies_is_noticed() {
        let end = end(&[], "exit 0", limits(LONG, LONG)).unwrap();
        assert!(matches!(end, End::Died), "{end:?}");
    }

    #[test]
    fn last_words_of_a_guest_that_is_gone_are_heard() {
        let bytes = [
            frame(&Message::Stderr(Vec::new())),
            frame(&Message::Exit(7)),
        ]
        .concat();
        let end = end(&bytes, "exit 0", limits(LONG, LONG)).unwrap();
        assert!(matches!(end, End::Exit(7)), "{end:?}");
    }

    #[test]
    fn a_guest_that_talks_nonsense_is_an_error() {
        let error = end(b"\xff\xff\xff\xff\xff", "exec sleep 60", limits(LONG, LONG)).unwrap_err();
        assert!(error.to_string().contains("not understood"), "{error}");
    }
}
