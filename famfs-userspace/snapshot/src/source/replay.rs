//! A recording as a source: played at any speed, paused, and jumped in.

use std::{
    fs::File,
    io::BufReader,
    path::Path,
    time::{Duration, Instant},
};

use super::{Error, Source};
use crate::{
    model::Snapshot,
    store::{self, Damage, Recording},
};

mod span;

pub use span::{Moment, Span, intervals};

const SLOWEST: f64 = 0.001;
const FASTEST: f64 = 1000.0;

/// A recording that is played.
#[derive(Debug)]
pub struct Replay {
    recording: Recording<BufReader<File>>,
    head: Head,
    /// When the head was moved last.
    clock: Instant,
    /// The place of the snapshot that was given last.
    given: Option<usize>,
    /// Damage that was met while playing.
    met: Vec<Damage>,
}

impl Replay {
    /// Opens a recording at its first snapshot.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be opened, or as [`Recording::open`] does.
    pub fn open(path: &Path) -> Result<Self, store::Error> {
        let file = File::open(path).map_err(|error| store::Error::Io {
            action: "open it",
            error,
        })?;
        let recording = Recording::open(BufReader::new(file))?;
        let times = recording.entries().iter().map(store::Entry::elapsed_ns);
        Ok(Self {
            head: Head::new(times.collect()),
            recording,
            clock: Instant::now(),
            given: None,
            met: Vec::new(),
        })
    }

    /// Returns the recording.
    pub fn recording(&self) -> &Recording<BufReader<File>> {
        &self.recording
    }

    /// Plays only `span`, from its beginning.
    pub fn limit(&mut self, span: Span) {
        self.head.limit(span);
        self.clock = Instant::now();
        self.given = None;
    }

