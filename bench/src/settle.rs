//! Waiting for the machine to be quiet.
//!
//! Loading a module or making a file system leaves work behind: self-tests, writeback,
//! discarded pages. On one processor that work runs in the middle of a measurement.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the processors must be idle, and for how long it is worth waiting.
const WINDOW: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(5);
/// Quiet windows in a row that end the wait.
const WINDOWS: u32 = 3;

/// Waits until the machine did nothing for a while; says whether it came to that.
pub(crate) fn settle() -> bool {
    let until = Instant::now() + PATIENCE;
    let mut quiet = 0;
    while quiet < WINDOWS && Instant::now() < until {
        let before = busy_ticks();
        sleep(WINDOW);
        let idle = busy_ticks().is_some() && busy_ticks() == before;
        quiet = if idle { quiet + 1 } else { 0 };
    }
    quiet == WINDOWS
}

fn busy_ticks() -> Option<u64> {
    busy(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// Ticks in which some processor worked: all but idle and waiting for input or output.
fn busy(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut ticks = all.split_whitespace().map(str::parse::<u64>);
    let (user, nice, system) = (
        ticks.next()?.ok()?,
        ticks.next()?.ok()?,
        ticks.next()?.ok()?,
    );
    user.checked_add(nice)?.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_are_not_busy() {
        assert_eq!(
            busy("cpu  1 2 30 4000 500 6 7 8 9 10\ncpu0 1 1 1 1\n"),
            Some(33)
        );
        for other in ["", "cpu0 1 2 3", "cpu  1 2", "cpu  a b c"] {
            assert_eq!(busy(other), None, "{other}");
        }
    }
}
