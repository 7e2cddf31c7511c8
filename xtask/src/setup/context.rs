//! What the parts of set-up share.

use std::cell::OnceCell;

use anyhow::Result;

use super::apt;
use crate::process::Log;

/// Options of `cargo xtask setup`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask setup                                    install what is missing
  cargo xtask setup --upgrade                          look again for the kernels that fit best
  cargo xtask setup --debug-kernel                     build the debugging kernel too, an hour
  cargo xtask setup --mirror http://mirror.example/debian/   on a machine that is not Debian")]
pub(crate) struct Args {
    /// Debian mirror to fetch kernels from [default: the one of this machine's apt sources]
    #[arg(long, value_name = "URI")]
    pub(super) mirror: Option<String>,
    /// Look again for the kernel that fits each purpose best, and fetch it where it is another
    #[arg(long)]
    pub(super) upgrade: bool,
    /// Build the kernel of `lab --kernel debug` too; takes about an hour on two cores
    #[arg(long)]
    pub(super) debug_kernel: bool,
}

impl Args {
    /// What a part made on demand is made with.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            args: self,
            index: OnceCell::new(),
        }
    }
}

/// What the parts share: the options, and a package index that is fetched at most once.
pub(crate) struct Context<'a> {
    pub(super) args: &'a Args,
    index: OnceCell<apt::Apt>,
}

impl Context<'_> {
    /// The index of the suites that carry the lab's kernels.
    pub(crate) fn index(&self, log: &Log) -> Result<&apt::Apt> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        say("reading the package index");
        let index = apt::Apt::foreign(&apt::mirror(self.args.mirror.as_deref())?, log)?;
        if let Some(change) = index.describe_changes() {
            say(&change);
        }
        Ok(self.index.get_or_init(|| index))
    }
}

/// Prints a line of progress inside a part.
pub(crate) fn say(what: &str) {
    eprintln!("        {what}");
}
