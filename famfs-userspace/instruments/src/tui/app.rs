//! The state of the screen, and how a message changes it. No terminal and no clock in here.

use std::{collections::VecDeque, time::Duration};

use ratatui::layout::Rect;

use famfs_snapshot::{
    model::{
        Columns, Event, EventKind, FileKey, FileRow, Moment, Mount, MountState, ProcessFaults, Row,
        Snapshot, Sort, by_process, sorted,
    },
    source::Extra,
};

use super::{
    command::{Command, Page},
    theme::{Glyphs, Theme},
    transport::{Ask, Transport},
};

mod commands;
mod cursor;
mod geometry;
mod picture;

pub use cursor::Cursor;
pub use geometry::{Geometry, Hit};
pub use picture::{RECENT, Span};

use picture::Picture;

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
    /// The terminal has so many columns and lines.
    Resized(u16, u16),
    /// The source was polled.
    Observed(Snapshot),
    /// A recording went to another place: this is the observation before the next one. Intervals
    /// and history begin here again.
    Jumped(Snapshot),
    /// Where a recording is now.
    Transport(Transport),
    /// Whether the source measures this; `None` where it cannot.
    Extra(Extra, Option<bool>),
    Command(Command),
    /// The mouse, at this column and line.
    Clicked(u16, u16),
    /// A character, or the end of one, while the filter is being typed.
    Typed(char),
    Erase,
    /// A key that no command has.
    Other(char),
    /// The action of this key ended.
    Ended(char, Event),
    /// Something to tell the user.
    Note(Event),
}

/// What the event loop has to do for the screen.
#[derive(Debug, PartialEq)]
pub enum Effect {
    Run(Action),
    /// A request to the player of a recording.
    Ask(Ask),
    /// A request to the source: turn this on or off, and say by `Message::Extra` how it is then.
    Switch(Extra, bool),
    /// Stop the job, with the terminal given back.
    Stop,
}

/// How the screen starts.
#[derive(Clone, Debug)]
pub struct Options {
    pub interval: Duration,
    pub sort: Sort,
    pub filter: String,
    pub columns: Columns,
    /// Spare width goes to all columns, not to the paths alone.
    pub proportional: bool,
    pub actions: Vec<Action>,
    pub theme: Theme,
    /// Every file system on DAX memory is watched, not famfs alone.
    pub all_dax: bool,
    /// What the source measures cannot be changed any more.
    pub is_fixed: bool,
    pub glyphs: Glyphs,
}

impl Default for Options {
    /// Returns the options of famfs-top without any arguments.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            sort: Sort::default(),
            filter: String::new(),
            columns: Columns::default(),
            proportional: false,
            actions: Vec::new(),
            theme: Theme::Dark,
            all_dax: false,
            is_fixed: false,
            glyphs: Glyphs::Unicode,
        }
    }
}

/// What the keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Normal,
    Help,
    /// The filter is being typed.
    Typing,
    /// Columns are being chosen.
    Columns,
}

/// The screen.
#[derive(Debug)]
pub struct App {
    pub options: Options,
    pub mode: Mode,
    pub page: Page,
    pub quit: bool,
    /// While a recording is played.
    pub transport: Option<Transport>,
    /// Columns and lines of the terminal.
    size: (u16, u16),
    /// What the pages look like at this size.
    geometry: &'static dyn Geometry,
    picture: Picture,
    /// Where the rows of the table are in the picture.
    order: Vec<usize>,
    /// The cursors of the table, the other pages, and what is in front.
    files: Cursor,
    other: Cursor,
    front: Cursor,
    /// The file that the cursor of the table follows, once it was moved.
    chosen: Option<FileKey>,
    /// The page that a file's page was opened from.
    before: Page,
    processes: Option<bool>,
    run_time: Option<bool>,
    happened: VecDeque<Event>,
    /// Keys whose action has not ended yet.
    running: Vec<char>,
}

impl App {
    /// Makes the screen of a first snapshot. `geometry` says what its pages look like.
    pub fn new(first: Snapshot, options: Options, geometry: &'static dyn Geometry) -> Self {
        let mut app = Self {
            picture: Picture::new(first, options.interval),
            options,
            mode: Mode::Normal,
            page: Page::Files,
            quit: false,
            transport: None,
            size: (0, 0),
            geometry,
            order: Vec::new(),
            files: Cursor::default(),
            other: Cursor::default(),
            front: Cursor::default(),
            chosen: None,
            before: Page::Files,
            processes: None,
            run_time: None,
            happened: VecDeque::new(),
            running: Vec::new(),
        };
        app.sort_rows();
        app
    }

    /// The interval on the screen.
    pub fn shown(&self) -> &Snapshot {
        self.picture.shown()
    }

    /// What it covers.
    pub fn span(&self) -> Span {
        self.picture.span()
    }

    /// The picture stands still; collecting goes on.
    pub fn frozen(&self) -> bool {
        self.picture.frozen()
    }

