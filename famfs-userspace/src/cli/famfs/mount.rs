use std::path::{Path, PathBuf};

use famfs_cli::env;

use super::helper::options::{self, Parsed};
use super::output::Output;
use super::watching::{Unit, Watching};
use super::{Error, complain, no_effect, played};
use famfs_runtime::ops::{self, mount};

const EXAMPLES: &str = "\
Examples:
  famfs mount /dev/pmem0 /mnt/famfs
  famfs mount --json /dev/dax0.0 /mnt/famfs     what was played, as JSON
  famfs mount -M /dev/dax1.0 /mnt/famfs         switch it from devdax to fsdev mode first
  famfs mount -R -o ro /dev/pmem0 /mnt/famfs    make a mount read-only

A file system with bad log entries is mounted with the others, and the exit status is 1.";

/// Mount a file system (noatime, nosuid, nodev, noexec) and make the files of its log.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Leave the mount empty but for .meta; `famfs logplay` fills it later.
    #[arg(long)]
    no_logplay: bool,

    /// Play the log as a client, on the host that made the file system too.
    #[arg(long)]
    client: bool,

    /// Options as in fstab: ro, mode=OCTAL, exec, ...
    #[arg(short, long, value_name = "OPTIONS", value_parser = options::known)]
    options: Vec<String>,

    /// Change the flags of what is mounted already, and play the log.
    #[arg(short = 'R', long)]
    remount: bool,

    /// Put a character dax device into fsdev mode; back again when the mount fails.
    #[arg(short = 'M', long)]
    set_daxmode: bool,

    /// Load the famfs module first.
    #[arg(short = 'L', long)]
    load_module: bool,

    /// Read the log by a mapping or by read(2): both are done here, as it fits.
    #[arg(short = 'm', long, conflicts_with = "read")]
    mmap: bool,

    /// See --mmap.
    #[arg(short, long)]
    read: bool,

    /// Accepted: the kernel module is what there is.
    #[arg(short = 'F', long, conflicts_with = "fuse")]
    nofuse: bool,

    /// Refused: there is no fuse here.
    #[arg(short, long)]
    fuse: bool,

    /// Upstream's fuse timeout of metadata; accepted, without effect.
    #[arg(short, long, value_name = "SECONDS", hide = true)]
    timeout: Option<u64>,

    /// Upstream's fuse caching; accepted, without effect.
    #[arg(short, long, value_name = "HOW", hide = true, conflicts_with = "timeout",
          value_parser = ["always", "normal", "never"])]
    cache: Option<String>,

    /// Upstream's fuse shadow folder; accepted, without effect.
    #[arg(short = 'S', long, value_name = "PATH", hide = true)]
    shadow: Option<PathBuf>,

    /// Upstream's fuse access rule; accepted, without effect.
    #[arg(short = 'u', long, hide = true)]
    nouseraccess: bool,

    /// Upstream's fuse permission rule; accepted, without effect.
    #[arg(short = 'p', long, hide = true)]
    nodefaultperm: bool,

    /// Upstream's fuse debugging; accepted, without effect.
    #[arg(short, long, hide = true)]
    debug: bool,

    /// Accepted: upstream passes over it.
    #[arg(short = 'b', hide = true)]
    bounce: bool,

    /// Refused: mkfs and fsck make the mount that they need themselves, and nobody sees it.
    #[arg(short = 'D', long, hide = true)]
    dummy: bool,

    /// Accepted for scripts: what was played is printed anyway.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Print what was played as JSON.
    #[arg(long)]
    json: bool,

    /// A pmem block device, or a character dax device in fsdev mode.
    device: PathBuf,

    /// An existing folder.
    #[arg(required_unless_present = "dummy")]
    mount_point: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        self.check_mode(env::MODE.get().as_deref())?;
        let (Some(mount_point), false) = (&self.mount_point, self.dummy) else {
            return Err(refused(
                &self.device,
                "a dummy mount is not needed: mkfs and fsck work without",
            ));
        };
        let parsed =
            Parsed::new(&self.options, false).map_err(|why| refused(&self.device, &why))?;
        if let Some(note) = parsed.note() {
            complain(&note);
        }
        let mut options = parsed.mount;
        options.logplay &= !self.no_logplay;
        options.client |= self.client;
        options.remount |= self.remount;
        options.set_daxmode |= self.set_daxmode;
        options.load_module |= self.load_module;
        let mut watching = Watching::start(Unit::Entries)?;
        let played = mount::mount(&self.device, mount_point, &options, &mut watching.entries())?;
        watching.end();
        if played.outcome.interrupted {
            complain(played::interrupted(options.remount));
            return Ok(watching.interrupted());
        }
        played::print(&played, self.json, out)
    }

    /// Says what is asked for and not there.
    fn check_mode(&self, mode: Option<&std::ffi::OsStr>) -> Result<(), Error> {
        let of_fuse = [
            (self.timeout.is_some(), "--timeout"),
            (self.cache.is_some(), "--cache"),
            (self.shadow.is_some(), "--shadow"),
            (self.nouseraccess, "--nouseraccess"),
            (self.nodefaultperm, "--nodefaultperm"),
            (self.debug, "--debug"),
        ];
        if self.fuse {
            return Err(Error::OfFuse { option: "--fuse" });
        }
        for (_, option) in of_fuse.iter().filter(|(given, _)| *given) {
            no_effect(option, "it is for the fuse daemon, and there is none here");
        }
        if self.nouseraccess {
            complain("hint: `-o mode=700` keeps other users out of the mount");
        }
        match mode.and_then(std::ffi::OsStr::to_str) {
            _ if self.nofuse => Ok(()),
            None | Some("v1" | "") => Ok(()),
            Some("fuse") => Err(Error::OfFuse {
                option: "FAMFS_MODE=fuse",
            }),
            Some(other) => {
                complain(&format!(
                    "note: {}={other} is no mode; it is ignored",
                    env::MODE.name
                ));
                Ok(())
            }
        }
    }
}

fn refused(path: &Path, reason: &str) -> Error {
    Error::Op(ops::refused(path, reason))
}
