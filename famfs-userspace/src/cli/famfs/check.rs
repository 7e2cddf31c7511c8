use std::path::PathBuf;

use super::output::Output;
use super::{Error, FAILED, OK, complain};
use famfs_runtime::ops::check;

const EXAMPLES: &str = "\
Examples:
  famfs check /mnt/famfs
  famfs check --json /mnt/famfs

It asks the kernel about the files of this mount. `famfs fsck` judges what is in the memory.";

/// Check that every file of a mount has a valid map.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Accepted for scripts; every bad file is named anyway.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Accepted for scripts.
    #[arg(short, long, hide = true)]
    quiet: bool,

    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,

    /// Where a famfs is mounted.
    mount_point: PathBuf,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let report = check::check(&self.mount_point)?;
        if self.json {
            out.json(&report)?;
        } else {
            for bad in &report.errors {
                complain(&format!("{}: {}", bad.path.text(), bad.reason));
            }
            out.line(&format!(
                "{} files, {} directories, {} errors",
                report.files,
                report.directories,
                report.errors.len()
            ))?;
        }
        Ok(if report.errors.is_empty() { OK } else { FAILED })
    }
}
