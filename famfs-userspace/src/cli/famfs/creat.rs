use std::path::PathBuf;

use famfs_cli::size;

use super::owner::OwnerArgs;
use super::spread::SpreadArgs;
use super::watching::{Unit, WaitArgs, Watching};
use super::{Error, FAILED, OK, complain, complain_of, manifest, no_effect, number};
use famfs_runtime::ops::create::{self, Created, Item};
use famfs_runtime::ops::maker::Owner;
use famfs_runtime::ops::{self, pool};

const EXAMPLES: &str = "\
Examples:
  famfs creat -s 64MiB /mnt/famfs/table
  famfs creat -s 8M -r -S 42 /mnt/famfs/seeded    contents that can be made again
  famfs creat -r -S 43 /mnt/famfs/seeded          fill it again
  famfs creat -s 1G -m 600 -u 1000 -g 1000 /mnt/famfs/private
  famfs creat -s 4G -N 4 -B 8 -C 2M /mnt/famfs/spread
  famfs creat -M /mnt/famfs/a,1M -M /mnt/famfs/b,2M,7
  seq -f '/mnt/famfs/f%g,2M' 10000 | famfs creat --manifest -

Without -r or a seed a new file shows what its memory held before. Several files are made
under one lock, and the log is written back once. Ctrl-C keeps the files that are complete,
and takes back the others.";

/// Make files of a fixed size in a mounted file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Bytes, such as 4096, 64M, 64MiB or 64MB. An existing file is filled without it.
    #[arg(short, long, value_name = "SIZE", value_parser = size::parse)]
    size: Option<u64>,

    /// Fill the file from a seed; an existing file of the same size too.
    #[arg(short, long)]
    randomize: bool,

    /// The seed, from 1 to 4294967295.
    #[arg(short = 'S', long, value_name = "SEED", requires = "randomize",
          value_parser = manifest::seed)]
    seed: Option<u32>,

    /// Make this file, and more that are given the same way. A size of 0 is that of a file which
    /// exists, a seed of 0 is none.
    #[arg(short = 'M', long, value_name = "NAME,SIZE[,SEED]", value_parser = manifest::item,
          conflicts_with_all = ["size", "randomize", "manifest"])]
    multi: Vec<Item>,

    /// Make the files of this list, one NAME,SIZE[,SEED] a line; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "randomize", "file"])]
    manifest: Option<PathBuf>,

    /// Threads that fill files, from 0 (this one) to 256. Without: one for each CPU.
    #[arg(short, long, value_name = "N", value_parser = number::up_to::<u16>(256))]
    threadct: Option<u16>,

    #[command(flatten)]
    owner: OwnerArgs,

    #[command(flatten)]
    spread: SpreadArgs,

    /// Say what was made.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(flatten)]
    wait: WaitArgs,

    /// The file.
    #[arg(required_unless_present_any = ["multi", "manifest"])]
    file: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(&self) -> Result<u8, Error> {
        self.remark();
        let items = self.items()?;
        let options = create::Options {
            owner: Owner {
                mode: self.owner.mode_or(0o644),
                uid: self.owner.uid(),
                gid: self.owner.gid(),
            },
            interleave: self.spread.interleave(),
            threads: self.threadct.map_or_else(pool::default_threads, Into::into),
        };
        let unit = if items.iter().any(|item| item.seed.is_some()) {
            Unit::Bytes
        } else {
            Unit::Files
        };
        let mut watching = Watching::start_locking(unit, &self.wait)?;
        let outcome = create::create(&items, &options, &watching.watch)?;
        watching.end();
        let mut status = OK;
        for (item, done) in items.iter().zip(outcome.items) {
            let path = item.path.display();
            match done {
                Ok(Created::Existing) if item.seed.is_none() => {
                    complain(&format!("note: {path} exists with this size"));
                }
                Ok(_) if self.verbose > 0 => complain(&format!("made {path}")),
                Ok(_) => {}
                Err(_) if outcome.interrupted && items.len() > 1 => status = FAILED,
                Err(e) => status = complain_of(Error::Op(e)).max(status),
            }
        }
        if outcome.interrupted {
            complain("interrupted: files that were complete are there, the others are not");
            return Ok(watching.interrupted());
        }
        Ok(status)
    }

    /// Says what was given and is not used.
    fn remark(&self) {
        if self.randomize && self.seed.is_none() {
            no_effect(
                "--randomize",
                "the file is filled from a seed alone, `-S SEED`",
            );
        }
        if let Some(file) = self.file.as_ref().filter(|_| !self.multi.is_empty()) {
            complain(&format!(
                "warning: with --multi no other file is made: {} is ignored",
                file.display()
            ));
        }
    }

    fn items(&self) -> Result<Vec<Item>, Error> {
        if let Some(path) = &self.manifest {
            return manifest::read(path).map_err(|source| {
                Error::Op(ops::Error::Io {
                    action: "read the list",
                    path: path.clone(),
                    source,
                })
            });
        }
        let single = self.file.iter().filter(|_| self.multi.is_empty());
        let single = single.map(|path| Item {
            path: path.clone(),
            size: self.size,
            seed: self.seed,
        });
        Ok(single.chain(self.multi.iter().cloned()).collect())
    }
}
