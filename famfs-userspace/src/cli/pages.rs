//! What is made from a command line's own description: man pages.

use std::io;

use clap::Command;

/// Every page by its name: of the command and of each of its subcommands.
pub(super) fn pages(
    commands: impl IntoIterator<Item = Command>,
) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    for command in commands {
        collect(command, "", &mut all);
    }
    all.into_iter().map(page).collect()
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
