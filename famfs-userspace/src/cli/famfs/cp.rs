use std::path::PathBuf;

use nix::unistd::{getgid, getuid};

use super::spread::SpreadArgs;
use super::watching::{Unit, WaitArgs, Watching};
use super::{Error, FAILED, OK, complain, complain_of, number, owner};
use famfs_runtime::ops::cp;

const EXAMPLES: &str = "\
Examples:
  famfs cp weights.bin /mnt/famfs/                 one file into the file system
  famfs cp weights.bin /mnt/famfs/current          under another name
  famfs cp -r -t 8 models /mnt/famfs               a folder with all in it, in 8 threads
  famfs cp -c -r models /mnt/famfs                 compare instead; nothing is changed

A file that exists with the size of its source is overwritten in place; one of another size
is refused. Other hosts learn of a new file when its last byte is in the memory. Ctrl-C keeps
the files that are complete, and takes back the others.";

/// Copy files into a mounted file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Copy folders with all that is in them.
    #[arg(short, long)]
    recursive: bool,

    /// Threads that copy, from 0 (this one) to 256.
    #[arg(short, long, value_name = "N", default_value = "0",
          value_parser = number::up_to::<u16>(256))]
    threadct: u16,

    /// Copy nothing; fail where a copy is missing or differs from its source.
    #[arg(short, long)]
    compare: bool,

    /// Permission bits in octal, taken as they are. Without: those of the source.
    #[arg(short, long, value_name = "MODE", value_parser = owner::mode)]
    mode: Option<u32>,

    /// Owner, a number. Without: who runs this.
    #[arg(short, long, value_name = "UID", value_parser = owner::id)]
    uid: Option<u32>,

    /// Group, a number. Without: that of who runs this.
    #[arg(short, long, value_name = "GID", value_parser = owner::id)]
    gid: Option<u32>,

    #[command(flatten)]
    spread: SpreadArgs,

    /// Name each file that was copied.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(flatten)]
    wait: WaitArgs,

    /// What to copy, and then where to: a folder, or with one source a new name.
    #[arg(required = true, num_args = 2.., value_names = ["SOURCE", "TARGET"])]
    paths: Vec<PathBuf>,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        let Some((target, sources)) = self.paths.split_last() else {
            return Ok(FAILED);
        };
        let options = cp::Options {
            recursive: self.recursive,
            compare: self.compare,
            mode: self.mode,
            uid: self.uid.unwrap_or_else(|| getuid().as_raw()),
            gid: self.gid.unwrap_or_else(|| getgid().as_raw()),
            interleave: self.spread.interleave(),
            threads: self.threadct.into(),
        };
        let mut watching = Watching::start_locking(Unit::Bytes, &self.wait)?;
        let outcome = cp::cp(sources, target, &options, &watching.watch)?;
        watching.end();
        if self.verbose > 0 {
            let verb = if self.compare { "equal" } else { "copied" };
            for (path, size) in &outcome.files {
                complain(&format!("{verb} {} ({size} bytes)", path.display()));
            }
        }
        let mut status = OK;
        for error in outcome.errors {
            status = complain_of(Error::Op(error)).max(status);
        }
        if outcome.interrupted {
            complain(
                "interrupted: files that were complete are there, new ones that were not are gone",
            );
            return Ok(watching.interrupted());
        }
        Ok(status)
    }
}
