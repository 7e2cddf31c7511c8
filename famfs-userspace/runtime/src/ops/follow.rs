//! Keep a mount up to date as the master appends.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::logplay::{Options, Played, Progress, act_options};
use super::place::Place;
use super::{Error, failed, stale};
use crate::device::{self, meta::MetaFiles};
use crate::player::MountTree;
use famfs_machine::kernel::confined;
use famfs_media::player::{self, Outcome, Plan};
use famfs_media::volume::{News, Volume};

/// When to look again: soon while the log grows, ever later while it does not.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    next: Duration,
    longest: Duration,
}

impl Pace {
    /// The pause after news.
    pub const SHORTEST: Duration = Duration::from_millis(5);

    pub fn new(longest: Duration) -> Self {
        Self {
            next: Self::SHORTEST.min(longest),
            longest,
        }
    }

    /// The pause before the next look, given whether the last one found something.
    pub fn pause(&mut self, found: bool) -> Duration {
        if found {
            self.next = Self::SHORTEST.min(self.longest);
        }
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }
}

/// What one look at the log came to.
#[derive(Debug)]
pub struct Round {
    /// How many entries the mount was behind when the log was looked at.
    pub behind: u64,
    /// What was played then, and what is wrong with the log now.
    pub played: Played,
    /// The time from the look to the last file that was made.
    pub took: Duration,
}

/// What the caller has to say about a follow.
pub trait Watch {
    /// Hears of the first play, and of each look that found news; says whether to go on.
    fn round(&mut self, round: &Round) -> bool;

    /// Waits, and says whether to go on.
    fn wait(&mut self, pause: Duration) -> bool;
}

/// Plays the log of a mounted file system, and what is appended to it, until `watch`
/// says stop. Fails when the device holds another file system, or is gone.
pub fn follow(
    path: &Path,
    options: Options,
    pace: &mut Pace,
    watch: &mut dyn Watch,
    progress: Progress<'_>,
) -> Result<Followed, Error> {
    let mount = Place::find(path)?.mount;
    let mount_point = &mount.mount_point;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let mut memory =
        MetaFiles::open(root.as_fd(), false).map_err(failed("open the log of", mount_point))?;
    let device_size = device::size_of(&mount.source)?;

    let mut volume = Volume::load(&mut memory).map_err(failed("read the log of", mount_point))?;
    stale::check(&mount)?;
    volume.check().map_err(|fault| Error::Unusable {
        path: mount_point.clone(),
        fault,
    })?;
    let options = act_options(&volume, options);
    let mut plan = Plan::new(&volume, Some(device_size));
    let (mut done, mut seen, mut before) = (0, Instant::now(), 0);
    let mut followed = Followed::default();
    let mut found = true;
    loop {
        if found {
            // A tree knows some of the mount by heart, which may have changed since the last round.
            let mut tree = MountTree::new(root.as_fd());
            let outcome = player::play(&plan, done, &mut tree, &options, progress);
            done = plan.actions.len();
            followed.add(&outcome);
            let interrupted = outcome.interrupted;
            let round = Round {
                behind: volume.counted() - before,
                took: seen.elapsed(),
                played: Played {
                    role: options.role,
                    entries: volume.counted(),
                    outcome,
                },
            };
            before = plan.read();
            if !watch.round(&round) || interrupted {
                return Ok(followed);
            }
            // What was reported once is not reported again.
            plan.forget_findings();
        }
        if !watch.wait(pace.pause(found)) {
            return Ok(followed);
        }
        seen = Instant::now();
        let news = volume
            .refresh(&mut memory)
            .map_err(failed("read the log of", mount_point))?;
        found = match news {
            News::Nothing => false,
            News::Grown => {
                plan.extend(&volume);
                true
            }
            News::Replaced => {
                return Err(Error::Stale {
                    mount_point: mount_point.clone(),
                });
            }
        };
    }
}

/// What a follow came to, all in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Followed {
    pub new_files: u64,
    pub new_dirs: u64,
    /// Entries that were refused or failed.
    pub bad: u64,
    /// Whether a bad slot hides what stands behind it.
    pub stopped: bool,
    /// Whether it was told to end before it had made what it knew of.
    pub interrupted: bool,
}

impl Followed {
    fn add(&mut self, outcome: &Outcome) {
        self.new_files += outcome.new_files;
        self.new_dirs += outcome.new_dirs;
        self.bad += (outcome.refused.len() + outcome.failed.len()) as u64;
        self.stopped = outcome.stop.is_some();
        self.interrupted = outcome.interrupted;
    }

    /// Whether everything that was logged is in the mount.
    pub fn is_complete(&self) -> bool {
        self.bad == 0 && !self.stopped && !self.interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_rare_and_frequent_again() {
        let ms = Duration::from_millis;
        let mut pace = Pace::new(ms(100));
        let quiet: Vec<_> = (0..7).map(|_| pace.pause(false)).collect();
        assert_eq!(quiet, [5, 10, 20, 40, 80, 100, 100].map(ms));
        assert_eq!(pace.pause(true), ms(5));
        assert_eq!(pace.pause(false), ms(10));
        assert_eq!(pace.pause(true), ms(5));
        // Five looks in the first 155 ms, then ten a second.
        let mut short = Pace::new(ms(1));
        assert_eq!([short.pause(true), short.pause(false)], [ms(1); 2]);
    }
}
