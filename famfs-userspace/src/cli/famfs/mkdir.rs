use std::path::PathBuf;

use super::owner::OwnerArgs;
use super::{Error, OK};
use crate::ops::mkdir;

const EXAMPLES: &str = "\
Examples:
  famfs mkdir /mnt/famfs/tables
  famfs mkdir -p -m 700 /mnt/famfs/a/b/c";

/// Make a folder in a mounted file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Make missing parents too; an existing folder is no failure.
    #[arg(short, long)]
    parents: bool,

    #[command(flatten)]
    owner: OwnerArgs,

    /// The folder.
    path: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        let options = mkdir::Options {
            parents: self.parents,
            mode: self.owner.mode_or(0o755),
            uid: self.owner.uid(),
            gid: self.owner.gid(),
        };
        mkdir::mkdir(&self.path, &options)?;
        Ok(OK)
    }
}
