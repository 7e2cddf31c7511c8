//! famfs, through its own command line.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::command::{modprobe, run};
use super::mount::Mounted;
use super::{Prepared, Unready};

pub(super) fn prepare(device: &Path, bytes: u64) -> Result<Prepared, Unready> {
    modprobe("famfs");
    let device = device.as_os_str();
    run(
        "famfs",
        &[OsStr::new("mkfs"), OsStr::new("--force"), device],
    )?;
    let mut mounted = Mounted::place("famfs")?;
    run(
        "famfs",
        &[OsStr::new("mount"), device, mounted.path().as_os_str()],
    )?;
    mounted.mounted();
    let file = mounted.file();
    let size = bytes.to_string();
    run(
        "famfs",
        &[
            OsStr::new("creat"),
            OsStr::new("-s"),
            OsStr::new(&size),
            file.as_os_str(),
        ],
    )?;
    let module_faults = counters(&file);
    Ok(Prepared {
        mounted: Some(mounted),
        module_faults,
        ..Prepared::of_file(file)
    })
}

/// Where the module counts the faults of the mount that this file is on.
pub(super) fn counters(file: &Path) -> Option<PathBuf> {
    let dev = file.metadata().ok()?.dev();
    let path = format!(
        "/sys/fs/famfs/{}:{}/faults",
        libc::major(dev),
        libc::minor(dev)
    );
    let path = PathBuf::from(path);
    path.exists().then_some(path)
}
