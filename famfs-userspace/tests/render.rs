//! What the screen looks like, at sizes that people have and at sizes that nobody should have.

use std::time::{Duration, SystemTime};

use famfs_instruments::tui::{
    App, Glyphs, Message, Theme, Transport,
    app::{Mode, Options},
    command::{Command, Page},
};
use famfs_snapshot::{
    model::{Columns, Event, EventKind, FileKey, MountState, Sort},
    report::{json, table},
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
};
use ratatui::style::Color;

#[path = "common/screen.rs"]
mod screen;

use screen::{app, draw, options, press, steers, text};

const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (200, 60)];
const SCENES: [Scene; 5] = [
    Scene::Empty,
    Scene::Mixed,
    Scene::Poison,
    Scene::Huge,
    Scene::Hostile,
];

/// All sizes of one picture in one file; where much is blank, how much.
fn snapshots(name: &str, app: &mut App) {
    let mut all = Vec::new();
    for (width, height) in SIZES {
        all.push(format!("==== {width}x{height}"));
        let screen = text(&draw(app, (width, height)));
        let lines: Vec<&str> = screen.lines().collect();
        for part in lines.chunk_by(|a, b| a.is_empty() == b.is_empty()) {
            if part.len() > 2 && part[0].is_empty() {
                all.push(format!("     ({} blank lines)", part.len()));
            } else {
                all.extend(part.iter().map(|line| (*line).to_owned()));
            }
        }
    }
    insta::assert_snapshot!(name, all.join("\n"));
}

/// The page of the file in this line of the table.
fn open(app: &mut App, line: isize) {
    draw(app, (80, 24));
    press(app, Command::Move(line));
    press(app, Command::Open);
    assert!(matches!(app.page, Page::File(_)));
}

/// One picture of each scene, after seconds enough to have a history.
fn every_scene(name: &str, show: impl Fn(&mut App)) {
    for (scene, seconds) in [
        (Scene::Empty, 2),
        (Scene::Mixed, 40),
        (Scene::Huge, 12),
        (Scene::Hostile, 1),
    ] {
        let mut app = app(scene, seconds, options());
        show(&mut app);
        let scene = format!("{scene:?}").to_lowercase();
        snapshots(&format!("{name}-{scene}"), &mut app);
    }
}

#[test]
fn the_table() {
    every_scene("files", |_| ());
}

#[test]
fn the_processes() {
    every_scene("processes", |app| press(app, Command::Go(Page::Processes)));
}

#[test]
fn the_events() {
    every_scene("events", |app| press(app, Command::Go(Page::Events)));
}

#[test]
fn the_probes() {
    every_scene("probes", |app| press(app, Command::Go(Page::Probes)));
}

#[test]
fn a_file() {
    every_scene("file", |app| {
        // Without any file there is none to open.
        if app.rows().len() > 0 {
            open(app, 0);
        } else {
            app.page = Page::File(FileKey::OTHER);
        }
    });
}

#[test]
fn a_file_that_maps_both_ways() {
    let mut app = app(Scene::Mixed, 40, options());
    open(&mut app, 2);
    snapshots("file-both", &mut app);
}

#[test]
fn without_a_mount_the_screen_names_the_next_command() {
    for (all_dax, words) in [(false, "famfs mount DEV DIR"), (true, "mount -o dax")] {
        let mut app = app(
            Scene::Empty,
            2,
            Options {
                all_dax,
                ..options()
            },
        );
        let screen = text(&draw(&mut app, (72, 10)));
        assert!(screen.contains(words), "{screen}");
        assert!(screen.contains("no faults yet"), "{screen}");
    }
}

