//! A fresh famfs on the lab's device.

use std::{env, fs, path::PathBuf};

use nix::sys::stat;

use crate::command::{must, run};

const MOUNTPOINT: &str = "/mnt/famfs";

/// Formats and mounts; unmounts on drop if the test has not.
pub(crate) struct Famfs {
    pub device: String,
    pub mountpoint: &'static str,
}

impl Famfs {
    pub(crate) fn fresh() -> Self {
        let device = env::var("FAMFS_DEV").unwrap();
        must("modprobe famfs");
        must(&format!("famfs mkfs --force {device}"));
        fs::create_dir_all(MOUNTPOINT).unwrap();
        let famfs = Self {
            device,
            mountpoint: MOUNTPOINT,
        };
        famfs.mount();
        famfs
    }

    /// The lab's device and mount point as they are.
    pub(crate) fn here() -> Self {
        Self {
            device: env::var("FAMFS_DEV").unwrap(),
            mountpoint: MOUNTPOINT,
        }
    }

    pub(crate) fn mount(&self) {
        must(&format!("famfs mount {} {}", self.device, self.mountpoint));
    }

    pub(crate) fn umount(&self) {
        must(&format!("famfs umount {}", self.mountpoint));
    }

    /// A path inside the mount.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.mountpoint)
    }

    /// Creates a file of this size and returns its path.
    pub(crate) fn creat(&self, name: &str, size: &str) -> String {
        let path = self.path(name);
        must(&format!("famfs creat --size {size} {path}"));
        path
    }

    /// The module's folder for this mount.
    fn sysfs(&self) -> PathBuf {
        let dev = stat::stat(self.mountpoint).unwrap().st_dev;
        PathBuf::from(format!(
            "/sys/fs/famfs/{}:{}",
            stat::major(dev),
            stat::minor(dev)
        ))
    }

    /// One of the module's files for this mount.
    pub(crate) fn attribute(&self, name: &str) -> String {
        let path = self.sysfs().join(name);
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        text.trim_end().to_owned()
    }

    /// One of the module's own fault totals.
    pub(crate) fn faults(&self, kind: &str) -> u64 {
        let text = self.attribute("faults");
        text.split_whitespace()
            .find_map(|pair| pair.strip_prefix(kind)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("no {kind} in `{text}`"))
            .parse()
            .unwrap()
    }

    /// All ends of faults of 4 KiB and 2 MiB that the module has counted since the mount.
    pub(crate) fn total(&self) -> u64 {
        ["pte", "pmd", "fallback", "refused"]
            .iter()
            .map(|kind| self.faults(kind))
            .sum()
    }

    pub(crate) fn is_mounted(&self) -> bool {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        mounts
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(self.mountpoint))
    }
}

impl Drop for Famfs {
    fn drop(&mut self) {
        if self.is_mounted() {
            run(&format!("umount {}", self.mountpoint));
        }
    }
}
