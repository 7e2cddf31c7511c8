use std::path::PathBuf;

use super::{Error, OK};
use crate::kernel::mount;
use crate::ops;

/// Unmount a famfs file system.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  famfs umount /mnt/famfs")]
pub(super) struct Args {
    /// The folder it is mounted on.
    mount_point: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        mount::umount(&self.mount_point, mount::Unmount::default()).map_err(ops::Error::from)?;
        Ok(OK)
    }
}
