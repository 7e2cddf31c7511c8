//! `famfs`: make, mount, fill, check and show famfs file systems.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use famfs_cli::{args, stream};

use crate::ops;

mod check;
mod chkread;
mod clone;
#[cfg(test)]
mod contract;
mod cp;
mod creat;
mod dump;
mod flush;
mod fsck;
mod generate;
mod getmap;
mod helper;
mod list;
mod logplay;
mod manifest;
mod mkdir;
mod mkfs;
mod mkmeta;
mod module;
mod mount;
mod opts;
mod output;
mod owner;
mod played;
mod size;
mod spread;
mod stop;
mod umount;
mod verify;
mod watching;

use output::Output;
pub use size::parse as parse_size;

/// The command did what it was asked to do.
const OK: u8 = 0;
/// It failed, or it found something wrong.
const FAILED: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;
/// A privilege or a kernel feature is missing.
const UNSUPPORTED: u8 = 3;

const AFTER_HELP: &str = "\
Examples:
  famfs mkfs /dev/pmem0                  make a file system
  famfs mount /dev/pmem0 /mnt/famfs      mount it and make the files of its log
  famfs creat -s 64MiB /mnt/famfs/table  make a file that every host can map
  famfs fsck /mnt/famfs                  check it
  famfs umount /mnt/famfs

Exit status: 0 done, 1 failed or found errors, 2 usage, 3 a privilege or a kernel feature
is missing, 128+N ended in good order by signal N. A closed output pipe is no failure.";

/// Files in shared DAX memory, known to every host by a log in that memory.
#[derive(Debug, Parser)]
#[command(name = "famfs", version, after_help = AFTER_HELP)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Mkfs(mkfs::Args),
    Mount(mount::Args),
    Umount(umount::Args),
    List(list::Args),
    Creat(creat::Args),
    Mkdir(mkdir::Args),
    Cp(cp::Args),
    Verify(verify::Args),
    Flush(flush::Args),
    Logplay(logplay::Args),
    Mkmeta(mkmeta::Args),
    Fsck(fsck::Args),
    Check(check::Args),
    Dump(dump::Args),
    Getmap(getmap::Args),
    Chkread(chkread::Args),
    Opts(opts::Args),
    Clone(clone::Args),
    Completions(generate::Completions),
    Man(generate::Man),
    Module(module::Args),
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Op(#[from] ops::Error),
    #[error("{option}: there is no fuse here; the kernel module mounts famfs itself")]
    OfFuse { option: &'static str },
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

/// Runs `famfs` with the arguments of this process.
pub fn main() -> ExitCode {
    let mut out = Output::default();
    let status = helper::run(&mut out)
        .unwrap_or_else(|| match args::parse::<Args>("famfs", USAGE) {
            Ok(args) => run(&args.command, &mut out),
            Err(status) => Ok(status),
        })
        .and_then(|status| out.finish().map_err(Error::Output).map(|()| status));
    match status {
        Ok(status) => ExitCode::from(status),
        Err(e) => ExitCode::from(complain_of(e)),
    }
}

/// The whole command line, for what is generated from it.
fn command() -> clap::Command {
    Args::command()
}

fn run(command: &Command, out: &mut Output) -> Result<u8, Error> {
    match command {
        Command::Mkfs(args) => args.run(out),
        Command::Mount(args) => args.run(out),
        Command::Umount(args) => args.run(),
        Command::List(args) => args.run(out),
        Command::Creat(args) => args.run(),
        Command::Mkdir(args) => args.run(),
        Command::Cp(args) => args.run(),
        Command::Verify(args) => args.run(out),
        Command::Flush(args) => Ok(args.run()),
        Command::Logplay(args) => args.run(out),
        Command::Mkmeta(args) => args.run(),
        Command::Fsck(args) => args.run(out),
        Command::Check(args) => args.run(out),
        Command::Dump(args) => args.run(out),
        Command::Getmap(args) => args.run(out),
        Command::Chkread(args) => args.run(out),
        Command::Opts(args) => args.run(out),
        Command::Clone(args) => args.run(out),
        Command::Completions(args) => args.run(out),
        Command::Man(args) => args.run(out),
        Command::Module(args) => args.run(out),
    }
}

/// Says what failed, why, and what to try; returns the exit status for it.
fn complain_of(error: Error) -> u8 {
    let (hint, status) = match &error {
        Error::Op(e) if e.is_missing_feature() => (e.hint(), UNSUPPORTED),
        Error::Op(ops::Error::Interrupted { signal }) => {
            (None, u8::try_from(128 + signal).unwrap_or(FAILED))
        }
        Error::Op(e) => (e.hint(), FAILED),
        Error::OfFuse { .. } => (None, UNSUPPORTED),
        Error::Output(e) => (None, stream::ended_by(e).unwrap_or(FAILED)),
        Error::Signals(_) => (None, FAILED),
    };
    complain(&format!("{:#}", anyhow::Error::from(error)));
    if let Some(hint) = hint {
        complain(&format!("hint: {hint}"));
    }
    status
}

/// One line for the user. Standard error may be gone, which is no reason to stop.
fn complain(message: &str) {
    let message = crate::text::printable(message);
    stream::complain("famfs", &message);
}
