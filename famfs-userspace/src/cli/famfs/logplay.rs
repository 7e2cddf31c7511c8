use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::output::Output;
use super::stop::Stop;
use super::watching::{Unit, Watching};
use super::{Error, FAILED, OK, complain, no_effect, note_image, played};
use famfs_runtime::device::daxmode;
use famfs_runtime::ops;
use famfs_runtime::ops::follow::{self, Followed, Pace, Round, Watch};
use famfs_runtime::ops::logplay::{self, Options};
use famfs_runtime::ops::shadow::{self, Shadowed, Stale};

const EXAMPLES: &str = "\
Examples:
  famfs logplay /mnt/famfs               make what other hosts logged since
  famfs logplay -n /mnt/famfs            only say what would be made
  famfs logplay --repair /mnt/famfs      make files again that were truncated here
  famfs logplay --follow /mnt/famfs      keep making what is logged, until Ctrl-C
  famfs logplay --shadow DIR --daxdev img  the log as yaml files, nothing mounted";

/// Play the log of a mounted file system again: make the files that are missing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct Args {
    /// Make nothing, only count.
    #[arg(short = 'n', long, alias = "dryrun")]
    dry_run: bool,

    /// Put right what is there and is not as logged: owners, modes, and files that a
    /// change of size made invalid or that have another map.
    #[arg(long)]
    repair: bool,

    /// Play as a client, whose files cannot be opened for writing.
    #[arg(short, long)]
    client: bool,

    /// Stay, and make what the master appends; each time say how far behind the mount was.
    #[arg(long, conflicts_with = "dry_run")]
    follow: bool,

    /// Look at least this often while nothing happens, in milliseconds (with --follow).
    #[arg(long, value_name = "MS", default_value = "1000", requires = "follow",
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    interval: u64,

    /// Print what was played as JSON; with --follow one document a line.
    #[arg(long)]
    json: bool,

    /// Write the log as yaml files below DIR/root instead, one for each file.
    #[arg(short = 's', short_alias = 'S', long, value_name = "DIR", conflicts_with = "follow",
          action = clap::ArgAction::Append)]
    shadow: Vec<PathBuf>,

    /// Read the log of this device or image, which need not be mounted (with --shadow).
    #[arg(short = 'd', long, value_name = "DEV", requires = "shadow")]
    daxdev: Option<PathBuf>,

    /// Put a character dax device into fsdev mode first, and leave it there (with --daxdev).
    #[arg(short = 'M', long, requires = "daxdev")]
    set_daxmode: bool,

    /// Read the log by a mapping or by read(2): both are done here, as it fits.
    #[arg(short = 'm', long, conflicts_with = "read")]
    mmap: bool,

    /// See --mmap.
    #[arg(short, long)]
    read: bool,

    /// Accepted for scripts: what was played is printed anyway.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Only compare the files that are there, and fail if one differs (with --shadow).
    #[arg(long, requires = "shadow")]
    shadowtest: bool,

    /// Any path in the mount.
    #[arg(required_unless_present = "daxdev")]
    path: Option<PathBuf>,
}

impl Args {
    /// Says whether a driver is switched before anything is read.
    pub(super) fn prepares(&self) -> bool {
        self.set_daxmode
    }

