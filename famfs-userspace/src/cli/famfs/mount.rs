use std::path::PathBuf;

use super::output::Output;
use super::{Error, played};
use crate::ops::mount;

const EXAMPLES: &str = "\
Examples:
  famfs mount /dev/pmem0 /mnt/famfs
  famfs mount --json /dev/dax0.0 /mnt/famfs    what was played, as JSON

A file system with bad log entries is mounted with the others, and the exit status is 1.";

/// Mount a file system (noatime, nosuid, nodev, noexec) and make the files of its log.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Leave the mount empty but for .meta; `famfs logplay` fills it later.
    #[arg(long)]
    no_logplay: bool,

    /// Print what was played as JSON.
    #[arg(long)]
    json: bool,

    /// A pmem block device, or a character dax device in fsdev mode.
    device: PathBuf,

    /// An existing folder.
    mount_point: PathBuf,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let played = mount::mount(&self.device, &self.mount_point, !self.no_logplay)?;
        played::print(&played, self.json, out)
    }
}