#[test]
fn a_disabled_mount_says_when_and_where() {
    let mut app = app(Scene::Poison, 6, options());
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

/// A mount that outlived its file system, in every form there is.
#[test]
fn a_stale_mount_is_first_and_says_what_to_do() {
    let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
    let mut snapshot = source.poll().unwrap();
    let last = snapshot.mounts.last_mut().unwrap();
    (last.state, last.error) = (MountState::Stale, None);
    let stale = last.mountpoint.clone();
    let told = "its device holds another file system";
    let table = table::render(&snapshot, Sort::default(), "", &Columns::default());
    assert!(
        table.contains(&format!("STALE     {stale}"))
            && table.contains(&format!("          {told}, unmount it and mount it again")),
        "{table}"
    );
    let json: serde_json::Value = serde_json::from_str(&json::render(&snapshot)).unwrap();
    let mounts = json["mounts"].as_array().unwrap();
    assert_eq!(mounts.last().unwrap()["state"], "stale");
    let mut app = App::new(snapshot, options(), &famfs_instruments::tui::view::Pages);
    for size in SIZES {
        let screen = text(&draw(&mut app, size));
        let first = screen.lines().find(|line| line.contains("/mnt"));
        assert!(
            first.is_some_and(|line| line.starts_with("STALE")) && screen.contains(told),
            "{size:?}:\n{screen}"
        );
    }
}

#[test]
fn the_help_lists_every_key_and_column() {
    let mut app = app(Scene::Mixed, 3, options());
    press(&mut app, Command::Help);
    snapshots("help", &mut app);
    draw(&mut app, (80, 24));
    press(&mut app, Command::Move(isize::MAX));
    assert!(text(&draw(&mut app, (80, 24))).contains("never below it"));
}

#[test]
fn columns_are_chosen() {
    let mut app = app(Scene::Mixed, 3, options());
    draw(&mut app, (80, 24));
    press(&mut app, Command::Columns);
    press(&mut app, Command::Move(8));
    press(&mut app, Command::Toggle);
    snapshots("columns", &mut app);
    press(&mut app, Command::Close);
    assert!(text(&draw(&mut app, (80, 24))).contains("MAX   MEAN"));
}

#[test]
fn spare_width_is_shared_when_asked() {
    let mut app = app(Scene::Mixed, 3, options());
    press(&mut app, Command::Widths);
    press(&mut app, Command::Span);
    snapshots("proportional", &mut app);
}

#[test]
fn a_recording_shows_where_it_is() {
    let mut app = app(Scene::Mixed, 3, options());
    app.update(Message::Transport(Transport {
        position: Duration::from_secs(75),
        length: Duration::from_mins(5),
        paused: true,
        speed: 2.0,
    }));
    snapshots("replay", &mut app);
}

/// Every page and what may be in front of it.
fn every_view(app: &mut App, mut look: impl FnMut(&mut App)) {
    let files: Vec<FileKey> = app.shown().files.iter().map(|f| f.key).take(6).collect();
    let pages = [Page::Files, Page::Processes, Page::Events, Page::Probes];
    let files = files.into_iter().map(Page::File);
    for page in pages
        .into_iter()
        .chain(files)
        .chain([Page::File(FileKey::OTHER)])
    {
        press(app, Command::Go(page));
        look(app);
        press(app, Command::Move(isize::MAX));
        look(app);
    }
    for front in [Command::Help, Command::Columns, Command::Filter] {
        press(app, front);
        look(app);
        press(app, Command::Move(isize::MAX));
        look(app);
        press(app, Command::Close);
    }
    assert_eq!(app.mode, Mode::Normal);
}

#[test]
fn no_size_is_too_small_or_too_large() {
    let small = (0..=9).flat_map(|width| (0..=7).map(move |height| (width, height)));
    let odd = [
        (500, 2),
        (2, 500),
        (79, 11),
        (80, 15),
        (119, 16),
        (120, 3),
        (121, 33),
    ];
    let sizes: Vec<(u16, u16)> = small.chain(odd).collect();
    for scene in SCENES {
        // Fewer files are as good for this, and quicker.
        let seconds = if scene == Scene::Huge { 1 } else { 7 };
        let mut app = app(scene, seconds, options());
        app.update(Message::Transport(Transport {
            position: Duration::MAX,
            length: Duration::ZERO,
            paused: false,
            speed: f64::INFINITY,
        }));
        every_view(&mut app, |app| {
            let sizes = if scene == Scene::Huge {
                &sizes[80..]
            } else {
                &sizes[..]
            };
            for size in sizes {
                let buffer = draw(app, *size);
                assert!(!buffer.content.iter().any(steers));
            }
        });
    }
}

#[test]
fn no_click_is_out_of_place() {
    for scene in [Scene::Empty, Scene::Poison] {
        let mut app = app(scene, 7, options());
        for size in [(0, 0), (9, 4), (80, 24)] {
            draw(&mut app, size);
            every_view(&mut app, |app| {
                let (page, mode, options) = (app.page, app.mode, app.options.clone());
                for x in (0..size.0 + 2).step_by(9) {
                    for y in 0..size.1 + 2 {
                        app.update(Message::Clicked(x, y));
                        (app.page, app.mode, app.options) = (page, mode, options.clone());
                    }
                }
                draw(app, size);
            });
        }
    }
}

#[test]
fn without_colour_no_cell_has_one() {
    let mut app = app(
        Scene::Poison,
        7,
        Options {
            theme: Theme::Mono,
            ..options()
        },
    );
    press(&mut app, Command::Freeze);
    let table = text(&draw(&mut app, (80, 24)));
    assert!(table.contains("DISABLED") && table.contains("FROZEN"));
    every_view(&mut app, |app| {
        for cell in draw(app, (130, 40)).content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
    });
}

#[test]
fn a_light_theme_is_another_one() {
    let colours = |theme| {
        let mut app = app(Scene::Poison, 7, Options { theme, ..options() });
        let buffer = draw(&mut app, (80, 24));
        let mut colours: Vec<Color> = buffer.content.iter().map(|cell| cell.fg).collect();
        colours.dedup();
        colours
    };
    assert!(colours(Theme::Dark).contains(&Color::Cyan));
    assert!(!colours(Theme::Light).contains(&Color::Cyan));
    assert!(!colours(Theme::Light).contains(&Color::Yellow));
}

/// A terminal of ASCII gets nothing else, whatever is on the screen; and all of it in its place.
#[test]
fn ascii_is_all_that_an_ascii_terminal_gets() {
    for scene in [Scene::Mixed, Scene::Hostile] {
        let mut app = app(scene, 12, options());
        every_view(&mut app, |app| {
            for size in [(80, 24), (160, 50)] {
                app.options.glyphs = Glyphs::Unicode;
                let all = draw(app, size);
                app.options.glyphs = Glyphs::Ascii;
                let ascii = draw(app, size);
                for (was, is) in all.content.iter().zip(&ascii.content) {
                    let (was, is) = (was.symbol(), is.symbol());
                    assert!(is.len() == 1 && is.is_ascii(), "{is:?} of {scene:?}");
                    // The cell behind a wide letter was hidden by it.
                    assert!(was == is || !was.is_ascii() || was == " " && is == "?");
                }
            }
        });
    }
    let mut app = app(
        Scene::Mixed,
        12,
        Options {
            glyphs: Glyphs::Ascii,
            ..options()
        },
    );
    open(&mut app, 0);
    let page = text(&draw(&mut app, (120, 40)));
    assert!(page.contains("####"), "no bar in\n{page}");
    press(&mut app, Command::Help);
    let help = text(&draw(&mut app, (120, 40)));
    assert!(help.contains("+help: ?"), "no frame in\n{help}");
}

#[test]
fn hostile_names_stay_in_their_place() {
    let mut app = app(
        Scene::Hostile,
        3,
        Options {
            columns: Columns::parse("all").unwrap(),
            ..options()
        },
    );
    every_view(&mut app, |app| {
        for size in [(1, 1), (40, 10), (80, 24), (200, 60)] {
            let buffer = draw(app, size);
            assert!(!buffer.content.iter().any(steers));
        }
    });
    let screen = text(&draw(&mut app, (200, 60)));
    assert!(screen.contains(r"\u{1b}[2J"), "{screen}");
}