    /// The same, making nothing.
    pub(super) fn dry(mut self) -> Self {
        self.dry_run = true;
        self
    }

    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        if self.shadow.len() > 1 {
            return Err(Error::Usage("--shadow can be given once only".to_owned()));
        }
        if let (Some(_), Some(path)) = (&self.daxdev, &self.path) {
            complain(&format!(
                "warning: the log is read from --daxdev: {} is ignored",
                path.display()
            ));
        }
        let options = Options {
            dry_run: self.dry_run,
            repair: self.repair,
            client: self.client,
        };
        // clap demands one of them.
        let source = self.daxdev.as_deref().or(self.path.as_deref());
        let source = source.unwrap_or(Path::new("."));
        if self.set_daxmode {
            self.switch(source)?;
        }
        if self.follow {
            return self.follow(source, options, out);
        }
        let mut watching = Watching::start(Unit::Entries)?;
        let mut progress = watching.entries();
        let (played, stale) = match self.shadow.first() {
            Some(dir) => {
                note_image(source);
                let shadowed = shadow::shadow(
                    source,
                    dir,
                    Options {
                        // A shadow file is a copy of what the log says: an old one is replaced.
                        repair: self.repair || !self.shadowtest,
                        ..options
                    },
                    if self.shadowtest {
                        Stale::Leave
                    } else {
                        Stale::Remove
                    },
                    &mut progress,
                )?;
                let stale = self.report(&shadowed);
                (shadowed.played, stale)
            }
            None => (logplay::logplay(source, options, &mut progress)?, OK),
        };
        watching.end();
        let status = played::print(&played, self.json, out)?;
        if played.outcome.interrupted {
            return Ok(watching.interrupted());
        }
        Ok(status.max(stale))
    }

    fn switch(&self, source: &Path) -> Result<(), Error> {
        if self.dry_run {
            no_effect("--set-daxmode", "a dry run changes nothing");
        } else if let Some(switched) = daxmode::to_fsdev(source).map_err(ops::Error::from)? {
            switched.keep();
        }
        Ok(())
    }

    /// Says what became of a folder of shadow files, and returns the exit status of that.
    fn report(&self, shadowed: &Shadowed) -> u8 {
        for missing in &shadowed.missing {
            complain(&format!("note: would create {}", missing.display()));
        }
        let mut status = OK;
        for (path, done) in &shadowed.stale {
            let shown = shadowed.root.join(path);
            let shown = shown.display();
            let what = "a shadow file of a file that the log does not have";
            match done {
                Err(e) => {
                    status = FAILED;
                    complain(&format!("cannot remove {shown}, {what}: {e}"));
                }
                Ok(()) if self.shadowtest => {
                    status = FAILED;
                    complain(&format!(
                        "{shown} is {what}: `famfs logplay --shadow` without --shadowtest removes it"
                    ));
                }
                Ok(()) if self.dry_run => complain(&format!("note: would remove {shown}, {what}")),
                Ok(()) => complain(&format!("note: removed {shown}, {what}")),
            }
        }
        status
    }

    fn follow(&self, path: &Path, options: Options, out: &mut Output) -> Result<u8, Error> {
        let mut follower = Follower {
            json: self.json,
            stop: Stop::listen().map_err(ops::failed("listen to signals for", path))?,
            out,
            failed: None,
            is_new: true,
        };
        let mut pace = Pace::new(Duration::from_millis(self.interval));
        let asked = follower.stop.asked();
        let mut go_on = |_done, _all| !asked.load(Ordering::Relaxed);
        let all = follow::follow(path, options, &mut pace, &mut follower, &mut go_on)?;
        if let Some(error) = follower.failed {
            return Err(error);
        }
        summary(&all, self.json, out)?;
        Ok(if all.is_complete() { OK } else { FAILED })
    }
}

struct Follower<'o> {
    json: bool,
    stop: Stop,
    out: &'o mut Output,
    failed: Option<Error>,
    /// Whether the first round is still to come.
    is_new: bool,
}

impl Watch for Follower<'_> {
    fn round(&mut self, round: &Round) -> bool {
        if std::mem::take(&mut self.is_new) {
            played::complain_of_identity(round.played.role);
        }
        self.failed = played::round(round, self.json, self.out).err();
        self.failed.is_none() && !self.out.is_closed()
    }

    fn wait(&mut self, pause: Duration) -> bool {
        !self.stop.wait(pause)
    }
}

fn summary(followed: &Followed, json: bool, out: &mut Output) -> Result<(), Error> {
    if json {
        return Ok(());
    }
    out.line(&format!(
        "followed: {} new files, {} new directories, {} bad entries",
        followed.new_files, followed.new_dirs, followed.bad
    ))
}
