//! The state of the screen, and how a message changes it. No terminal and no clock in here.

use std::{collections::VecDeque, time::Duration};

use crate::model::{
    Columns, Event, EventKind, FIELDS, Mount, MountState, Row, Snapshot, Sort, delta, order,
};

use super::{
    event::Command,
    transport::{Ask, Transport},
    view::help_height,
};

/// How many lines of our own history are kept.
const EVENTS_MAX: usize = 64;
const FILTER_MAX: usize = 256;

/// A command of the user's that a key starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub key: char,
    pub label: String,
    pub command: String,
}

/// Something that happened to the screen.
#[derive(Debug)]
pub enum Message {
    /// The terminal has so many lines.
    Resized(u16),
    /// The source was polled.
    Observed(Snapshot),
    /// A recording went to another place: this is the observation before the next one. Intervals
    /// and history begin here anew.
    Jumped(Snapshot),
    /// Where a recording is now.
    Transport(Transport),
    Command(Command),
    /// A character, or the end of one, while the filter is being typed.
    Typed(char),
    Erase,
    /// A key that no command has.
    Other(char),
    /// The action of this key ended.
    Ended(char, Event),
}

/// What the event loop has to do for the screen.
#[derive(Debug, PartialEq)]
pub enum Effect {
    Run(Action),
    /// Of the player of a recording.
    Ask(Ask),
}

/// How the screen starts.
#[derive(Clone, Debug)]
pub struct Options {
    pub interval: Duration,
    pub sort: Sort,
    pub filter: String,
    pub columns: Columns,
    pub actions: Vec<Action>,
    pub colour: bool,
}

/// What the keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Table,
    Help,
    /// The filter is being typed.
    Typing,
}

/// The screen.
#[derive(Debug)]
pub struct App {
    pub options: Options,
    /// The picture stands still; collecting goes on.
    pub frozen: bool,
    /// Show everything since the start, not the last interval.
    pub since_start: bool,
    pub mode: Mode,
    pub quit: bool,
    /// While a recording is played.
    pub transport: Option<Transport>,
    /// The first visible line of the table, or of the help while that is open.
    pub scroll: usize,
    pub help_scroll: usize,
    /// The lines of the terminal.
    height: usize,
    /// The newest observation, the one that began this interval, and the very first.
    latest: Snapshot,
    began: Snapshot,
    first: Snapshot,
    /// The interval on the screen.
    shown: Snapshot,
    /// Where the rows of the table are in `shown.files`.
    order: Vec<usize>,
    happened: VecDeque<Event>,
    /// Keys whose action has not ended yet.
    running: Vec<char>,
}

impl App {
    pub fn new(first: Snapshot, options: Options) -> Self {
        let mut app = Self {
            options,
            frozen: false,
            since_start: false,
            mode: Mode::Table,
            quit: false,
            transport: None,
            scroll: 0,
            help_scroll: 0,
            height: 0,
            latest: first.clone(),
            began: first.clone(),
            shown: delta(&first, &first),
            first,
            order: Vec::new(),
            happened: VecDeque::new(),
            running: Vec::new(),
        };
        app.sort_rows();
        app
    }

    /// The interval on the screen.
    pub fn shown(&self) -> &Snapshot {
        &self.shown
    }

