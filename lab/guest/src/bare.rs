//! A mount without a file system: the module neither knows nor asks what is on the media, so
//! what the module does by itself is best seen without the runtime.

use std::{
    env,
    fs::{self, File, OpenOptions},
    path::Path,
};

use nix::mount::{MsFlags, mount, umount};

use crate::{
    command::must,
    fixture::Famfs,
    raw::{v2, v44},
};

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const PAGE: usize = 4096;

const MOUNTPOINT: &str = "/mnt/famfs";

impl Famfs {
    /// Mounts the device by mount(2) and nothing else.
    pub(crate) fn bare() -> Self {
        let famfs = Self {
            device: env::var("FAMFS_DEV").unwrap(),
            mountpoint: MOUNTPOINT,
        };
        if !Path::new("/sys/module/famfs").exists() {
            must("modprobe famfs");
        }
        fs::create_dir_all(MOUNTPOINT).unwrap();
        famfs.attach();
        famfs
    }

    /// mount(2), without a look at the log.
    pub(crate) fn attach(&self) {
        mount(
            Some(self.device.as_str()),
            self.mountpoint,
            Some("famfs"),
            MsFlags::MS_NOATIME,
            None::<&str>,
        )
        .unwrap_or_else(|errno| panic!("cannot mount {}: {errno}", self.device));
    }

    pub(crate) fn detach(&self) {
        umount(self.mountpoint).unwrap();
    }

    /// The root directory, which takes the ioctls that are about the mount.
    pub(crate) fn root(&self) -> File {
        File::open(self.mountpoint).unwrap()
    }

    /// A new file without a map.
    pub(crate) fn blank(&self, name: &str) -> File {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path(name))
            .unwrap_or_else(|error| panic!("cannot create {name}: {error}"))
    }

    /// A new file of this size in these `(offset, length)` ranges of the device.
    pub(crate) fn mapped(&self, name: &str, size: u64, extents: &[(u64, u64)]) -> File {
        let file = self.blank(name);
        let extents: Vec<_> = extents
            .iter()
            .map(|&(offset, len)| v2::extent(offset, len))
            .collect();
        v2::map(&file, size, &extents).unwrap_or_else(|errno| panic!("cannot map {name}: {errno}"));
        file
    }

    /// Bytes of the mounted device.
    pub(crate) fn size(&self) -> u64 {
        let stat = nix::sys::statvfs::statvfs(self.mountpoint).unwrap();
        stat.blocks() * stat.fragment_size()
    }

    /// Allows what the option bits say, besides what is allowed already.
    pub(crate) fn allow(&self, bits: u64) {
        v44::change_options(&self.root(), v44::SET_OPTS, bits).unwrap();
    }

    /// What the module counted while `work` ran: pte, pmd, fallback, refused. (Tries of 1 GiB
    /// depend on what else the process has mapped near by.)
    pub(crate) fn counted(&self, work: impl FnOnce()) -> [u64; 4] {
        let now = || ["pte", "pmd", "fallback", "refused"].map(|kind| self.faults(kind));
        let before = now();
        work();
        let after = now();
        std::array::from_fn(|i| after[i] - before[i])
    }
}

/// The errno of a failed call of the standard library.
pub(crate) fn errno<T: std::fmt::Debug>(result: std::io::Result<T>) -> nix::errno::Errno {
    let error = result.expect_err("the call succeeded");
    nix::errno::Errno::from_raw(error.raw_os_error().unwrap())
}
