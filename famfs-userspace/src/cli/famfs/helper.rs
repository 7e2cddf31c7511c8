//! The names under which mount(8), umount(8) and mkfs(8) call this program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, FromArgMatches, Parser};
use famfs_cli::args;

use super::output::Output;
use super::watching::{Unit, Watching};
use super::{Error, FAILED, NAME, OK, complain, complain_of, frame, mkfs, played};
use famfs_machine::kernel::mount::{self as kernel, Unmount};
use famfs_runtime::ops::{self, mount};

pub(super) mod options;

/// mount(8) and umount(8) expect these statuses of a helper.
pub(super) const USAGE: u8 = 1;
pub(super) const MOUNT_FAILED: u8 = 32;
pub(super) const SOME_SUCCEEDED: u8 = 64;

const MOUNT_EXAMPLES: &str = "\
Examples:
  mount -t famfs /dev/pmem0 /mnt/famfs
  mount -t famfs -o set-daxmode /dev/dax0.0 /mnt/famfs
  mount -o remount,ro /mnt/famfs

In /etc/fstab:
  /dev/pmem0  /mnt/famfs  famfs  noauto,x-systemd.automount  0 0

Options of famfs: logplay, nologplay, client, set-daxmode, mode=OCTAL, dax=always. The mount
is noatime, nosuid, nodev and noexec unless the options say otherwise.

Exit status: 0 mounted, 1 usage, 32 not mounted, 64 mounted, but without every file of the log.";

/// Mount a famfs file system and make the files of its log, for mount(8).
#[derive(Debug, Parser)]
#[command(name = "mount.famfs", version, after_help = MOUNT_EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
struct Mount {
    /// A pmem block device, or a character dax device.
    device: PathBuf,

    /// An existing folder.
    #[arg(value_name = "MOUNT_POINT")]
    folder: PathBuf,

    /// Options, as in fstab.
    #[arg(short, value_name = "OPTIONS")]
    options: Vec<String>,

    /// Pass over options that are not known.
    #[arg(short)]
    sloppy: bool,

    /// Do everything but mount.
    #[arg(short)]
    fake: bool,

    /// There is no mtab to write.
    #[arg(short)]
    no_mtab: bool,

    /// Say what was played.
    #[arg(short)]
    verbose: bool,

    /// The file system type that mount(8) was given.
    #[arg(short, value_name = "TYPE")]
    types: Option<String>,
}

/// Unmount a famfs file system, for umount(8).
#[derive(Debug, Parser)]
#[command(
    name = "umount.famfs",
    version,
    after_help = "Example:\n  umount /mnt/famfs\n\nExit status: 0 unmounted, 1 usage, 32 failed."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
struct Umount {
    /// Where it is mounted, or the device.
    target: PathBuf,

    /// There is no mtab to write.
    #[arg(short)]
    no_mtab: bool,

    /// Take it away now, and let it go when nobody uses it.
    #[arg(short)]
    lazy: bool,

    /// Abort what waits for the device.
    #[arg(short)]
    force: bool,

    /// Mount read-only when it cannot be unmounted: famfs does not.
    #[arg(short)]
    read_only: bool,

    /// Say nothing more.
    #[arg(short)]
    verbose: bool,

    /// The file system type that umount(8) was given.
    #[arg(short, value_name = "TYPE")]
    types: Option<String>,
}

/// Make a famfs file system, for mkfs(8).
#[derive(Debug, Parser)]
#[command(name = "mkfs.famfs", version, after_help = mkfs::EXAMPLES)]
struct Mkfs {
    #[command(flatten)]
    args: mkfs::Args,
}

/// The descriptions of all three.
pub(super) fn commands() -> [clap::Command; 3] {
    [Mount::command(), Umount::command(), Mkfs::command()]
}

/// Does what the name that this program was called by asks for, if it is one of those.
pub(super) fn run(out: &mut Output) -> Option<Result<u8, Error>> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let name = Path::new(args.first()?).file_name()?.to_str()?;
    Some(match name {
        "mount.famfs" => match parse::<Mount>(frame::lenient(Mount::command())) {
            Ok(args) => args.run(out),
            Err(error) => Ok(args::said(NAME, USAGE, &error)),
        },
        "umount.famfs" => match parse::<Umount>(frame::lenient(Umount::command())) {
            Ok(args) => Ok(args.run()),
            Err(error) => Ok(args::said(NAME, USAGE, &error)),
        },
        "mkfs.famfs" => match parse::<Mkfs>(frame::dress_alone(Mkfs::command())) {
            Ok(args) => args.args.run(out),
            Err(error) => Ok(args::said(NAME, super::USAGE, &error)),
        },
        _ => return None,
    })
}

fn parse<T: FromArgMatches>(command: clap::Command) -> Result<T, clap::Error> {
    let name = command.get_name().to_owned();
    let matches = command.try_get_matches()?;
    frame::report_extra(&name, &matches);
    T::from_arg_matches(&matches)
}

impl Mount {
    fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let mut options = match options::Parsed::new(&self.options, self.sloppy) {
            Ok(options) => options,
            Err(why) => {
                complain(&why);
                return Ok(USAGE);
            }
        };
        if let Some(note) = options.note() {
            complain(&note);
        }
        // Nobody who writes an fstab line expects to load modules by hand.
        options.mount.load_module = true;
        if self.fake {
            return Ok(OK);
        }
        let mut watching = Watching::start(Unit::Entries)?;
        let mounted = mount::mount(
            &self.device,
            &self.folder,
            &options.mount,
            &mut watching.entries(),
        );
        watching.end();
        match mounted {
            Ok(played) if played.outcome.interrupted => {
                complain(played::interrupted(options.mount.remount));
                Ok(MOUNT_FAILED)
            }
            Ok(played) => {
                let status = if self.verbose {
                    played::print(&played, false, out)?
                } else {
                    played::View::new(&played).complain();
                    played::status(&played)
                };
                Ok(if status == FAILED {
                    SOME_SUCCEEDED
                } else {
                    status
                })
            }
            Err(e) => {
                complain_of(Error::Op(e));
                Ok(MOUNT_FAILED)
            }
        }
    }
}

impl Umount {
    fn run(&self) -> u8 {
        let how = Unmount {
            lazy: self.lazy,
            force: self.force,
        };
        let done = mount::mount_point_of(&self.target)
            .and_then(|target| kernel::umount(&target, how).map_err(ops::Error::from));
        match done {
            Ok(()) => OK,
            Err(e) => {
                complain_of(Error::Op(e));
                MOUNT_FAILED
            }
        }
    }
}