    /// The rows of the table, filtered and sorted.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.order
            .iter()
            .map(|place| Row::new(&self.shown.files[*place], &self.shown))
    }

    /// The mounts, the disabled ones first.
    pub fn mounts(&self) -> Vec<&Mount> {
        let mut mounts: Vec<&Mount> = self.shown.mounts.iter().collect();
        mounts.sort_by_key(|m| m.state != MountState::Disabled);
        mounts
    }

    /// What happened, the oldest first: in the system and by the user's own actions.
    pub fn events(&self) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.shown.events.iter().chain(&self.happened).collect();
        events.sort_by_key(|e| e.time);
        events
    }

    /// Takes one message.
    pub fn update(&mut self, message: Message) -> Option<Effect> {
        match message {
            Message::Resized(height) => {
                self.height = usize::from(height);
                self.help_scroll = self.help_scroll.min(self.help_end());
            }
            Message::Observed(snapshot) => self.observe(snapshot),
            Message::Jumped(snapshot) => self.jump(snapshot),
            Message::Transport(transport) => self.transport = Some(transport),
            Message::Command(command) => self.obey(command),
            Message::Typed(c) => {
                if self.options.filter.len() < FILTER_MAX {
                    self.options.filter.push(c);
                }
                self.sort_rows();
            }
            Message::Erase => {
                self.options.filter.pop();
                self.sort_rows();
            }
            Message::Other(c) => return self.start(c),
            Message::Ended(key, event) => {
                self.running.retain(|k| *k != key);
                self.note(event);
            }
        }
        None
    }

    /// Starts the action of this key, unless it runs already: a key held down is one wish.
    fn start(&mut self, key: char) -> Option<Effect> {
        let action = self.options.actions.iter().find(|a| a.key == key)?.clone();
        if self.running.contains(&key) {
            return None;
        }
        self.running.push(key);
        self.note(Event::new(
            self.latest.time,
            EventKind::Action,
            format!("{}: started", action.label),
        ));
        Some(Effect::Run(action))
    }

    fn note(&mut self, event: Event) {
        if self.happened.len() == EVENTS_MAX {
            self.happened.pop_front();
        }
        self.happened.push_back(event);
    }

    /// Starts the interval anew. The total since the start stays one where the start lies before.
    fn jump(&mut self, snapshot: Snapshot) {
        if snapshot.elapsed_ns < self.first.elapsed_ns {
            self.first = snapshot.clone();
        }
        self.began = snapshot.clone();
        self.latest = snapshot;
        self.show();
    }

    fn observe(&mut self, snapshot: Snapshot) {
        self.latest = snapshot;
        let passed = self.latest.elapsed_ns.saturating_sub(self.began.elapsed_ns);
        let complete = u128::from(passed) >= self.options.interval.as_nanos();
        if !self.frozen {
            if complete {
                self.show();
            } else {
                // A mount's state is worth more than a steady picture.
                self.shown.mounts.clone_from(&self.latest.mounts);
                self.shown.events.clone_from(&self.latest.events);
            }
        }
        if complete {
            self.began = self.latest.clone();
        }
    }

    /// Puts the newest interval on the screen.
    fn show(&mut self) {
        let from = if self.since_start {
            &self.first
        } else {
            &self.began
        };
        self.shown = delta(from, &self.latest);
        self.sort_rows();
    }

    fn sort_rows(&mut self) {
        self.order = order(&self.shown, self.options.sort, &self.options.filter);
        self.scroll = self.scroll.min(self.order.len().saturating_sub(1));
    }

    fn obey(&mut self, command: Command) {
        let last = FIELDS.len() - 1;
        match command {
            Command::Quit => self.quit = true,
            Command::Help => {
                self.mode = if self.mode == Mode::Help {
                    Mode::Table
                } else {
                    Mode::Help
                };
                self.help_scroll = 0;
            }
            Command::Close if self.mode == Mode::Help => self.mode = Mode::Table,
            Command::Close => {
                self.mode = Mode::Table;
                self.options.filter.clear();
                self.sort_rows();
            }
            Command::Filter => self.mode = Mode::Typing,
            Command::Accept => self.mode = Mode::Table,
            Command::Freeze => self.frozen = !self.frozen,
            Command::SinceStart => {
                self.since_start = !self.since_start;
                if !self.frozen {
                    self.show();
                }
            }
            Command::SortNext => self.sort_by(|f| if f == last { 0 } else { f + 1 }),
            Command::SortPrevious => self.sort_by(|f| if f == 0 { last } else { f - 1 }),
            Command::Reverse => {
                self.options.sort.reverse = !self.options.sort.reverse;
                self.sort_rows();
            }
            Command::Scroll(lines) if self.mode == Mode::Help => {
                let scroll = self.help_scroll.saturating_add_signed(lines);
                self.help_scroll = scroll.min(self.help_end());
            }
            Command::Scroll(lines) => {
                let end = self.order.len().saturating_sub(1);
                self.scroll = self.scroll.saturating_add_signed(lines).min(end);
            }
        }
    }

    /// The help scrolled to its last line.
    fn help_end(&self) -> usize {
        help_height(&self.options).saturating_sub(self.height)
    }

    fn sort_by(&mut self, next: impl Fn(usize) -> usize) {
        self.options.sort = Sort {
            field: next(self.options.sort.field),
            reverse: false,
        };
        self.sort_rows();
    }
}
