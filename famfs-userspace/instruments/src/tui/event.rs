//! Turns keys and the mouse into messages. One table gives each key its command and its line in the
//! help.

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::{
    Message,
    app::Mode,
    command::{Command, Page},
};

/// The keys of one command.
#[derive(Debug)]
pub struct Binding {
    pub keys: &'static [KeyCode],
    /// The keys as the help names them.
    pub shown: &'static str,
    pub help: &'static str,
    pub command: Command,
}

const fn binding(
    keys: &'static [KeyCode],
    shown: &'static str,
    help: &'static str,
    command: Command,
) -> Binding {
    Binding {
        keys,
        shown,
        help,
        command,
    }
}

use Command::{Close, Columns, Filter, Freeze, Go, Help, Jump, Move, Open, Pause, Quit, Seek};
use KeyCode::{BackTab, Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up};

/// Every key, in the order of the help.
pub const BINDINGS: [Binding; 38] = [
    binding(&[Char('q')], "q", "quit, as Ctrl-C does", Quit),
    binding(
        &[],
        "Ctrl-Z",
        "stop, and give the terminal back until `fg`",
        Command::Stop,
    ),
    binding(&[Char('?'), Char('h')], "? h", "this help", Help),
    binding(&[Enter], "enter", "the page of the chosen file", Open),
    binding(
        &[Esc, KeyCode::Backspace],
        "esc",
        "back; in the table, drop the filter",
        Close,
    ),
    binding(
        &[Char('1')],
        "1",
        "the mounts and the table of files",
        Go(Page::Files),
    ),
    binding(
        &[Char('2')],
        "2",
        "the processes that fault",
        Go(Page::Processes),
    ),
    binding(&[Char('3')], "3", "the events", Go(Page::Events)),
    binding(
        &[Char('4')],
        "4",
        "the probes, and what famfs-top itself costs",
        Go(Page::Probes),
    ),
    binding(&[Tab], "tab", "the next page", Command::NextPage),
    binding(
        &[BackTab],
        "shift-tab",
        "the page before",
        Command::PreviousPage,
    ),
    binding(
        &[Char('t')],
        "t",
        "the last interval, the recent ones, or all since the start",
        Command::Span,
    ),
    binding(
        &[Char('f')],
        "f",
        "freeze the picture; collecting goes on",
        Freeze,
    ),
    binding(
        &[Char('/')],
        "/",
        "show only paths that contain a text",
        Filter,
    ),
    binding(
        &[Char('s'), Char('>'), Right],
        "s > right",
        "sort by the next column",
        Command::SortNext,
    ),
    binding(
        &[Char('S'), Char('<'), Left],
        "S < left",
        "sort by the column before",
        Command::SortPrevious,
    ),
    binding(&[Char('r')], "r", "reverse the order", Command::Reverse),
    binding(
        &[Char('c')],
        "c",
        "choose columns: space chooses, u takes the usual ones",
        Columns,
    ),
    binding(
        &[Char('w')],
        "w",
        "width to the paths, or to all columns in proportion",
        Command::Widths,
    ),
    binding(
        &[Char('e')],
        "e",
        "on pages 2 and 4: count processes, time the probes",
        Command::Switch,
    ),
    binding(&[Up, Char('k')], "up k", "the line above", Move(-1)),
    binding(&[Down, Char('j')], "down j", "the line below", Move(1)),
    binding(&[PageUp], "page up", "one screen up", Command::Turn(-1)),
    binding(
        &[PageDown],
        "page down",
        "one screen down",
        Command::Turn(1),
    ),
    binding(&[Home], "home", "the first line", Move(isize::MIN)),
    binding(&[End], "end", "the last line", Move(isize::MAX)),
    binding(
        &[Char(' ')],
        "space",
        "pause a recording, or freeze the picture",
        Pause,
    ),
    binding(&[Char('[')], "[", "in a recording: 10 s back", Jump(-10)),
    binding(&[Char(']')], "]", "in a recording: 10 s on", Jump(10)),
    binding(&[Char('{')], "{", "in a recording: 60 s back", Jump(-60)),
    binding(&[Char('}')], "}", "in a recording: 60 s on", Jump(60)),
    binding(
        &[Char('(')],
        "(",
        "in a recording: to its beginning",
        Seek(0),
    ),
    binding(&[Char(')')], ")", "in a recording: to its end", Seek(1000)),
    binding(
        &[Char(',')],
        ",",
        "in a recording: one observation back",
        Command::StepBack,
    ),
    binding(
        &[Char('.')],
        ".",
        "in a recording: one observation on",
        Command::StepOn,
    ),
    binding(
        &[Char('-')],
        "-",
        "in a recording: half as fast",
        Command::Slower,
    ),
    binding(
        &[Char('+'), Char('=')],
        "+",
        "in a recording: twice as fast",
        Command::Faster,
    ),
    binding(
        &[Char('u')],
        "u",
        "the usual columns",
        Command::UsualColumns,
    ),
];

