//! `--once`: watch a command or an interval, then print.

use std::{
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::process::ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Args, complain, screen::POLL, signal::Signals};
use crate::{
    model::delta,
    report::{json, table},
    source::Source,
};

/// CMD was found and could not be run.
const NOT_RUNNABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Watches, prints, and gives the exit status.
pub(super) fn run(source: &mut dyn Source, args: &Args) -> anyhow::Result<u8> {
    let signals = Signals::listen().context("cannot catch signals")?;
    let before = source.poll()?;
    let status = match args.command.split_first() {
        None => {
            wait(source, args.interval, &signals)?;
            0
        }
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments);
            if args.json {
                command.stdout(stderr()?);
            }
            match command.spawn() {
                Ok(child) => watch(source, child, &signals)?,
                Err(error) => {
                    complain(&format!("cannot run {}: {error}", program.display()));
                    let found = error.kind() != io::ErrorKind::NotFound;
                    return Ok(if found { NOT_RUNNABLE } else { NOT_FOUND });
                }
            }
        }
    };
    // What the last faults left in the kernel.
    let interval = delta(&before, &source.poll()?);
    let text = if args.json {
        json::render(&interval)
    } else {
        table::render(&interval, args.sort(), args.filter(), &args.columns())
    };
    print(&text)?;
    Ok(status)
}

/// Polls for the time of `interval`, or until a signal.
fn wait(source: &mut dyn Source, interval: Duration, signals: &Signals) -> anyhow::Result<()> {
    let steps = interval.as_nanos().div_ceil(POLL.as_nanos());
    let steps = u32::try_from(steps).unwrap_or(u32::MAX).max(1);
    for _ in 1..steps {
        thread::sleep(interval / steps);
        if signals.ended() {
            return Ok(());
        }
        source.poll()?;
    }
    thread::sleep(interval / steps);
    Ok(())
}

/// Polls until the child ends. An interrupt from the keyboard reaches the child by itself; a
/// request to end that came to this process alone is passed on.
fn watch(source: &mut dyn Source, mut child: Child, signals: &Signals) -> anyhow::Result<u8> {
    let pid = i32::try_from(child.id())
        .map(Pid::from_raw)
        .context("the pid of CMD is no pid")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    let mut told = false;
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(status) => return Ok(exit_code(status.context("cannot wait for CMD")?)),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("lost sight of CMD"),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if signals.terminated() && !told {
            // It may have ended this moment, which is as well.
            let _ = kill(pid, Signal::SIGTERM);
            told = true;
        }
        source.poll()?;
    }
}

/// As a shell has it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|n| 128 + n));
    code.and_then(|c| u8::try_from(c).ok()).unwrap_or(u8::MAX)
}

fn stderr() -> anyhow::Result<Stdio> {
    let fd = io::stderr().as_fd().try_clone_to_owned();
    Ok(fd
        .context("cannot give CMD standard error for its output")?
        .into())
}

/// A reader that has seen enough is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the table to standard output")
        }
        _ => Ok(()),
    }
}
