//! `famfs module`: load the kernel module, unload it, and say what state it is in.

use std::path::PathBuf;

use super::output::Output;
use super::{Error, FAILED, OK, UNSUPPORTED, complain};
use famfs_machine::module::{self, load, status, unload};

const EXAMPLES: &str = "\
Examples:
  famfs module load                     the module installed for this kernel
  famfs module load famfs-kmod/famfs.ko this file
  famfs module status                   what is loaded, what would be, who uses it
  famfs module unload                   or the names of those who keep it";

/// Load or unload the kernel module, or say why it does not (un)load.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Load the module; a kernel that refuses it is explained.
    #[command(after_help = "Examples:
  famfs module load
  famfs module load ./famfs.ko

Exit status: 0 loaded, 1 failed (loaded already, a damaged file), 3 not for this kernel,
not signed where that is demanded, not root.")]
    Load {
        /// The module's file [default: the one installed for the running kernel]
        file: Option<PathBuf>,
    },
    /// Unload the module, or name who keeps it.
    #[command(after_help = "Example:\n  famfs module unload")]
    Unload,
    /// Show what is loaded, what would be loaded, and who uses it.
    #[command(after_help = "Examples:
  famfs module status
  famfs module status --json | jq .pins

As root it sees the uses of every process, else only one's own.")]
    Status {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let done = match &self.action {
            Action::Load { file } => load::load(file.as_deref()),
            Action::Unload => unload::unload(),
            Action::Status { json } => {
                let status = status::read();
                if *json {
                    out.json(&status)?;
                } else {
                    for line in status.lines() {
                        out.line(&famfs_snapshot::text::printable(&line))?;
                    }
                }
                return Ok(OK);
            }
        };
        Ok(done.map_or_else(|error| report(&error), |()| OK))
    }
}

fn report(error: &module::Error) -> u8 {
    complain(&error.message);
    for hint in &error.hints {
        complain(&format!("hint: {hint}"));
    }
    if error.missing_feature {
        UNSUPPORTED
    } else {
        FAILED
    }
}
