//! Styles by meaning. Without colour, weight and reversal carry what colour would.

use ratatui::style::{Color, Modifier, Style};

use crate::{model::MountState, tui::App};

fn coloured(app: &App, colour: Color, plain: Modifier) -> Style {
    if app.options.colour {
        Style::new().fg(colour)
    } else {
        Style::new()
    }
    .add_modifier(plain)
}

/// Something is wrong.
pub(super) fn alert(app: &App) -> Style {
    coloured(app, Color::Red, Modifier::BOLD | Modifier::REVERSED)
}

/// Something wants attention.
pub(super) fn notice(app: &App) -> Style {
    coloured(app, Color::Yellow, Modifier::BOLD)
}

/// The head of a table.
pub(super) fn head(app: &App) -> Style {
    coloured(app, Color::Cyan, Modifier::REVERSED)
}

/// The column that orders the table, within its head.
pub(super) fn sorted(app: &App) -> Style {
    head(app).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
}

/// A key that can be pressed.
pub(super) fn key(app: &App) -> Style {
    coloured(app, Color::Cyan, Modifier::BOLD)
}

pub(super) fn state(app: &App, state: MountState) -> Style {
    match state {
        MountState::Ok => coloured(app, Color::Green, Modifier::empty()),
        MountState::Disabled => alert(app),
        MountState::Unknown => notice(app),
    }
}
