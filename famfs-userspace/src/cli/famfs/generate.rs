//! What is made from the command line's own description: completions and man pages.

use std::io;
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use super::output::Output;
use super::{Error, OK};
use crate::ops;

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

/// Every page by its name: of the command, of each of its subcommands, and of the names
/// that mount(8), umount(8) and mkfs(8) look for.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut commands = Vec::new();
    collect(super::command(), "", &mut commands);
    commands.extend(super::helper::commands());
    commands.into_iter().map(page).collect()
}

fn collect(command: Command, above: &str, into: &mut Vec<Command>) {
    let name = if above.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{above}-{}", command.get_name())
    };
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            collect(below.clone(), &name, into);
        }
    }
    // A name lives as long as its command: to the end of this process.
    let name: &'static str = name.leak();
    into.push(command.name(name).version(env!("CARGO_PKG_VERSION")));
}

fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let name = command.get_name().to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .section("8")
        .render(&mut page)?;
    Ok((name, page))
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
