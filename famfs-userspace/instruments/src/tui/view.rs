//! The picture: where each widget goes, and what is at a place. Every widget takes any size, down
//! to none.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
};

use super::{
    App, Glyphs,
    app::{Geometry, Hit, Mode},
    command::Page,
};
use famfs_snapshot::model::MountState;

mod ascii;
mod chooser;
mod events;
mod file;
mod files;
mod header;
mod help;
mod layout;
mod log;
mod mounts;
mod paint;
mod probes;
mod processes;
mod status;
mod transport;
mod window;

/// The geometry of the pages as [`draw`] draws them.
#[derive(Clone, Copy, Debug)]
pub struct Pages;

impl Geometry for Pages {
    fn help_height(&self, app: &App) -> usize {
        help::height(app)
    }

    fn probes_height(&self, app: &App) -> usize {
        probes::height(app)
    }

    fn file_height(&self, app: &App) -> usize {
        file_height(app)
    }

    fn list_height(&self, app: &App) -> usize {
        list_height(app)
    }

    fn hit(&self, app: &App, x: u16, y: u16) -> Option<Hit> {
        hit(app, x, y)
    }
}

/// Draws the whole screen.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let places = Places::of(app, frame.area());
    header::draw(app, frame, places.header);
    match app.page {
        Page::Files => {
            mounts::draw(app, frame, places.mounts);
            files::draw(app, frame, places.body);
            events::draw(app, frame, places.events);
        }
        Page::Processes => processes::draw(app, frame, places.body),
        Page::Events => log::draw(app, frame, places.body),
        Page::Probes => probes::draw(app, frame, places.body),
        Page::File(key) => file::draw(app, key, frame, places.body),
    }
    transport::draw(app, frame, places.transport);
    status::draw(app, frame, places.status);
    match app.mode {
        Mode::Help => help::draw(app, frame, frame.area()),
        Mode::Columns => chooser::draw(app, frame, frame.area()),
        Mode::Normal | Mode::Typing => {}
    }
    if app.options.glyphs == Glyphs::Ascii {
        ascii::replace(frame.buffer_mut());
    }
}

/// How many lines of the page's list are visible, or of what is in front of it.
fn list_height(app: &App) -> usize {
    let area = app.area();
    let height = match app.mode {
        Mode::Help => window::inside(area, help::height(app)).height,
        Mode::Columns => window::inside(area, chooser::height()).height,
        Mode::Normal | Mode::Typing => list(app, Places::of(app, area).body).height,
    };
    usize::from(height)
}

/// How many lines the page of a file has.
fn file_height(app: &App) -> usize {
    let width = Places::of(app, app.area()).body.width;
    match app.page {
        Page::File(key) => file::lines(app, key, width).len(),
        _ => 0,
    }
}

/// Where the lines of the list are in the body of the page.
fn list(app: &App, body: Rect) -> Rect {
    match app.page {
        Page::Files => below(body, 1),
        Page::Processes => below(body, processes::HEAD),
        Page::Events => log::list(body),
        Page::Probes | Page::File(_) => body,
    }
}

/// Returns the area without its first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    }
}

/// What is at this column and line.
fn hit(app: &App, x: u16, y: u16) -> Option<Hit> {
    let (area, at) = (app.area(), Position { x, y });
    let line_of = |list: Rect, top: usize| list.contains(at).then(|| top + usize::from(y - list.y));
    match app.mode {
        Mode::Help => return Some(Hit::Close),
        Mode::Columns => {
            let list = window::inside(area, chooser::height());
            let line = line_of(list, app.front().top).filter(|l| *l < chooser::height());
            return Some(line.map_or(Hit::Close, Hit::Choice));
        }
        Mode::Normal | Mode::Typing => {}
    }
    let places = Places::of(app, area);
    if places.header.contains(at) {
        return header::hit(app, area.width, x).map(Hit::Page);
    }
    if places.transport.contains(at) {
        return transport::hit(app, places.transport, x).map(Hit::Seek);
    }
    let length = match app.page {
        Page::Files => {
            if places.body.contains(at) && y == places.body.y {
                return files::hit(app, places.body, x).map(Hit::Column);
            }
            app.rows().len()
        }
        Page::Processes => app.by_process().len(),
        Page::Events => app.events().len(),
        Page::Probes | Page::File(_) => 0,
    };
    let line = line_of(list(app, places.body), app.cursor().top)?;
    (line < length).then_some(Hit::Line(line))
}

/// Where the widgets are.
struct Places {
    header: Rect,
    mounts: Rect,
    body: Rect,
    events: Rect,
    transport: Rect,
    status: Rect,
}

impl Places {
    /// Divides the screen. If it is small, the events go first, then the second line of status.
    fn of(app: &App, area: Rect) -> Self {
        let height = area.height;
        let table = app.page == Page::Files;
        let events = if height < 16 || !table {
            0
        } else {
            events::height(app).min(height / 6)
        };
        let mounts = if table { mounts(app, area) } else { 0 };
        let status = if height < 12 { 1 } else { 2 };
        let [header, mounts, body, events, transport, status] = Layout::vertical([
            Constraint::Length(u16::from(height > 3)),
            Constraint::Length(mounts),
            Constraint::Fill(1),
            Constraint::Length(events),
            Constraint::Length(u16::from(height > 4 && app.transport.is_some())),
            Constraint::Length(status),
        ])
        .areas(area);
        Self {
            header,
            mounts,
            body,
            events,
            transport,
            status,
        }
    }
}

/// A mount in trouble may push the table aside, a long list of healthy mounts may not.
fn mounts(app: &App, area: Rect) -> u16 {
    let mut mounts = app.shown().mounts.iter();
    let alarmed = mounts.any(|m| matches!(m.state, MountState::Disabled | MountState::Stale));
    let share = area.height / if alarmed { 2 } else { 3 };
    mounts::height(app, area.width).min(share.max(1))
}
