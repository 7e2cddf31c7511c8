//! What the screen shows of a recording that is played, and what keys ask of its player.

use std::time::Duration;

/// Where a recording is. The screen has one only while a recording is its source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// The distance from the beginning of the recording.
    pub position: Duration,
    pub length: Duration,
    pub paused: bool,
    /// Seconds of the recording in one second; 1 is as it was.
    pub speed: f64,
}

/// What the player is asked to do. It answers with `Message::Transport`, and after a jump with
/// `Message::Jumped` before the next `Message::Observed`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// Go to this distance from the beginning, and never past the end.
    Jump(Duration),
    /// Go to the next observation, or the one before, and pause there.
    Step {
        back: bool,
    },
    Pause(bool),
    /// Never less than [`SLOWEST`] nor more than [`FASTEST`].
    Speed(f64),
}

pub const SLOWEST: f64 = 0.125;
pub const FASTEST: f64 = 64.0;

impl Transport {
    /// So many seconds on, or back, within the recording.
    pub fn jump(&self, seconds: i64) -> Ask {
        let by = Duration::from_secs(seconds.unsigned_abs());
        let to = if seconds < 0 {
            self.position.saturating_sub(by)
        } else {
            self.position.saturating_add(by)
        };
        Ask::Jump(to.min(self.length))
    }

    /// Returns the jump to this many thousandths of the whole.
    pub fn seek(&self, thousandths: u32) -> Ask {
        Ask::Jump(
            (self.length / 1000)
                .saturating_mul(thousandths.min(1000))
                .min(self.length),
        )
    }

    /// Twice as fast, or half.
    pub fn faster(&self, twice: bool) -> Ask {
        let speed = if twice {
            self.speed * 2.0
        } else {
            self.speed / 2.0
        };
        Ask::Speed(speed.clamp(SLOWEST, FASTEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(position: u64) -> Transport {
        Transport {
            position: Duration::from_secs(position),
            length: Duration::from_secs(100),
            paused: false,
            speed: 1.0,
        }
    }

    #[test]
    fn jumps_stay_in_the_recording() {
        let to = |seconds| Ask::Jump(Duration::from_secs(seconds));
        assert_eq!(transport(50).jump(10), to(60));
        assert_eq!(transport(50).jump(-60), to(0));
        assert_eq!(transport(50).jump(i64::MAX), to(100));
        assert_eq!(transport(50).jump(i64::MIN), to(0));
        assert_eq!(transport(0).seek(500), to(50));
        assert_eq!(transport(0).seek(9999), to(100));
    }

    #[test]
    fn speed_is_bounded() {
        let mut transport = transport(0);
        assert_eq!(transport.faster(true), Ask::Speed(2.0));
        transport.speed = FASTEST;
        assert_eq!(transport.faster(true), Ask::Speed(FASTEST));
        transport.speed = SLOWEST;
        assert_eq!(transport.faster(false), Ask::Speed(SLOWEST));
    }
}