    /// Returns the snapshot in place `at`, or the next sound one if that is damaged, together with
    /// its place.
    ///
    /// # Errors
    ///
    /// Fails if no sound snapshot follows, or if the file cannot be read.
    pub fn sound(&mut self, mut at: usize) -> Result<(usize, Snapshot), store::Error> {
        loop {
            match self.recording.snapshot(at) {
                Ok(snapshot) => return Ok((at, snapshot)),
                Err(store::Error::Frame { offset, why }) => {
                    self.meet(offset, why);
                    let entries = self.recording.entries();
                    let next = (at + 1..entries.len()).find(|&i| entries[i].is_key());
                    at = next.ok_or(store::Error::Frame { offset, why })?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn meet(&mut self, offset: u64, why: &'static str) {
        let damage = Damage {
            offset,
            bytes: 0,
            why,
        };
        if !self.met.contains(&damage) && self.met.len() < 100 {
            self.met.push(damage);
        }
    }

    /// Returns the damage that was met since the last call.
    pub fn met(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.met)
    }

    /// Returns how far the first snapshot that is played is back, and how long all that is played
    /// is.
    pub fn position(&self) -> (Duration, Duration) {
        self.head.position()
    }

    /// Returns whether it is paused.
    pub fn paused(&self) -> bool {
        self.head.paused
    }

    /// Pauses, or goes on.
    pub fn pause(&mut self, paused: bool) {
        self.tick();
        self.head.paused = paused;
    }

    /// Returns how many seconds of the recording are played in one second.
    pub fn speed(&self) -> f64 {
        self.head.speed
    }

    /// Changes the speed, within 0.001 to 1000.
    pub fn set_speed(&mut self, speed: f64) {
        self.tick();
        self.head.set_speed(speed);
    }

    /// Goes to a distance from the first snapshot. The answer is the one before that place, for
    /// an interval to begin with.
    pub fn jump(&mut self, to: Duration) -> Result<Snapshot, store::Error> {
        self.tick();
        self.head.jump(to);
        self.jumped()
    }

    /// Pauses at the next snapshot, or the one before; the answer is as after a jump.
    pub fn step(&mut self, back: bool) -> Result<Snapshot, store::Error> {
        self.tick();
        self.head.step(back);
        self.jumped()
    }

    fn jumped(&mut self) -> Result<Snapshot, store::Error> {
        self.given = None;
        self.before()
    }

    /// The snapshot before the one that it is time for, or that one where it is the first.
    pub fn before(&mut self) -> Result<Snapshot, store::Error> {
        Ok(self.sound(self.head.before())?.1)
    }

    /// The snapshot that it is time for, unless that is the one that was given last.
    pub fn fresh(&mut self) -> Result<Option<Snapshot>, store::Error> {
        self.tick();
        if self.given == Some(self.head.at) {
            return Ok(None);
        }
        let asked = self.head.at;
        let (_, snapshot) = self.sound(asked)?;
        self.given = Some(asked);
        Ok(Some(snapshot))
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.head.advance(now.duration_since(self.clock));
        self.clock = now;
    }
}

impl Source for Replay {
    fn poll(&mut self) -> Result<Snapshot, Error> {
        self.tick();
        self.given = Some(self.head.at);
        Ok(self.sound(self.head.at)?.1)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Failed {
            action: "read the recording".into(),
            why: error.to_string(),
        }
    }
}

/// Where a recording is played: pure arithmetic.
#[derive(Debug)]
struct Head {
    /// When each snapshot was made, in nanoseconds; never going back.
    times: Vec<u64>,
    span: Span,
    at: usize,
    position_ns: u64,
    paused: bool,
    speed: f64,
}

impl Head {
    fn new(mut times: Vec<u64>) -> Self {
        // Nobody's clock goes back; a file may say so.
        for i in 1..times.len() {
            times[i] = times[i].max(times[i - 1]);
        }
        let last = times.len().saturating_sub(1);
        let mut head = Self {
            times,
            span: Span { first: 0, last },
            at: 0,
            position_ns: 0,
            paused: false,
            speed: 1.0,
        };
        head.limit(head.span);
        head
    }

    fn limit(&mut self, span: Span) {
        self.span = span;
        self.go(span.first);
    }

    fn go(&mut self, place: usize) {
        self.at = place.clamp(self.span.first, self.span.last);
        self.position_ns = self.time(self.at);
    }

    fn time(&self, place: usize) -> u64 {
        self.times.get(place).copied().unwrap_or(0)
    }

    /// The place before this one, or this one where there is none.
    fn before(&self) -> usize {
        self.at.saturating_sub(1).max(self.span.first)
    }

    /// The last place that is not after `position_ns`.
    fn settle(&mut self) {
        let after = self.times.partition_point(|t| *t <= self.position_ns);
        self.at = after
            .saturating_sub(1)
            .clamp(self.span.first, self.span.last);
    }

    fn advance(&mut self, wall: Duration) {
        if self.paused {
            return;
        }
        let by = wall.as_nanos() as f64 * self.speed;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast to u64 saturates"
        )]
        let to = self.position_ns.saturating_add(by as u64);
        self.position_ns = to.min(self.time(self.span.last));
        self.settle();
        if self.at == self.span.last {
            self.paused = true;
        }
    }

    fn set_speed(&mut self, speed: f64) {
        self.speed = if speed.is_finite() {
            speed.clamp(SLOWEST, FASTEST)
        } else {
            1.0
        };
    }

    fn jump(&mut self, to: Duration) {
        let to = u64::try_from(to.as_nanos()).unwrap_or(u64::MAX);
        let (first, end) = (self.time(self.span.first), self.time(self.span.last));
        self.position_ns = first.saturating_add(to).min(end);
        self.settle();
    }

    fn step(&mut self, back: bool) {
        self.paused = true;
        let to = if back { self.before() } else { self.at + 1 };
        self.go(to);
    }

    fn position(&self) -> (Duration, Duration) {
        let first = self.time(self.span.first);
        let since = |ns: u64| Duration::from_nanos(ns.saturating_sub(first));
        (since(self.position_ns), since(self.time(self.span.last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn head() -> Head {
        Head::new((10..20).map(|s| s * SECOND).collect())
    }

    #[test]
    fn time_moves_the_head_as_fast_as_asked_and_stops_at_the_end() {
        let mut head = head();
        head.advance(Duration::from_millis(2_900));
        assert_eq!(head.at, 2);
        head.set_speed(4.0);
        head.advance(Duration::from_secs(1));
        assert_eq!(head.at, 6);
        head.paused = true;
        head.advance(Duration::from_hours(1));
        assert_eq!((head.at, head.position().0.as_millis()), (6, 6_900));
        head.paused = false;
        head.advance(Duration::MAX);
        assert_eq!((head.at, head.paused), (9, true));
        assert_eq!(head.position().0, head.position().1);
    }

    #[test]
    fn jumps_and_steps_stay_in_the_span() {
        let mut head = head();
        head.limit(Span { first: 2, last: 5 });
        assert_eq!(head.position().1, Duration::from_secs(3));
        head.jump(Duration::from_millis(1_500));
        assert_eq!((head.at, head.before()), (3, 2));
        head.jump(Duration::MAX);
        assert_eq!(head.at, 5);
        head.step(false);
        assert_eq!(head.at, 5);
        for _ in 0..9 {
            head.step(true);
        }
        assert_eq!((head.at, head.before(), head.paused), (2, 2, true));
    }

    #[test]
    fn a_clock_that_goes_back_and_no_speed_at_all_are_no_trouble() {
        let mut head = Head::new(vec![5, 3, u64::MAX, 0]);
        head.set_speed(f64::INFINITY);
        head.advance(Duration::MAX);
        head.set_speed(f64::NAN);
        head.advance(Duration::from_secs(1));
        assert!(head.at < 4);
        assert!(Head::new(vec![7]).position().1.is_zero());
    }
}
