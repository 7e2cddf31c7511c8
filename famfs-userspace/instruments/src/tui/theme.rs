//! Styles by meaning. What colour says, a word, weight or reversal says too.

use ratatui::style::{Color, Modifier, Style};

use famfs_snapshot::model::MountState;

/// The colours of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Colours for a dark background.
    #[default]
    Dark,
    /// Colours for a light background.
    Light,
    /// No colour at all.
    Mono,
}

/// The characters of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    #[default]
    Unicode,
    /// Characters for a locale or a terminal that has nothing else.
    Ascii,
}

impl Theme {
    fn pick(self, dark: Color, light: Color, plain: Modifier) -> Style {
        let style = Style::new().add_modifier(plain);
        match self {
            Self::Dark => style.fg(dark),
            Self::Light => style.fg(light),
            Self::Mono => style,
        }
    }

    /// Something is wrong.
    pub(super) fn alert(self) -> Style {
        self.pick(Color::Red, Color::Red, Modifier::BOLD | Modifier::REVERSED)
    }

    /// Something wants attention.
    pub(super) fn notice(self) -> Style {
        self.pick(Color::Yellow, Color::Magenta, Modifier::BOLD)
    }

    /// All is well.
    pub(super) fn good(self) -> Style {
        self.pick(Color::Green, Color::Green, Modifier::empty())
    }

    /// The head of a table.
    pub(super) fn head(self) -> Style {
        self.pick(Color::Cyan, Color::Blue, Modifier::REVERSED)
    }

    /// The column that orders the table, within its head; the page that is shown.
    pub(super) fn sorted(self) -> Style {
        self.head()
            .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The line that Enter is about.
    pub(super) fn selected(self) -> Style {
        self.pick(Color::Reset, Color::Reset, Modifier::REVERSED)
    }

    /// A key that can be pressed, the title of a section.
    pub(super) fn key(self) -> Style {
        self.pick(Color::Cyan, Color::Blue, Modifier::BOLD)
    }

    /// Bars and lines of numbers.
    pub(super) fn bar(self) -> Style {
        self.pick(Color::Cyan, Color::Blue, Modifier::empty())
    }

    /// How much: 0 is nothing, 4 the most.
    pub(super) fn heat(self, level: u8) -> Style {
        let (dark, light) = match level {
            0 | 1 => (Color::Blue, Color::Cyan),
            2 => (Color::Cyan, Color::Blue),
            3 => (Color::Yellow, Color::Magenta),
            _ => (Color::Red, Color::Red),
        };
        self.pick(dark, light, Modifier::empty())
    }

    pub(super) fn state(self, state: MountState) -> Style {
        match state {
            MountState::Ok => self.good(),
            MountState::Disabled | MountState::Stale => self.alert(),
            MountState::Unknown => self.notice(),
        }
    }
}
