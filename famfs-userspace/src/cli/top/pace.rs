//! When the source is asked, and how soon a signal is seen.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::signal::Signals;
use famfs_snapshot::source::{Error, Source};

/// Signals, keys and the terminal's size are looked at so often.
pub(super) const NAP: Duration = Duration::from_millis(100);

/// The source is asked so often at least: names, events and the states of mounts are no older,
/// however long the interval. The kernel's table needs no more, since it calls when it fills up.
const LOOK: Duration = Duration::from_secs(1);

/// The time between two polls: equal parts of the interval.
pub(super) fn step(interval: Duration) -> Duration {
    interval / steps(interval)
}

fn steps(interval: Duration) -> u32 {
    let steps = interval.as_nanos().div_ceil(LOOK.as_nanos());
    u32::try_from(steps).unwrap_or(u32::MAX).max(1)
}

/// Keeps to the clock: an interval that took too long makes the next one shorter.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: Instant::now(),
        }
    }

    /// Polls `source` until the interval is over but for its last poll. `false` if a signal ended
    /// it early.
    pub(super) fn interval(
        &mut self,
        source: &mut dyn Source,
        signals: &Signals,
    ) -> Result<bool, Error> {
        let steps = steps(self.interval);
        for left in (0..steps).rev() {
            if !self.sleep(signals) {
                return Ok(false);
            }
            if left > 0 {
                source.poll()?;
            }
        }
        Ok(true)
    }

    /// Sleeps for one step. `false` if a signal came.
    fn sleep(&mut self, signals: &Signals) -> bool {
        let (now, step) = (Instant::now(), step(self.interval));
        self.next += step;
        if self.next + step < now {
            // Too late to catch up with.
            self.next = now;
        }
        loop {
            let left = self.next.saturating_duration_since(Instant::now());
            if signals.ended() || left.is_zero() {
                return !signals.ended();
            }
            thread::sleep(left.min(NAP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_equal_steps_of_a_second_at_most() {
        for (interval, want) in [(100, 100), (1000, 1000), (1500, 750), (2000, 1000)] {
            let got = step(Duration::from_millis(interval));
            assert_eq!(got, Duration::from_millis(want), "{interval}");
        }
        assert_eq!(step(Duration::ZERO), Duration::ZERO);
    }
}
