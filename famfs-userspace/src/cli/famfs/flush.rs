use std::path::PathBuf;

use super::{Error, OK, complain, complain_of};
use famfs_runtime::ops::data;

const EXAMPLES: &str = "\
Examples:
  famfs flush /mnt/famfs/table      before another host reads it, or after one wrote it

CXL memory is not coherent between hosts: what one wrote is seen by another when the writer has
written its lines back, and the reader has dropped its own.";

/// Write back this host's cache lines of files, and drop them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Name each file.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Files, of any file system.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Args {
    pub(super) fn run(&self) -> u8 {
        let mut status = OK;
        for file in &self.files {
            match data::flush(file) {
                Ok(()) if self.verbose > 0 => complain(&format!("flushed {}", file.display())),
                Ok(()) => {}
                Err(e) => status = complain_of(Error::Op(e)).max(status),
            }
        }
        status
    }
}
