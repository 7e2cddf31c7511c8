//! The file systems that every command may expect.

use std::fs;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

use crate::named;

const TABLE: &[(&str, &str, &str)] = &[
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("tmpfs", "/tmp", "tmpfs"),
    ("tmpfs", "/run", "tmpfs"),
    ("devpts", "/dev/pts", "devpts"),
    ("debugfs", "/sys/kernel/debug", "debugfs"),
    ("tracefs", "/sys/kernel/tracing", "tracefs"),
    ("bpf", "/sys/fs/bpf", "bpf"),
];

/// Mounts the table and links the usual names in `/dev`.
pub(crate) fn mount_all() -> Result<()> {
    for (source, target, kind) in TABLE {
        // Folders below a pseudo file system are the kernel's; the rest may be missing.
        let _ = fs::create_dir_all(target);
        mount(
            Some(*source),
            *target,
            Some(*kind),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("cannot mount {kind} on {target}"))?;
    }
    for (target, link) in [
        ("/proc/self/fd", "/dev/fd"),
        ("/proc/self/mounts", "/etc/mtab"),
    ] {
        let _ = fs::create_dir_all("/etc");
        named(
            &format!("link {link}"),
            std::os::unix::fs::symlink(target, link),
        )?;
    }
    Ok(())
}
