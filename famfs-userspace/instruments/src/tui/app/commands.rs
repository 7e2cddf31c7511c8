//! What a command does to the screen.

use famfs_snapshot::{
    model::{FIELDS, FileKey, Sort},
    source::Extra,
};

use super::{App, Cursor, Effect, Hit, Mode, Page};
use crate::tui::{
    command::Command,
    transport::{Ask, Transport},
};

/// The pages that keys go round.
const PAGES: [Page; 4] = [Page::Files, Page::Processes, Page::Events, Page::Probes];

impl App {
    pub(super) fn obey(&mut self, command: Command) -> Option<Effect> {
        if self.mode == Mode::Help && !works_in_help(command) {
            return None;
        }
        match command {
            Command::Quit => self.quit = true,
            Command::Stop => return Some(Effect::Stop),
            Command::Help => self.front_or_not(Mode::Help),
            Command::Columns => self.front_or_not(Mode::Columns),
            Command::Close => self.close(),
            Command::Open => self.open(),
            Command::Go(page) => self.go(page),
            Command::NextPage => self.go(self.neighbour(1)),
            Command::PreviousPage => self.go(self.neighbour(PAGES.len() - 1)),
            Command::Filter => {
                self.go(Page::Files);
                self.mode = Mode::Typing;
            }
            Command::Accept => self.mode = Mode::Normal,
            Command::Pause if self.transport.is_some() => return self.ask(command),
            Command::Freeze | Command::Pause => {
                self.picture.freeze();
                self.sort_rows();
            }
            Command::Span => {
                self.picture.cover(self.span().next());
                self.sort_rows();
            }
            Command::SortNext => self.sort_by_neighbour(1),
            Command::SortPrevious => self.sort_by_neighbour(usize::MAX),
            Command::Reverse => {
                self.options.sort.reverse = !self.options.sort.reverse;
                self.sort_rows();
            }
            Command::Move(lines) => self.travel(lines),
            Command::Turn(screens) => {
                let height = self.geometry.list_height(self).max(2) - 1;
                self.travel(screens.saturating_mul(height.cast_signed()));
            }
            Command::Toggle => {
                if self.mode == Mode::Columns {
                    let width = self.area().width;
                    self.options.columns.toggle(self.front.at, width);
                }
            }
            Command::UsualColumns => self.options.columns.reset(),
            Command::Widths => self.options.proportional = !self.options.proportional,
            Command::Switch => return self.switch(),
            Command::Jump(_)
            | Command::Seek(_)
            | Command::StepBack
            | Command::StepOn
            | Command::Slower
            | Command::Faster => return self.ask(command),
        }
        None
    }

    fn front_or_not(&mut self, mode: Mode) {
        self.mode = if self.mode == mode {
            Mode::Normal
        } else {
            mode
        };
        self.front = Cursor::default();
    }

    fn close(&mut self) {
        match (self.mode, self.page) {
            (Mode::Help | Mode::Columns, _) => self.mode = Mode::Normal,
            (Mode::Normal, Page::File(_)) => self.go(self.before),
            (Mode::Normal, Page::Processes | Page::Events | Page::Probes) => self.go(Page::Files),
            (Mode::Typing, _) | (Mode::Normal, Page::Files) => {
                self.mode = Mode::Normal;
                self.options.filter.clear();
                self.sort_rows();
            }
        }
    }

    pub(super) fn go(&mut self, page: Page) {
        self.mode = Mode::Normal;
        if page != self.page {
            self.page = page;
            self.other = Cursor::default();
        }
    }

    /// The page so many after this one.
    fn neighbour(&self, by: usize) -> Page {
        let place = PAGES.iter().position(|page| *page == self.page);
        PAGES[(place.unwrap_or(0) + by) % PAGES.len()]
    }

