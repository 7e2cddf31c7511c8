//! What the screen looks like, at sizes that people have and at sizes that nobody should have.

use std::time::{Duration, SystemTime};

use famfs_userspace::{
    model::{Columns, Event, EventKind, MountState, Sort},
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
    tui::{
        App, Message,
        app::{Action, Options},
        event::Command,
        view,
    },
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::Color,
};

const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (200, 60)];

fn options() -> Options {
    Options {
        interval: Duration::from_secs(1),
        sort: Sort::default(),
        filter: String::new(),
        columns: Columns::default(),
        actions: Vec::new(),
        colour: true,
    }
}

fn demo() -> Options {
    let action = Action {
        key: 'p',
        label: "poison a page".into(),
        command: "famfs-bench poison".into(),
    };
    Options {
        actions: vec![action],
        ..options()
    }
}

/// The scene after so many seconds.
fn app(scene: Scene, seconds: usize, options: Options) -> App {
    let mut source = Synthetic::new(scene, Duration::from_secs(1));
    let mut app = App::new(source.poll().expect("a made-up system answers"), options);
    for _ in 0..seconds {
        app.update(Message::Observed(
            source.poll().expect("a made-up system answers"),
        ));
    }
    app
}

fn draw(app: &mut App, (width, height): (u16, u16)) -> Buffer {
    app.update(Message::Resized(height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(app, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|line| {
        let line: String = line.iter().map(Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn snapshots(name: &str, app: &mut App) {
    for (width, height) in SIZES {
        let screen = text(&draw(app, (width, height)));
        insta::assert_snapshot!(format!("{name}-{width}x{height}"), screen);
    }
}

#[test]
fn without_a_mount_the_screen_names_the_next_command() {
    let mut app = app(Scene::Empty, 2, options());
    assert!(text(&draw(&mut app, (40, 10))).contains("famfs mount DEV DIR"));
    snapshots("empty", &mut app);
}

#[test]
fn files_by_both_mapping_sizes() {
    snapshots("mixed", &mut app(Scene::Mixed, 3, demo()));
}

#[test]
fn a_disabled_mount_says_when_and_where() {
    let mut app = app(Scene::Poison, 6, demo());
    app.update(Message::Other('p'));
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_606);
    app.update(Message::Ended(
        'p',
        Event::new(
            time,
            EventKind::Action,
            "poison a page: done: SIGBUS".into(),
        ),
    ));
    for size in SIZES {
        let screen = text(&draw(&mut app, size));
        for part in [
            "DISABLED",
            "2026-01-01 00:00:05 UTC",
            "/dev/pmem1",
            "offset 0x2200000",
        ] {
            assert!(
                screen.contains(part),
                "{part} is not on the screen of {size:?}:\n{screen}"
            );
        }
    }
    snapshots("disabled", &mut app);
}

#[test]
fn the_help_lists_every_key_and_column() {
    let mut app = app(Scene::Mixed, 3, demo());
    app.update(Message::Command(Command::Help));
    snapshots("help", &mut app);
    draw(&mut app, (80, 24));
    app.update(Message::Command(Command::Scroll(isize::MAX)));
    assert!(text(&draw(&mut app, (80, 24))).contains("never below it"));
}

#[test]
fn no_size_is_too_small_or_too_large() {
    let sizes = [
        (0, 0),
        (0, 24),
        (80, 0),
        (1, 1),
        (2, 1),
        (1, 2),
        (3, 3),
        (9, 4),
        (20, 5),
        (500, 2),
        (2, 500),
    ];
    for scene in [Scene::Empty, Scene::Mixed, Scene::Poison] {
        let mut app = app(scene, 7, demo());
        for size in sizes {
            for command in [
                Command::Help,
                Command::Close,
                Command::Filter,
                Command::Accept,
            ] {
                app.update(Message::Command(command));
                draw(&mut app, size);
            }
        }
    }
}

#[test]
fn without_colour_no_cell_has_one() {
    let mut app = app(
        Scene::Poison,
        7,
        Options {
            colour: false,
            ..demo()
        },
    );
    app.update(Message::Command(Command::Freeze));
    let table = draw(&mut app, (80, 24));
    assert!(text(&table).contains("DISABLED"));
    assert!(text(&table).contains("FROZEN"));
    app.update(Message::Command(Command::Help));
    let help = draw(&mut app, (80, 24));
    for cell in table.content.iter().chain(&help.content) {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
}

#[test]
fn hostile_names_stay_in_their_place() {
    let mut source = Synthetic::new(Scene::Poison, Duration::from_secs(7));
    let first = source.poll().unwrap();
    let mut second = source.poll().unwrap();
    let hostile = "/mnt/\u{1b}[2J\r\n\u{202e}\t\u{7f}\u{9b}31m".repeat(40);
    for file in &mut second.files {
        file.path = Some(hostile.clone());
    }
    for mount in &mut second.mounts {
        mount.mountpoint.clone_from(&hostile);
        mount.source.clone_from(&hostile);
        mount.state = MountState::Disabled;
    }
    second.kernel.clone_from(&hostile);
    let mut app = App::new(first, demo());
    app.update(Message::Observed(second));
    for size in [(1, 1), (40, 10), (80, 24), (200, 60)] {
        let buffer = draw(&mut app, size);
        let steers = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!buffer.content.iter().any(|c| c.symbol().contains(steers)));
    }
}
