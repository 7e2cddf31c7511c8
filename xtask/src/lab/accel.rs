//! Which accelerator really works here.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::qemu::Accel;
use crate::{paths, process};

/// A working KVM prints the kernel's first line within a fraction of this.
const PATIENCE: Duration = Duration::from_secs(8);

/// KVM if a kernel really runs on it, else TCG. `/dev/kvm` may open and still run nothing, so the
/// answer comes from a boot, and is remembered until the host reboots.
pub(crate) fn choose(vmlinuz: &Path) -> Result<Accel> {
    if File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        return Ok(Accel::Tcg);
    }
    let host = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let memo = paths::target("lab/accel");
    let remembered = fs::read_to_string(&memo).unwrap_or_default();
    if let Some(answer) = remembered.strip_prefix(host.trim()) {
        return Ok(if answer.trim() == "kvm" {
            Accel::Kvm
        } else {
            Accel::Tcg
        });
    }
    let works = boots(vmlinuz)?;
    let answer = if works { "kvm" } else { "tcg" };
    fs::write(&memo, format!("{} {answer}\n", host.trim()))
        .with_context(|| format!("cannot write {}", memo.display()))?;
    Ok(if works { Accel::Kvm } else { Accel::Tcg })
}

fn boots(vmlinuz: &Path) -> Result<bool> {
    let console = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args([
            "-accel",
            "kvm",
            "-cpu",
            "host",
            "-machine",
            "pc",
            "-m",
            "512M",
            "-nodefaults",
        ])
        .args(["-no-reboot", "-display", "none", "-monitor", "none"])
        .arg("-kernel")
        .arg(vmlinuz)
        .args([
            "-append",
            "console=ttyS0 earlyprintk=ttyS0 panic=-1",
            "-serial",
        ])
        .arg(format!("file:{}", console.path().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut qemu = process::tied(&mut command, Signal::SIGKILL)
        .spawn()
        .context("cannot run qemu-system-x86_64")?;
    let start = Instant::now();
    let mut works = false;
    while !works && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
        let text = fs::read(console.path()).unwrap_or_default();
        works = String::from_utf8_lossy(&text).contains("Linux version");
        if qemu.try_wait().context("cannot wait for qemu")?.is_some() {
            break;
        }
    }
    let _ = qemu.kill();
    qemu.wait().context("cannot wait for qemu")?;
    Ok(works)
}
