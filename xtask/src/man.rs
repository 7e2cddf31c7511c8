//! `cargo xtask man`: the man pages, from the command line's own description.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{paths, process};

/// Options of `cargo xtask man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask man                    into target/man
  cargo xtask man /usr/local/share/man/man8")]
pub(crate) struct Args {
    /// Where to write them; the folder is made [default: target/man]
    folder: Option<PathBuf>,
}

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => paths::target("man"),
    };
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = fs::canonicalize(&folder)
        .with_context(|| format!("cannot resolve {}", folder.display()))?;
    let mut pages = 0;
    for program in ["famfs", "famfs-top"] {
        let text = process::stdout(
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                .current_dir(paths::workspace())
                .args(["run", "--quiet", "--locked", "-p", "famfs-userspace"])
                .args(["--bin", program, "--", "man"])
                .arg(&folder),
        )
        .with_context(|| format!("{program} could not write its pages"))?;
        pages += text.lines().count();
    }
    eprintln!("{pages} pages in {}", folder.display());
    Ok(())
}
