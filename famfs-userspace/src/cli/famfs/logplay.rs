use std::path::PathBuf;

use super::output::Output;
use super::{Error, played};
use crate::ops::mount;

const EXAMPLES: &str = "\
Examples:
  famfs logplay /mnt/famfs       make what other hosts logged since
  famfs logplay -n /mnt/famfs    only say what would be made";

/// Play the log of a mounted file system again: make the files that are missing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Make nothing, only count.
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Print what was played as JSON.
    #[arg(long)]
    json: bool,

    /// Any path in the mount.
    path: PathBuf,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let played = mount::logplay(&self.path, self.dry_run)?;
        played::print(&played, self.json, out)
    }
}
