//! What is made from the command line's own description: completions and man pages.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{args::Args, output::print};
use crate::cli::pages::pages;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  famfs-top completions bash > /usr/share/bash-completion/completions/famfs-top
  famfs-top completions zsh > /usr/share/zsh/site-functions/_famfs-top")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Args::command(), "famfs-top", &mut script);
        print(&String::from_utf8_lossy(&script)).map(drop)
    }
}

/// Write the man pages, one for each command, into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  famfs-top man /usr/local/share/man/man8")]
pub(super) struct Man {
    /// The folder, which must exist.
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        for (name, page) in pages([Args::command()]).context("cannot render the pages")? {
            let path = self.folder.join(format!("{name}.8"));
            fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
            print(&format!("{}\n", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_examples() {
        let pages = pages([Args::command()]).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "famfs-top",
            "famfs-top-record",
            "famfs-top-replay",
            "famfs-top-serve",
        ] {
            assert!(names.contains(&name), "{name} of {names:?}");
        }
        for (name, page) in &pages {
            let page = String::from_utf8(page.clone()).unwrap();
            assert!(page.contains("Example"), "{name}");
        }
    }
}
