//! What the numbers on the screen cover: an interval, the recent ones, or all since the start.

use std::time::Duration;

use famfs_snapshot::model::{
    FileKey, FileRow, History, Moment, Mount, Snapshot, delta, file_delta, history::MOST_INTERVALS,
};

/// How many intervals are recent.
pub const RECENT: usize = 10;

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// The last interval.
    #[default]
    Interval,
    /// The last [`RECENT`] of them, or as many as are remembered.
    Recent,
    /// Everything since the start.
    Total,
}

impl Span {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Interval => Self::Recent,
            Self::Recent => Self::Total,
            Self::Total => Self::Interval,
        }
    }
}

/// Where the picture stands still.
#[derive(Debug)]
struct Held {
    last: Snapshot,
    until: u64,
}

/// The observations, and the picture that is made of them.
#[derive(Debug)]
pub(super) struct Picture {
    interval: Duration,
    span: Span,
    first: Snapshot,
    /// The end of the last whole interval.
    last: Snapshot,
    history: History,
    held: Option<Held>,
    shown: Snapshot,
}

impl Picture {
    pub(super) fn new(first: Snapshot, interval: Duration) -> Self {
        Self {
            interval,
            span: Span::default(),
            shown: delta(&first, &first),
            last: first.clone(),
            first,
            history: History::default(),
            held: None,
        }
    }

    pub(super) fn shown(&self) -> &Snapshot {
        &self.shown
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn frozen(&self) -> bool {
        self.held.is_some()
    }

    /// The newest whole observation.
    pub(super) fn last(&self) -> &Snapshot {
        &self.last
    }

    /// Whether the rows of the picture are others now.
    pub(super) fn observe(&mut self, snapshot: Snapshot) -> bool {
        let Some(passed) = snapshot.elapsed_ns.checked_sub(self.last.elapsed_ns) else {
            // A source whose time goes back has begun again.
            return self.jump(snapshot);
        };
        if u128::from(passed) < self.interval.as_nanos() {
            if !self.frozen() {
                // A mount's state is worth more than a steady picture.
                self.shown.mounts = with_totals_of(&self.shown.mounts, &snapshot.mounts);
                self.shown.events = snapshot.events;
            }
            return false;
        }
        let interval = delta(&self.last, &snapshot);
        self.history.push(&interval);
        self.last = snapshot;
        if self.frozen() {
            return false;
        }
        if self.span == Span::Interval {
            self.shown = interval;
        } else {
            self.show();
        }
        true
    }

    /// Starts intervals and history again. The total since the start stays one where the start
    /// lies before.
    pub(super) fn jump(&mut self, snapshot: Snapshot) -> bool {
        if snapshot.elapsed_ns < self.first.elapsed_ns {
            self.first = snapshot.clone();
        }
        self.history.clear();
        self.last = snapshot;
        if self.frozen() {
            self.hold();
        }
        self.show();
        true
    }

    /// Stops the picture, or lets it go on from the newest observation.
    pub(super) fn freeze(&mut self) {
        if self.held.take().is_some() {
            self.show();
        } else {
            self.hold();
        }
    }

    fn hold(&mut self) {
        self.held = Some(Held {
            last: self.last.clone(),
            until: self.history.newest(),
        });
    }

    pub(super) fn cover(&mut self, span: Span) {
        self.span = span;
        self.show();
    }

    /// Returns the end of the picture.
    fn end(&self) -> (&Snapshot, u64) {
        match &self.held {
            Some(held) => (&held.last, held.until),
            None => (&self.last, self.history.newest()),
        }
    }

    fn show(&mut self) {
        let (last, until) = self.end();
        let shown = match self.span {
            Span::Interval => self.history.sum(1, until, last),
            Span::Recent => self.history.sum(RECENT, until, last),
            Span::Total => delta(&self.first, last),
        };
        self.shown = shown;
    }

    /// The last intervals of a file, the oldest first.
    pub(super) fn moments(&self, key: FileKey) -> Vec<Moment> {
        self.history.of(key, MOST_INTERVALS, self.end().1)
    }

    /// All that happened to a file since the start.
    pub(super) fn total(&self, key: FileKey) -> Option<FileRow> {
        let find = |snapshot: &'_ Snapshot| -> Option<usize> {
            snapshot.files.iter().position(|file| file.key == key)
        };
        let last = self.end().0;
        let first = find(&self.first).map(|place| &self.first.files[place]);
        find(last).map(|place| file_delta(first, &last.files[place]))
    }
}

/// The mounts as they are now, with what was counted when the picture was made.
fn with_totals_of(then: &[Mount], now: &[Mount]) -> Vec<Mount> {
    let with_totals = |mount: &Mount| {
        let same = |m: &&Mount| (m.dev, &m.mountpoint) == (mount.dev, &mount.mountpoint);
        Mount {
            totals: then.iter().find(same).and_then(|m| m.totals),
            ..mount.clone()
        }
    };
    now.iter().map(with_totals).collect()
}
