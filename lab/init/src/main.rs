//! PID 1 of the lab guest: makes the DAX device ready, runs one command, reports, powers off.
//!
//! What it says goes to the kernel console, so that it stands between the kernel's own lines.

mod command;
mod leaks;
mod link;
mod memory;
mod modules;
mod mounts;
mod outbox;
mod share;

use std::{fs, io, process::ExitCode};

use anyhow::{Context, Result};
use lab_init::{Config, Message, config};
use link::Link;
use nix::sys::reboot::{RebootMode, reboot};
use outbox::Outbox;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        say("lab-init is the first process of a lab guest; start one with `cargo xtask lab`");
        return ExitCode::from(2);
    }
    if let Err(error) = lab() {
        say(&format!("lab: {error:#}"));
    }
    nix::unistd::sync();
    // Only returns on failure; PID 1 exiting then panics the kernel, which ends the guest too.
    let error = reboot(RebootMode::RB_POWER_OFF);
    say(&format!("lab: cannot power off: {error:?}"));
    ExitCode::FAILURE
}

/// Standard error of PID 1 is the kernel console.
#[expect(clippy::print_stderr, reason = "the console is where PID 1 reports")]
fn say(line: &str) {
    eprintln!("{line}");
}

fn lab() -> Result<()> {
    mounts::mount_all()?;
    let text = fs::read_to_string(config::PATH)
        .with_context(|| format!("cannot read {}", config::PATH))?;
    let config: Config = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a lab configuration", config::PATH))?;
    if config.deterministic {
        offline(&config)
    } else {
        online(&config)
    }
}

/// Connect first, so that the host sees everything as it happens.
fn online(config: &Config) -> Result<()> {
    modules::load_all(&config.link_modules)?;
    let link = Link::open()?;
    link.start_heartbeat();
    let outcome = prepare(config).and_then(|()| {
        if config.share {
            share::mount_share()?;
        }
        command::attended(config, &link)
    });
    leaks::report();
    link.send(&conclusion(outcome))?;
    Ok(())
}

/// No traffic with the host before the command has ended: a message's arrival is the one thing
/// that would differ from boot to boot.
fn offline(config: &Config) -> Result<()> {
    let outcome = prepare(config).and_then(|()| command::unattended(config));
    leaks::report();
    let outbox = Outbox::open()?;
    let outcome = outcome.and_then(|code| {
        hand_over(config, &outbox)?;
        Ok(code)
    });
    outbox.send(&conclusion(outcome))?;
    Ok(())
}

/// What the command said and wrote.
fn hand_over(config: &Config, outbox: &Outbox) -> Result<()> {
    outbox.send_file(command::STDOUT_FILE, Message::Stdout)?;
    outbox.send_file(command::STDERR_FILE, Message::Stderr)?;
    if config.share {
        share::send(outbox)?;
    }
    Ok(())
}

fn prepare(config: &Config) -> Result<()> {
    modules::load_all(&config.modules)?;
    memory::prepare(config)
}

fn conclusion(outcome: Result<u8>) -> Message {
    match outcome {
        Ok(code) => Message::Exit(code),
        Err(error) => Message::Failed(format!("{error:#}")),
    }
}

/// An I/O error that names its object.
fn named<T>(what: &str, result: io::Result<T>) -> Result<T> {
    result.with_context(|| format!("cannot {what}"))
}
