use std::path::PathBuf;

use super::owner::OwnerArgs;
use super::{Error, OK, complain, size};
use crate::ops::create::{self, Created};

const EXAMPLES: &str = "\
Examples:
  famfs creat -s 64MiB /mnt/famfs/table
  famfs creat -s 8M -r -S 42 /mnt/famfs/seeded    contents that can be made again
  famfs creat -s 1G -m 600 -u 1000 -g 1000 /mnt/famfs/private

Without -r a new file shows what its memory held before.";

/// Make a file of a fixed size in a mounted file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Bytes, such as 4096, 64M, 64MiB or 64MB.
    #[arg(short, long, value_name = "SIZE", value_parser = size::parse)]
    size: u64,

    /// Fill the file from a seed; an existing file of the same size too.
    #[arg(short, long, requires = "seed")]
    randomize: bool,

    /// The seed, from 1 to 4294967295.
    #[arg(short = 'S', long, value_name = "SEED", requires = "randomize",
          value_parser = clap::value_parser!(u32).range(1..))]
    seed: Option<u32>,

    #[command(flatten)]
    owner: OwnerArgs,

    /// The file.
    file: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        let options = create::Options {
            size: self.size,
            mode: self.owner.mode_or(0o644),
            uid: self.owner.uid(),
            gid: self.owner.gid(),
            seed: self.seed,
        };
        if create::create(&self.file, &options)? == Created::Existing {
            complain(&format!(
                "note: {} exists with this size",
                self.file.display()
            ));
        }
        Ok(OK)
    }
}
