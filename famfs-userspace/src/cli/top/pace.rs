//! Intervals of time, in steps short enough to empty the kernel's table and to see signals.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{screen::POLL, signal::Signals};
use crate::source::{Error, Source};

/// Keeps to the clock: an interval that took too long makes the next one shorter.
#[derive(Debug)]
pub(super) struct Pace {
    steps: u32,
    pause: Duration,
    next: Instant,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        let steps = interval.as_nanos().div_ceil(POLL.as_nanos());
        let steps = u32::try_from(steps).unwrap_or(u32::MAX).max(1);
        Self {
            steps,
            pause: interval / steps,
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
        for step in 1..=self.steps {
            self.sleep();
            if signals.ended() {
                return Ok(false);
            }
            if step < self.steps {
                source.poll()?;
            }
        }
        Ok(true)
    }

    fn sleep(&mut self) {
        let now = Instant::now();
        self.next += self.pause;
        if self.next + self.pause < now {
            // Too late to catch up with.
            self.next = now;
        }
        thread::sleep(self.next.saturating_duration_since(now));
    }
}
