//! Switching a guest on and off.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::{complain, qemu::Machine};
use crate::{paths, process};

/// A guest that is done is off in a second, unless its kernel hangs.
const POWER_OFF: Duration = Duration::from_mins(1);

/// Starts QEMU, which ends with this thread at the latest.
pub(super) fn on(machine: &Machine) -> Result<Child> {
    let log = said(machine);
    let stderr = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(machine.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        // Ctrl-C is for the command in the guest, not for QEMU.
        .process_group(0);
    process::tied(&mut command, Signal::SIGKILL)
        .spawn()
        .context("cannot run qemu-system-x86_64; run `cargo xtask setup`")
}

/// Lets an orderly guest power off; ends any other, and says what QEMU said if it ended by itself.
/// Returns how QEMU ended, if it did so by itself.
pub(super) fn off(
    machine: &Machine,
    qemu: &mut Child,
    orderly: bool,
) -> Result<Option<ExitStatus>> {
    let log = said(machine);
    let start = Instant::now();
    let mut ended = qemu.try_wait().context("cannot wait for qemu")?;
    while ended.is_none() && orderly && start.elapsed() < POWER_OFF {
        thread::sleep(Duration::from_millis(10));
        ended = qemu.try_wait().context("cannot wait for qemu")?;
    }
    if ended.is_none() {
        let _ = qemu.kill();
        qemu.wait().context("cannot wait for qemu")?;
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(&log);
    match ended {
        None if orderly => bail!(
            "the guest did not power off within {} s and was ended; its console is in {}",
            POWER_OFF.as_secs(),
            paths::target("lab/console").display()
        ),
        Some(status) if !status.success() => {
            complain(&format!("qemu ended with {status}: {}", said.trim()));
        }
        _ => {}
    }
    Ok(ended)
}

/// What QEMU itself says on standard error.
fn said(machine: &Machine) -> PathBuf {
    machine.console.with_extension("qemu")
}
