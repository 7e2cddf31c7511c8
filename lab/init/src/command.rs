//! Runs the command: attended, with its streams relayed as they flow, or unattended, with its
//! output kept in files.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use lab_init::{Config, Message};
use nix::{
    pty::Winsize,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{WaitStatus, wait},
    },
    unistd::Pid,
};

use crate::{link::Link, named};

pub(crate) const STDOUT_FILE: &str = "/run/stdout";
pub(crate) const STDERR_FILE: &str = "/run/stderr";

nix::ioctl_write_ptr_bad!(set_window_size, nix::libc::TIOCSWINSZ, Winsize);
nix::ioctl_write_int_bad!(set_controlling_terminal, nix::libc::TIOCSCTTY);

/// Where the host's keystrokes and window sizes go.
type Input = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

/// Runs the command with output to files and no input.
pub(crate) fn unattended(config: &Config) -> Result<u8> {
    let mut command = build(config);
    command
        .stdin(Stdio::null())
        .stdout(named("create a file in /run", File::create(STDOUT_FILE))?)
        .stderr(named("create a file in /run", File::create(STDERR_FILE))?);
    Ok(match spawn(&mut command, config) {
        Ok(child) => finish(&child, []),
        Err(code) => {
            named(
                "write a file in /run",
                fs::write(STDERR_FILE, not_run(config, code)),
            )?;
            code
        }
    })
}

/// Runs the command with its streams relayed to the host.
pub(crate) fn attended(config: &Config, link: &Link) -> Result<u8> {
    match config.terminal {
        Some((rows, cols)) => on_terminal(config, link, rows, cols),
        None => on_pipes(config, link),
    }
}

fn on_pipes(config: &Config, link: &Link) -> Result<u8> {
    let mut command = build(config);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match spawn(&mut command, config) {
        Ok(child) => child,
        Err(code) => {
            link.send(&Message::Stderr(not_run(config, code).into_bytes()))?;
            return Ok(code);
        }
    };
    let input = input(
        child
            .stdin
            .take()
            .map(|stdin: ChildStdin| Box::new(stdin) as _),
    );
    listen(link, &input, &child, None)?;
    let pumps = [
        child
            .stdout
            .take()
            .map(|from| pump(link, from, Message::Stdout)),
        child
            .stderr
            .take()
            .map(|from| pump(link, from, Message::Stderr)),
    ];
    Ok(finish(&child, pumps))
}

fn on_terminal(config: &Config, link: &Link, rows: u16, cols: u16) -> Result<u8> {
    let size = Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = nix::pty::openpty(Some(&size), None).context("cannot open a pseudo terminal")?;
    let (master, slave) = (File::from(pty.master), File::from(pty.slave));
    let mut command = build(config);
    command
        .stdin(named("duplicate the terminal", slave.try_clone())?)
        .stdout(named("duplicate the terminal", slave.try_clone())?)
        .stderr(slave);
    let adopt_terminal = || {
        nix::unistd::setsid()?;
        // SAFETY: descriptor 0 is the terminal's slave side.
        unsafe { set_controlling_terminal(0, 0) }?;
        Ok(())
    };
    // SAFETY: the closure only makes two async-signal-safe system calls.
    unsafe { command.pre_exec(adopt_terminal) };
    let child = match spawn(&mut command, config) {
        Ok(child) => child,
        Err(code) => {
            link.send(&Message::Stdout(not_run(config, code).into_bytes()))?;
            return Ok(code);
        }
    };
    // The command holds the slave side too: keep only the child's copies of it.
    drop(command);
    let keys = named("duplicate the terminal", master.try_clone())?;
    let window = named("duplicate the terminal", master.try_clone())?;
    listen(
        link,
        &input(Some(Box::new(keys))),
        &child,
        Some(window.into()),
    )?;
    Ok(finish(
        &child,
        [Some(pump(link, master, Message::Stdout)), None],
    ))
}

fn input(to: Option<Box<dyn Write + Send>>) -> Input {
    Arc::new(Mutex::new(to))
}

fn build(config: &Config) -> Command {
    let mut command = Command::new(config.command.first().map_or("sh", String::as_str));
    command
        .args(config.command.iter().skip(1))
        .env_clear()
        .envs(&config.env);
    if fs::metadata("/root").is_ok() {
        command.current_dir("/root");
    }
    command
}

/// Starts the command in a process group of its own; else the shell's code for why it cannot run.
fn spawn(command: &mut Command, config: &Config) -> Result<Child, u8> {
    // A session leader is a group leader already, and may not become one again.
    if config.terminal.is_none() {
        command.process_group(0);
    }
    command.spawn().map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            127
        } else {
            126
        }
    })
}

fn not_run(config: &Config, code: u8) -> String {
    let name = config.command.first().map_or("sh", String::as_str);
    let why = if code == 127 {
        "not found in the guest"
    } else {
        "cannot be executed"
    };
    format!("lab: {name}: {why}\n")
}

/// Passes on what the host sends: input, signals, window sizes.
fn listen(link: &Link, input: &Input, child: &Child, window: Option<OwnedFd>) -> Result<()> {
    let group = pid(child);
    let input = Arc::clone(input);
    let window = window.map(Arc::new);
    link.listen(move |message| match message {
        Message::Stdin(bytes) => {
            let mut to = input.lock().unwrap_or_else(PoisonError::into_inner);
            if to.as_mut().is_some_and(|to| to.write_all(&bytes).is_err()) {
                *to = None;
            }
        }
        Message::StdinClosed => {
            input.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        Message::Signal(number) => {
            if let Ok(signal) = Signal::try_from(i32::from(number)) {
                let _ = killpg(group, signal);
            }
        }
        Message::Resize { rows, cols } => {
            if let Some(window) = &window {
                let size = Winsize {
                    ws_row: rows,
                    ws_col: cols,
                    ws_xpixel: 0,
                    ws_ypixel: 0,
                };
                // SAFETY: the descriptor is an open terminal and the struct is the ioctl's own.
                let _ = unsafe { set_window_size(window.as_raw_fd(), &raw const size) };
            }
        }
        _ => {}
    })
}

fn pump(
    link: &Link,
    mut from: impl Read + Send + 'static,
    wrap: fn(Vec<u8>) -> Message,
) -> JoinHandle<()> {
    let link = link.clone();
    thread::spawn(move || {
        // A terminal whose last user is gone reads as an I/O error: that is its end.
        let _ = link.send_all(&mut from, wrap);
    })
}

/// Waits for the command, ends what it left behind, and lets the last output through.
fn finish<const N: usize>(child: &Child, pumps: [Option<JoinHandle<()>>; N]) -> u8 {
    let code = reap(child);
    // To PID 1, -1 means every other process; none is not an error.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    for pump in pumps.into_iter().flatten() {
        let _ = pump.join();
    }
    code
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Collects orphans, as PID 1 must, until the command itself has ended.
fn reap(child: &Child) -> u8 {
    let main = pid(child);
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == main => {
                return u8::try_from(code).unwrap_or(255);
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => {
                return u8::try_from(128 + signal as i32).unwrap_or(255);
            }
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return 255,
        }
    }
}
