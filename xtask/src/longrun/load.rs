//! Something else that keeps every CPU busy while tests run, and how busy the CPUs were.

use std::fs;
use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::{SysconfVar, sysconf};

/// How much processor time the machine and the runs have used, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpus {
    /// Whether they were used or not.
    all: i64,
    used: i64,
    /// What the children of this process used that have ended.
    ours: i64,
}

impl Cpus {
    pub(super) fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        let (all, idle) = ticks(&stat).context("/proc/stat does not begin with a line `cpu`")?;
        let second = sysconf(SysconfVar::CLK_TCK)
            .context("cannot ask for the length of a tick")?
            .context("the kernel does not say how long a tick is")?;
        let micros = |ticks: i64| ticks.saturating_mul(1_000_000) / second.max(1);
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("cannot ask for used time")?;
        let micros_of = |time: TimeVal| time.num_microseconds();
        Ok(Self {
            all: micros(all),
            used: micros(all - idle),
            ours: micros_of(usage.user_time()) + micros_of(usage.system_time()),
        })
    }

    /// Returns the share of all processor time since then that was used by something else than
    /// the children of this process, in percent.
    pub(super) fn others_since(&self, before: &Self) -> u64 {
        let all = self.all - before.all;
        let others = (self.used - before.used) - (self.ours - before.ours);
        u64::try_from(others.saturating_mul(100) / all.max(1)).unwrap_or(0)
    }
}

/// Reads the ticks of all CPUs from `/proc/stat`: all of them, and those without work. See
/// `proc_stat(5)`; the time of guests is part of the user time,
/// and what a hypervisor took was no time of this machine.
fn ticks(stat: &str) -> Option<(i64, i64)> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?;
    let numbers: Vec<i64> = numbers
        .split_whitespace()
        .take(7)
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    let idle = numbers.get(3)? + numbers.get(4)?;
    Some((numbers.iter().sum(), idle))
}

/// Threads that compute nothing, one for each CPU, until this is dropped.
#[derive(Debug)]
pub(super) struct Load {
    done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(super) fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let cpus = thread::available_parallelism().map_or(2, usize::from);
        let threads = (0..cpus)
            .map(|_| {
                let done = Arc::clone(&done);
                thread::spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        hint::spin_loop();
                    }
                })
            })
            .collect();
        Self { done, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_and_waiting_is_no_work() {
        let stat = "cpu  10 1 5 100 20 2 3 4 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(ticks(stat), Some((141, 120)));
        for bad in ["", "cpu 1 2 3", "cpu 1 x 3 4 5", "intr 1 2 3 4 5"] {
            assert_eq!(ticks(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_others_used_is_what_was_used_without_ours() {
        let at = |all, used, ours| Cpus { all, used, ours };
        let before = at(1_000, 500, 50);
        assert_eq!(at(2_000, 1_400, 450).others_since(&before), 50);
        // The clocks of both are not the same one.
        assert_eq!(at(2_000, 1_400, 951).others_since(&before), 0);
        assert_eq!(before.others_since(&before), 0);
    }

    #[test]
    fn this_machine_can_be_asked() {
        let now = Cpus::now().unwrap();
        assert!(now.used > 0 && now.used <= now.all);
    }
}