    fn open(&mut self) {
        let at = self.cursor().at;
        let key = match self.page {
            Page::Files => self.rows().nth(at).map(|row| row.key()),
            Page::Processes => self.by_process().get(at).map(|person| person.main),
            // The newest event is the first line.
            Page::Events => self
                .events()
                .iter()
                .rev()
                .nth(at)
                .and_then(|event| event.file),
            Page::Probes | Page::File(_) => None,
        };
        if let Some(key) = key.filter(|_| self.mode == Mode::Normal) {
            self.open_file(key);
        }
    }

    fn open_file(&mut self, key: FileKey) {
        self.before = self.page;
        self.go(Page::File(key));
    }

    /// Moves the cursor of what is in front.
    fn travel(&mut self, lines: isize) {
        let (length, height) = (self.length(), self.geometry.list_height(self));
        match (self.mode, self.page) {
            (Mode::Help, _) => self.front.scroll(lines, length, height),
            (Mode::Columns, _) => self.front.go(lines, length),
            (_, Page::Files) => {
                self.files.go(lines, length);
                let chosen = self.rows().nth(self.files.at).map(|row| row.key());
                // Who stays at the top looks at the busiest file, whichever that is.
                self.chosen = chosen.filter(|_| self.files.at > 0);
            }
            (_, Page::Processes | Page::Events) => self.other.go(lines, length),
            (_, Page::Probes | Page::File(_)) => self.other.scroll(lines, length, height),
        }
    }

    fn sort_by_neighbour(&mut self, by: usize) {
        let shown = self.options.columns.at(self.area().width);
        let now = FIELDS[self.options.sort.field].key;
        let place = shown.iter().position(|field| field.key == now);
        let next = match place {
            Some(place) if by == 1 => (place + 1) % shown.len(),
            Some(place) => place.checked_sub(1).unwrap_or(shown.len() - 1),
            None => 0,
        };
        if let Some(field) = famfs_snapshot::model::position(shown[next].key) {
            self.sort_by(field);
        }
    }

    fn sort_by(&mut self, field: usize) {
        self.options.sort = Sort {
            field,
            reverse: false,
        };
        self.sort_rows();
    }

    fn switch(&self) -> Option<Effect> {
        let extra = match self.page {
            Page::Processes | Page::File(_) => Extra::Processes,
            Page::Probes => Extra::RunTime,
            Page::Files | Page::Events => return None,
        };
        // Where it cannot be changed, the effect says why.
        self.extra(extra).map(|on| Effect::Switch(extra, !on))
    }

    fn ask(&self, command: Command) -> Option<Effect> {
        let transport: &Transport = self.transport.as_ref()?;
        let ask = match command {
            Command::Pause => Ask::Pause(!transport.paused),
            Command::Jump(seconds) => transport.jump(seconds),
            Command::Seek(thousandths) => transport.seek(thousandths),
            Command::StepBack => Ask::Step { back: true },
            Command::StepOn => Ask::Step { back: false },
            Command::Slower => transport.faster(false),
            Command::Faster => transport.faster(true),
            _ => return None,
        };
        Some(Effect::Ask(ask))
    }

    pub(super) fn click(&mut self, x: u16, y: u16) -> Option<Effect> {
        match self.geometry.hit(self, x, y)? {
            Hit::Page(page) => self.go(page),
            Hit::Column(field) if field == self.options.sort.field => {
                return self.obey(Command::Reverse);
            }
            Hit::Column(field) => self.sort_by(field),
            Hit::Line(line) => {
                let by = line.cast_signed() - self.cursor().at.cast_signed();
                self.travel(by);
                self.open();
            }
            Hit::Choice(line) => {
                self.front.at = line;
                return self.obey(Command::Toggle);
            }
            Hit::Seek(thousandths) => return self.obey(Command::Seek(thousandths)),
            Hit::Close => self.close(),
        }
        None
    }
}

/// The help covers what other commands would change.
fn works_in_help(command: Command) -> bool {
    matches!(
        command,
        Command::Quit
            | Command::Stop
            | Command::Help
            | Command::Close
            | Command::Move(_)
            | Command::Turn(_)
    )
}
