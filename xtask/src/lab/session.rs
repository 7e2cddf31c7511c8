//! The host's end of a running guest: relays streams, signals and window sizes until the command
//! has ended or the guest has.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    process::Child,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
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
    /// Longest pause between signs of life; `None` where the guest gives none.
    pub silence: Option<Duration>,
}

enum Event {
    Message(Message),
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
    let (events, inbox) = mpsc::channel();
    let Some(data) = connect(qemu, sockets.0)? else {
        return Ok(End::Died);
    };
    let Some(control) = connect(qemu, sockets.1)? else {
        return Ok(End::Died);
    };
    listen(&data, events.clone())?;
    listen(&control, events.clone())?;
    watch_signals(events)?;
    forward_stdin(data.try_clone().context("cannot duplicate a socket")?);
    let end = converse(qemu, &inbox, &control, on_terminal, limits, share);
    let _ = data.shutdown(Shutdown::Both);
    end
}

fn converse(
    qemu: &mut Child,
    inbox: &Receiver<Event>,
    control: &UnixStream,
    on_terminal: bool,
    limits: Limits,
    share: &mut Incoming,
) -> Result<End> {
    let start = Instant::now();
    let mut heard = start;
    let mut up = false;
    let mut interrupted = false;
    // Raw only once the guest listens: until then Ctrl-C must end a boot that hangs.
    let mut raw = None;
    loop {
        match inbox.recv_timeout(Duration::from_millis(100)) {
            Ok(Event::Message(message)) => {
                heard = Instant::now();
                up = true;
                if on_terminal && raw.is_none() {
                    raw = Some(Raw::enter().context("cannot set up the terminal")?);
                }
                if let Some(end) = take(message, share)? {
                    return Ok(end);
                }
            }
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
            Err(RecvTimeoutError::Timeout) => {
                if qemu.try_wait().context("cannot wait for qemu")?.is_some() {
                    return Ok(last_words(inbox));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Died),
        }
        if let Some(timeout) = limits.timeout.filter(|limit| start.elapsed() > *limit) {
            return Ok(End::TimedOut(timeout));
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
    let (events, inbox) = mpsc::channel();
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
    let Ok(file) = File::open(said) else { return Ok(End::Died) };
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
        Message::Stdout(bytes) if show(&mut io::stdout(), &bytes).is_err() => {
            return Ok(Some(End::BrokenPipe));
        }
        Message::Stderr(bytes) => {
            let _ = show(&mut io::stderr(), &bytes);
        }
        Message::Share(chunk) => share.push(&chunk)?,
        Message::Exit(code) => return Ok(Some(End::Exit(code))),
        Message::Failed(why) => return Ok(Some(End::Failed(why))),
        _ => {}
    }
    Ok(None)
}

/// QEMU is gone; its last messages may still be in the queue.
fn last_words(inbox: &Receiver<Event>) -> End {
    while let Ok(event) = inbox.recv_timeout(Duration::from_millis(200)) {
        match event {
            Event::Message(Message::Exit(code)) => return End::Exit(code),
            Event::Message(Message::Failed(why)) => return End::Failed(why),
            _ => {}
        }
    }
    End::Died
}

fn show(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// QEMU creates its sockets a moment after it starts; `None` if it ends instead.
fn connect(qemu: &mut Child, path: &Path) -> Result<Option<UnixStream>> {
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

fn listen(stream: &UnixStream, events: Sender<Event>) -> Result<()> {
    let mut stream = stream.try_clone().context("cannot duplicate a socket")?;
    thread::spawn(move || {
        while let Ok(Some(message)) = Message::read(&mut stream) {
            if events.send(Event::Message(message)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn watch_signals(events: Sender<Event>) -> Result<()> {
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
