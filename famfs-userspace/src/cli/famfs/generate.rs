//! What is made from the command line's own description: completions and man pages.

use std::io;
use std::path::PathBuf;

use clap_complete::Shell;

use super::output::Output;
use super::{Error, OK};
use famfs_runtime::ops;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  famfs completions bash > /usr/share/bash-completion/completions/famfs
  famfs completions zsh > /usr/share/zsh/site-functions/_famfs")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "famfs", &mut script);
        out.bytes(&script)?;
        Ok(OK)
    }
}

/// Write the man pages, one for each command, into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  famfs man /usr/local/share/man/man8")]
pub(super) struct Man {
    /// The folder, which must exist.
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        for (name, page) in pages().map_err(Error::Output)? {
            let path = self.folder.join(format!("{name}.8"));
            std::fs::write(&path, page).map_err(|source| ops::Error::Io {
                action: "write",
                path: path.clone(),
                source,
            })?;
            out.line(&path.display().to_string())?;
        }
        Ok(OK)
    }
}

/// The pages of the command, and of the names that mount(8), umount(8) and mkfs(8) look for.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let helpers = super::helper::commands();
    crate::cli::pages::pages([super::command()].into_iter().chain(helpers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_examples() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "famfs",
            "famfs-mkfs",
            "famfs-cp",
            "mount.famfs",
            "umount.famfs",
            "mkfs.famfs",
        ] {
            assert!(names.contains(&name), "{name} of {names:?}");
        }
        for (name, page) in &pages {
            let page = String::from_utf8(page.clone()).unwrap();
            assert!(page.contains("Example"), "{name}");
        }
    }
}
