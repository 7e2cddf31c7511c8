//! `-- CMD`: watch a command, then print.

use std::{
    ffi::OsString,
    io,
    os::{fd::AsFd as _, unix::process::ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use famfs_cli::signals;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    complain,
    output::Printer,
    pace::{NAP, step},
    signal::Signals,
};
use famfs_snapshot::{model::delta, source::Source};

/// CMD was found and could not be run.
pub(super) const NOT_RUNNABLE: u8 = 126;
pub(super) const NOT_FOUND: u8 = 127;

/// Watches, prints, and gives the exit status.
pub(super) fn run(
    source: &mut dyn Source,
    interval: Duration,
    command: &[OsString],
    printer: &mut Printer,
    stands_alone: bool,
) -> anyhow::Result<u8> {
    let listening = Signals::listen().context("cannot catch signals")?;
    let before = source.poll()?;
    let (program, arguments) = command.split_first().context("CMD is empty")?;
    let mut command = Command::new(program);
    command.args(arguments);
    if stands_alone {
        command.stdout(stderr()?);
    }
    let status = match command.spawn() {
        Ok(child) => watch(source, step(interval), child, &listening)?,
        Err(error) => {
            complain(&format!("cannot run {}: {error}", program.display()));
            let found = error.kind() != io::ErrorKind::NotFound;
            return Ok(if found { NOT_RUNNABLE } else { NOT_FOUND });
        }
    };
    // CMD was told, and its end is ours to report, however slow our reader is.
    signals::answered();
    // What the last faults left in the kernel.
    printer.interval(&delta(&before, &source.poll()?))?;
    Ok(status)
}

/// Polls until the child ends. An interrupt from the keyboard reaches the child by itself; a
/// request to end that came to this process alone is passed on.
fn watch(
    source: &mut dyn Source,
    step: Duration,
    mut child: Child,
    signals: &Signals,
) -> anyhow::Result<u8> {
    let pid = i32::try_from(child.id())
        .map(Pid::from_raw)
        .context("the pid of CMD is no pid")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    let mut told = false;
    let mut due = Instant::now() + step;
    loop {
        match receiver.recv_timeout(step.min(NAP)) {
            Ok(status) => return Ok(exit_code(status.context("cannot wait for CMD")?)),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("lost sight of CMD"),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if signals.terminated() && !told {
            // It may have ended this moment, which is as well.
            let _ = kill(pid, Signal::SIGTERM);
            told = true;
        }
        if Instant::now() >= due {
            source.poll()?;
            due = Instant::now() + step;
        }
    }
}

/// Returns the exit status that a shell would show.
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
