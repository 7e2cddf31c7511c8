//! The picture: where each widget goes. Every widget takes any size, down to none.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
};

use super::{App, app::Mode};
use crate::model::MountState;

mod events;
mod files;
mod header;
mod help;
mod mounts;
mod status;
mod theme;

pub(super) use help::height as help_height;

/// Draws the whole screen.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let [header, mounts, files, events, status] = split(app, area);
    header::draw(app, frame, header);
    mounts::draw(app, frame, mounts);
    files::draw(app, frame, files);
    events::draw(app, frame, events);
    status::draw(app, frame, status);
    if app.mode == Mode::Help {
        help::draw(app, frame, area);
    }
}

/// On a small screen the events go first, then the second line of status.
fn split(app: &App, area: Rect) -> [Rect; 5] {
    let height = area.height;
    // A memory error may push the table aside, a long list of healthy mounts may not.
    let alarmed = app
        .shown()
        .mounts
        .iter()
        .any(|m| m.state == MountState::Disabled);
    let share = if alarmed { height / 2 } else { height / 3 };
    let mounts = mounts::height(app, area.width).min(share.max(1));
    let events = if height < 16 {
        0
    } else {
        events::height(app).min(height / 6)
    };
    let status = if height < 12 { 1 } else { 2 };
    Layout::vertical([
        Constraint::Length(u16::from(height > 3)),
        Constraint::Length(mounts),
        Constraint::Fill(1),
        Constraint::Length(events),
        Constraint::Length(status),
    ])
    .areas(area)
}
