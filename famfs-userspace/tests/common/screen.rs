//! A screen without a terminal: a made-up system, keys, and what is to be seen.

#![allow(
    dead_code,
    reason = "each test program is built with all of it and needs some of it"
)]

use std::time::Duration;

use famfs_instruments::tui::{
    App, Message,
    app::{Action, Options},
    command::Command,
    view,
};
use famfs_snapshot::source::{
    Source as _,
    synthetic::{Scene, Synthetic},
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
};

pub(crate) fn options() -> Options {
    Options {
        actions: vec![Action {
            key: 'p',
            label: "poison a page".into(),
            command: "famfs-bench poison".into(),
        }],
        ..Options::default()
    }
}

/// The scene after so many seconds.
pub(crate) fn app(scene: Scene, seconds: usize, options: Options) -> App {
    let mut source = Synthetic::new(scene, Duration::from_secs(1));
    let mut app = App::new(
        source.poll().expect("a made-up system answers"),
        options,
        &view::Pages,
    );
    for _ in 0..seconds {
        let snapshot = source.poll().expect("a made-up system answers");
        app.update(Message::Observed(snapshot));
    }
    app
}

pub(crate) fn press(app: &mut App, command: Command) {
    assert_eq!(app.update(Message::Command(command)), None, "{command:?}");
}

pub(crate) fn draw(app: &mut App, (width, height): (u16, u16)) -> Buffer {
    app.update(Message::Resized(width, height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it cannot fail");
    terminal
        .draw(|frame| view::draw(app, frame))
        .expect("it cannot fail");
    terminal.backend().buffer().clone()
}

/// The lines of the screen, without blanks at their ends.
pub(crate) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|line| {
        let mut text = String::new();
        let mut covered = 0;
        for cell in line {
            // The cell behind a wide character is blank, and not to be seen.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            text.push_str(cell.symbol());
            covered = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        }
        text.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a character that steers a terminal is in the cell.
pub(crate) fn steers(cell: &Cell) -> bool {
    cell.symbol().contains(|c: char| {
        c.is_control() || c == '\u{61c}' || ('\u{2028}'..='\u{202e}').contains(&c)
    })
}
