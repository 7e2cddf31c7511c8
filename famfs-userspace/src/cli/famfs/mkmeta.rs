use std::path::PathBuf;

use super::{Error, OK, complain};
use famfs_runtime::ops::mount::{self, Meta};

const EXAMPLES: &str = "\
Examples:
  mount -i -t famfs /dev/pmem0 /mnt/famfs && famfs mkmeta /dev/pmem0 && famfs logplay /mnt/famfs

`famfs mount` does all three.";

/// Make .meta/.superblock and .meta/.log in a mount that was made without them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Accepted for scripts.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// The device that is mounted.
    device: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        if let Meta::InReadOnly(mount_point) = mount::mkmeta(&self.device)? {
            complain(&format!(
                "note: {} is read-only and has its .meta: nothing to do",
                mount_point.display()
            ));
        }
        Ok(OK)
    }
}
