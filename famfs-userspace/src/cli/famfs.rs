//! `famfs`: make, mount, fill, check and show famfs file systems.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use famfs_cli::{args, stream};

use famfs_runtime::ops::{self, open};

mod argv;
mod check;
mod chkread;
mod clone;
#[cfg(test)]
mod contract;
mod cp;
mod creat;
mod dump;
mod flush;
mod frame;
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
mod number;
mod opts;
mod output;
mod owner;
mod played;
mod spread;
mod stop;
mod umount;
mod verify;
mod watching;

use output::Output;

/// The name under which its messages stand.
const NAME: &str = "famfs";

/// The command did what it was asked to do.
const OK: u8 = 0;
/// It failed, or it found something wrong.
const FAILED: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;
/// A privilege or a kernel feature is missing.
const UNSUPPORTED: u8 = 3;
/// The device is mounted, so that it is looked at through its mount: upstream's EBUSY.
const MOUNTED: u8 = 16;

const AFTER_HELP: &str = "\
Examples:
  famfs mkfs /dev/pmem0                  make a file system
  famfs mount /dev/pmem0 /mnt/famfs      mount it and make the files of its log
  famfs creat -s 64MiB /mnt/famfs/table  make a file that every host can map
  famfs fsck /mnt/famfs                  check it
  famfs umount /mnt/famfs

Exit status: 0 done, 1 failed or found errors, 2 usage, 3 a privilege or a kernel feature
is missing, 128+N ended in good order by signal N; 4 and 16 are of fsck. A closed output pipe
is no failure.";

/// Files in shared DAX memory, known to every host by a log in that memory.
#[derive(Debug, Parser)]
#[command(name = "famfs", version, after_help = AFTER_HELP)]
struct Args {
    /// Change nothing: as `logplay -n`. Commands that change something are refused.
    #[arg(long, hide = true)]
    dryrun: bool,

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
    #[error("{device} is mounted on {mount_point}",
        device = device.display(), mount_point = mount_point.display())]
    Mounted {
        device: PathBuf,
        mount_point: PathBuf,
    },
    #[error("{0}")]
    Usage(String),
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

/// Runs `famfs` with the arguments of this process.
pub fn main() -> ExitCode {
    let mut out = Output::default();
    let status = helper::run(&mut out)
        .unwrap_or_else(|| run_args(&mut out))
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

fn run_args(out: &mut Output) -> Result<u8, Error> {
    let parsed = frame::read(Args::command()).and_then(|matches| Args::from_arg_matches(&matches));
    match parsed {
        Ok(args) if args.dryrun => args.command.tried()?.run(out),
        Ok(args) => args.command.run(out),
        Err(error) => Ok(args::said(NAME, USAGE, &error)),
    }
}

impl Command {
    /// The command when nothing may be changed. Upstream's tools list `--dryrun` among their
    /// global options, and change everything all the same.
    fn tried(self) -> Result<Self, Error> {
        match self {
            Self::Logplay(args) if !args.prepares() => Ok(Self::Logplay(args.dry())),
            Self::Fsck(args) if !args.prepares() => Ok(Self::Fsck(args)),
            Self::List(_)
            | Self::Verify(_)
            | Self::Check(_)
            | Self::Dump(_)
            | Self::Getmap(_)
            | Self::Chkread(_)
            | Self::Completions(_) => Ok(self),
            _ => Err(Error::Usage(
                "--dryrun: this command cannot be tried without changing anything; \
                 `logplay -n` can"
                    .to_owned(),
            )),
        }
    }

    fn run(&self, out: &mut Output) -> Result<u8, Error> {
        match self {
            Self::Mkfs(args) => args.run(out),
            Self::Mount(args) => args.run(out),
            Self::Umount(args) => args.run(),
            Self::List(args) => args.run(out),
            Self::Creat(args) => args.run(),
            Self::Mkdir(args) => args.run(),
            Self::Cp(args) => args.run(),
            Self::Verify(args) => args.run(out),
            Self::Flush(args) => Ok(args.run()),
            Self::Logplay(args) => args.run(out),
            Self::Mkmeta(args) => args.run(),
            Self::Fsck(args) => args.run(out),
            Self::Check(args) => args.run(out),
            Self::Dump(args) => args.run(out),
            Self::Getmap(args) => args.run(out),
            Self::Chkread(args) => args.run(out),
            Self::Opts(args) => args.run(out),
            Self::Clone(args) => args.run(out),
            Self::Completions(args) => args.run(out),
            Self::Man(args) => args.run(out),
            Self::Module(args) => args.run(out),
        }
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
        Error::Mounted { .. } => (
            Some("name its mount point; `--force` looks at the device all the same"),
            MOUNTED,
        ),
        Error::Usage(_) => (Some("`--help` shows what there is"), USAGE),
        Error::Signals(_) => (None, FAILED),
    };
    complain(&format!("{:#}", anyhow::Error::from(error)));
    if let Some(hint) = hint {
        complain(&format!("hint: {hint}"));
    }
    status
}

/// Says that an option is understood, and why it changes nothing here.
fn no_effect(option: &str, why: &str) {
    complain(&format!("note: {option} has no effect: {why}"));
}

/// Says that it is not the image which is judged, where a path is one that lies in a mount.
fn note_image(path: &Path) {
    if let Some(mount_point) = open::image_in_mount(path) {
        complain(&format!(
            "note: {} lies in the mount {}, and that is the file system which is read; copy the \
             image out of the mount to read it instead",
            path.display(),
            mount_point.display()
        ));
    }
}

/// Writes one line for the user. Standard error may be gone, which is no reason to stop.
fn complain(message: &str) {
    stream::complain(NAME, &famfs_snapshot::text::printable(message));
}
