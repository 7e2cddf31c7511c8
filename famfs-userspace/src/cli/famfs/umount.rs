use std::path::PathBuf;

use super::{Error, OK};
use famfs_machine::kernel::mount::{self, Unmount};
use famfs_runtime::ops;

/// Unmount a famfs file system.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  famfs umount /mnt/famfs
  famfs umount --lazy /dev/pmem0     out of sight now, gone when nobody uses it")]
pub(super) struct Args {
    /// Take it away now, and let it go when nobody uses it.
    #[arg(short, long)]
    lazy: bool,

    /// The folder it is mounted on, or its device.
    mount_point: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        let how = Unmount {
            lazy: self.lazy,
            ..Unmount::default()
        };
        let target = ops::mount::mount_point_of(&self.mount_point)?;
        mount::umount(&target, how).map_err(ops::Error::from)?;
        Ok(OK)
    }
}