/// Whether the screen itself uses the key.
pub fn is_bound(key: char) -> bool {
    BINDINGS.iter().any(|b| b.keys.contains(&Char(key)))
}

/// The message of a terminal event, if it has one.
pub fn message(event: &Event, mode: Mode) -> Option<Message> {
    match event {
        Event::Key(key) => pressed(key, mode),
        Event::Mouse(mouse) => moused(*mouse),
        Event::Resize(width, height) => Some(Message::Resized(*width, *height)),
        _ => None,
    }
}

fn pressed(event: &KeyEvent, mode: Mode) -> Option<Message> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return match event.code {
            Char('c') => Some(Message::Command(Quit)),
            Char('z') => Some(Message::Command(Command::Stop)),
            _ => None,
        };
    }
    match (mode, event.code) {
        (Mode::Typing, Char(c)) => return Some(Message::Typed(c)),
        (Mode::Typing, KeyCode::Backspace) => return Some(Message::Erase),
        (Mode::Typing, Enter) => return Some(Message::Command(Command::Accept)),
        (Mode::Typing, Esc) => return Some(Message::Command(Close)),
        (Mode::Typing, _) => return None,
        (Mode::Columns, Enter | Char(' ')) => return Some(Message::Command(Command::Toggle)),
        _ => {}
    }
    let bound = BINDINGS.iter().find(|b| b.keys.contains(&event.code));
    match (bound, event.code) {
        (Some(binding), _) => Some(Message::Command(binding.command)),
        (None, Char(c)) => Some(Message::Other(c)),
        (None, _) => None,
    }
}

/// How far a notch of the wheel goes.
const NOTCH: isize = 3;

fn moused(event: MouseEvent) -> Option<Message> {
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Message::Clicked(event.column, event.row)),
        MouseEventKind::ScrollUp => Some(Message::Command(Move(-NOTCH))),
        MouseEventKind::ScrollDown => Some(Message::Command(Move(NOTCH))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 4] = [Mode::Normal, Mode::Help, Mode::Typing, Mode::Columns];

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn no_key_has_two_commands() {
        let keys: Vec<_> = BINDINGS.iter().flat_map(|b| b.keys).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{key:?} is bound twice");
        }
    }

    #[test]
    fn control_c_quits_and_control_z_stops_in_every_mode() {
        for mode in MODES {
            for (letter, expected) in [('c', Quit), ('z', Command::Stop)] {
                let event = key(Char(letter), KeyModifiers::CONTROL);
                let Some(Message::Command(command)) = message(&event, mode) else {
                    panic!("Ctrl-{letter} does nothing in {mode:?}");
                };
                assert_eq!(command, expected, "{mode:?}");
            }
        }
    }

    #[test]
    fn typed_letters_are_text_and_not_commands() {
        let event = key(Char('q'), KeyModifiers::NONE);
        assert!(matches!(
            message(&event, Mode::Typing),
            Some(Message::Typed('q'))
        ));
        assert!(matches!(
            message(&event, Mode::Normal),
            Some(Message::Command(Quit))
        ));
    }

    #[test]
    fn a_released_key_is_no_second_press() {
        let mut event = KeyEvent::new(Char('f'), KeyModifiers::NONE);
        event.kind = KeyEventKind::Release;
        assert!(message(&Event::Key(event), Mode::Normal).is_none());
    }

    #[test]
    fn the_mouse_clicks_and_turns_its_wheel() {
        let mouse = |kind| {
            let event = MouseEvent {
                kind,
                column: 7,
                row: 3,
                modifiers: KeyModifiers::NONE,
            };
            message(&Event::Mouse(event), Mode::Normal)
        };
        let left = MouseEventKind::Down(MouseButton::Left);
        assert!(matches!(mouse(left), Some(Message::Clicked(7, 3))));
        let up = mouse(MouseEventKind::ScrollUp);
        assert!(matches!(up, Some(Message::Command(Move(-3)))));
        assert!(mouse(MouseEventKind::Moved).is_none());
    }
}