    /// The rows of the table, filtered and sorted.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        let shown = self.shown();
        self.order
            .iter()
            .map(|place| Row::new(&shown.files[*place], shown))
    }

    /// The row of this file, filtered out or not.
    pub fn row(&self, key: FileKey) -> Option<Row<'_>> {
        let shown = self.shown();
        let file = shown.files.iter().find(|file| file.key == key)?;
        Some(Row::new(file, shown))
    }

    /// All that happened to the file since the start.
    pub fn total(&self, key: FileKey) -> Option<FileRow> {
        self.picture.total(key)
    }

    /// The last intervals of the file, the oldest first.
    pub fn moments(&self, key: FileKey) -> Vec<Moment> {
        self.picture.moments(key)
    }

    /// The mounts, those in trouble first.
    pub fn mounts(&self) -> Vec<&Mount> {
        let mut mounts: Vec<&Mount> = self.shown().mounts.iter().collect();
        mounts.sort_by_key(|m| match m.state {
            MountState::Disabled => 0,
            MountState::Stale => 1,
            MountState::Ok | MountState::Unknown => 2,
        });
        mounts
    }

    /// What happened, the oldest first: in the system and by the user's own actions.
    pub fn events(&self) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.shown().events.iter().chain(&self.happened).collect();
        events.sort_by_key(|e| e.time);
        events
    }

    /// Who faults, the busiest first.
    pub fn by_process(&self) -> Vec<ProcessFaults<'_>> {
        by_process(self.shown())
    }

    /// Whether the source measures this; `None` where it cannot.
    pub fn extra(&self, extra: Extra) -> Option<bool> {
        match extra {
            Extra::Processes => self.processes,
            Extra::RunTime => self.run_time,
        }
    }

    /// The cursor of the page, and of what is in front of it.
    pub fn cursor(&self) -> Cursor {
        if self.page == Page::Files {
            self.files
        } else {
            self.other
        }
    }

    pub fn front(&self) -> Cursor {
        self.front
    }

    /// The whole terminal.
    pub fn area(&self) -> Rect {
        Rect::new(0, 0, self.size.0, self.size.1)
    }

    /// Takes one message.
    pub fn update(&mut self, message: Message) -> Option<Effect> {
        let effect = self.take(message);
        self.fit();
        effect
    }

    fn take(&mut self, message: Message) -> Option<Effect> {
        match message {
            Message::Resized(width, height) => self.size = (width, height),
            Message::Observed(snapshot) => {
                if self.picture.observe(snapshot) {
                    self.sort_rows();
                }
            }
            Message::Jumped(snapshot) => {
                self.picture.jump(snapshot);
                self.sort_rows();
            }
            Message::Transport(transport) => self.transport = Some(transport),
            Message::Extra(Extra::Processes, on) => self.processes = on,
            Message::Extra(Extra::RunTime, on) => self.run_time = on,
            Message::Command(command) => return self.obey(command),
            Message::Clicked(x, y) => return self.click(x, y),
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
            Message::Note(event) => self.note(event),
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
            self.picture.last().time,
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

    fn sort_rows(&mut self) {
        self.order = sorted(
            self.picture.shown(),
            self.options.sort,
            &self.options.filter,
        );
        // The cursor stays with its file, which may be anywhere now.
        let files = &self.picture.shown().files;
        let place = self
            .chosen
            .and_then(|key| self.order.iter().position(|place| files[*place].key == key));
        if let Some(place) = place {
            self.files.at = place;
        }
    }

    /// How many lines the page has, or what is in front of it.
    fn length(&self) -> usize {
        match (self.mode, self.page) {
            (Mode::Help, _) => self.geometry.help_height(self),
            (Mode::Columns, _) => famfs_snapshot::model::FIELDS.len(),
            (_, Page::Files) => self.order.len(),
            (_, Page::Processes) => self.by_process().len(),
            (_, Page::Events) => self.events().len(),
            (_, Page::Probes) => self.geometry.probes_height(self),
            (_, Page::File(_)) => self.geometry.file_height(self),
        }
    }

    /// Keeps the cursors inside of their lists, and their lines on the screen.
    fn fit(&mut self) {
        let height = self.geometry.list_height(self);
        match self.mode {
            Mode::Help | Mode::Columns => {}
            Mode::Normal | Mode::Typing => match self.page {
                Page::Files => self.files.fit(self.order.len(), height),
                Page::Processes | Page::Events => {
                    let length = self.length();
                    self.other.fit(length, height);
                }
                Page::Probes | Page::File(_) => {
                    let length = self.length();
                    self.other.scroll(0, length, height);
                }
            },
        }
        if self.mode == Mode::Help {
            let length = self.length();
            self.front.scroll(0, length, height);
        } else if self.mode == Mode::Columns {
            let length = self.length();
            self.front.fit(length, height);
        }
    }
}
