//! From a key to a message. One table gives each key its command and its line in the help.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::Message;

/// What a key makes the screen do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Quit,
    Help,
    /// Leave the help, or drop the filter.
    Close,
    Filter,
    /// Keep the filter as typed.
    Accept,
    Freeze,
    SinceStart,
    SortNext,
    SortPrevious,
    Reverse,
    /// By so many lines.
    Scroll(isize),
}

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

use KeyCode::Char;

/// Every key, in the order of the help.
pub const BINDINGS: [Binding; 15] = [
    binding(&[Char('q')], "q", "quit, as Ctrl-C does", Command::Quit),
    binding(&[Char('?'), Char('h')], "? h", "this help", Command::Help),
    binding(
        &[Char('s'), Char('>'), KeyCode::Right],
        "s >",
        "sort by the next column",
        Command::SortNext,
    ),
    binding(
        &[Char('S'), Char('<'), KeyCode::Left],
        "S <",
        "sort by the column before",
        Command::SortPrevious,
    ),
    binding(&[Char('r')], "r", "reverse the order", Command::Reverse),
    binding(
        &[Char('/')],
        "/",
        "show only paths that contain a text",
        Command::Filter,
    ),
    binding(
        &[Char('f'), Char(' ')],
        "f",
        "freeze the picture; collecting goes on",
        Command::Freeze,
    ),
    binding(
        &[Char('t')],
        "t",
        "last interval, or total since the start",
        Command::SinceStart,
    ),
    binding(
        &[KeyCode::Up, Char('k')],
        "up k",
        "scroll up",
        Command::Scroll(-1),
    ),
    binding(
        &[KeyCode::Down, Char('j')],
        "down j",
        "scroll down",
        Command::Scroll(1),
    ),
    binding(
        &[KeyCode::PageUp],
        "page up",
        "scroll up by ten",
        Command::Scroll(-10),
    ),
    binding(
        &[KeyCode::PageDown],
        "page down",
        "scroll down by ten",
        Command::Scroll(10),
    ),
    binding(
        &[KeyCode::Home],
        "home",
        "to the first file",
        Command::Scroll(isize::MIN),
    ),
    binding(
        &[KeyCode::End],
        "end",
        "to the last file",
        Command::Scroll(isize::MAX),
    ),
    binding(
        &[KeyCode::Esc],
        "esc",
        "close the help, drop the filter",
        Command::Close,
    ),
];

/// Whether the screen itself uses the key.
pub fn is_bound(key: char) -> bool {
    BINDINGS.iter().any(|b| b.keys.contains(&Char(key)))
}

/// The message of a terminal event, if it has one. `typing` is whether a filter is being typed.
pub fn message(event: &Event, typing: bool) -> Option<Message> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind,
        ..
    }) = event
    else {
        return None;
    };
    if *kind == KeyEventKind::Release {
        return None;
    }
    if modifiers.contains(KeyModifiers::CONTROL) {
        return (*code == Char('c')).then_some(Message::Command(Command::Quit));
    }
    if typing {
        return match code {
            Char(c) => Some(Message::Typed(*c)),
            KeyCode::Backspace => Some(Message::Erase),
            KeyCode::Enter => Some(Message::Command(Command::Accept)),
            KeyCode::Esc => Some(Message::Command(Command::Close)),
            _ => None,
        };
    }
    let bound = BINDINGS.iter().find(|b| b.keys.contains(code));
    match (bound, code) {
        (Some(binding), _) => Some(Message::Command(binding.command)),
        (None, Char(c)) => Some(Message::Other(*c)),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn control_c_quits_even_while_typing() {
        for typing in [false, true] {
            let event = key(Char('c'), KeyModifiers::CONTROL);
            assert!(matches!(
                message(&event, typing),
                Some(Message::Command(Command::Quit))
            ));
        }
    }

    #[test]
    fn typed_letters_are_text_and_not_commands() {
        let event = key(Char('q'), KeyModifiers::NONE);
        assert!(matches!(message(&event, true), Some(Message::Typed('q'))));
        assert!(matches!(
            message(&event, false),
            Some(Message::Command(Command::Quit))
        ));
    }

    #[test]
    fn a_free_key_is_for_the_actions() {
        assert!(!is_bound('p') && is_bound('q'));
        let event = key(Char('p'), KeyModifiers::NONE);
        assert!(matches!(message(&event, false), Some(Message::Other('p'))));
    }
}
