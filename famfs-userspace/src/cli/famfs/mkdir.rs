use std::path::PathBuf;

use super::owner::OwnerArgs;
use super::watching::{Unit, WaitArgs, Watching};
use super::{Error, OK, complain};
use famfs_runtime::ops::maker::Owner;
use famfs_runtime::ops::mkdir;

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

    /// Say how many folders were made.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(flatten)]
    wait: WaitArgs,

    /// The folder.
    path: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        let options = mkdir::Options {
            parents: self.parents,
            owner: Owner {
                mode: self.owner.mode_or(0o755),
                uid: self.owner.uid(),
                gid: self.owner.gid(),
            },
        };
        // A signal waits until the folder is logged or gone.
        let watching = Watching::start_locking(Unit::Files, &self.wait)?;
        let made = mkdir::mkdir(&self.path, &options, &watching.watch)?;
        if self.verbose > 0 {
            complain(&format!("made {made} folders"));
        }
        Ok(OK)
    }
}
