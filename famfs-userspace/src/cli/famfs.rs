//! `famfs`: make, mount, fill, check and show famfs file systems.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ops;

mod creat;
mod dump;
mod fsck;
mod getmap;
mod logplay;
mod mkdir;
mod mkfs;
mod module;
mod mount;
mod output;
mod owner;
mod played;
mod size;
mod umount;

use output::Output;

/// The command did what it was asked to do.
const OK: u8 = 0;
/// It failed, or it found something wrong.
const FAILED: u8 = 1;
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
is missing. A closed output pipe is no failure.";

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
    Creat(creat::Args),
    Mkdir(mkdir::Args),
    Logplay(logplay::Args),
    Fsck(fsck::Args),
    Dump(dump::Args),
    Getmap(getmap::Args),
    Module(module::Args),
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Op(#[from] ops::Error),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

/// Runs `famfs` with the arguments of this process.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = Output::stdout();
    let status = run(&args.command, &mut out)
        .and_then(|status| out.finish().map_err(Error::Output).map(|()| status));
    match status {
        Ok(status) => ExitCode::from(status),
        // The reader has seen enough.
        Err(Error::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(OK),
        Err(e) => ExitCode::from(report(e)),
    }
}

fn run(command: &Command, out: &mut Output) -> Result<u8, Error> {
    match command {
        Command::Mkfs(args) => args.run(out),
        Command::Mount(args) => args.run(out),
        Command::Umount(args) => args.run(),
        Command::Creat(args) => args.run(),
        Command::Mkdir(args) => args.run(),
        Command::Logplay(args) => args.run(out),
        Command::Fsck(args) => args.run(out),
        Command::Dump(args) => args.run(out),
        Command::Getmap(args) => args.run(out),
        Command::Module(args) => args.run(out),
    }
}

/// Says what failed, why, and what to try.
fn report(error: Error) -> u8 {
    let (hint, status) = match &error {
        Error::Op(e) if e.is_missing_feature() => (e.hint(), UNSUPPORTED),
        Error::Op(e) => (e.hint(), FAILED),
        Error::Output(_) => (None, FAILED),
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
    let _ = writeln!(io::stderr(), "famfs: {message}");
}
