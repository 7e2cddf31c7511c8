//! What keys, clicks and observations do to the state of the screen, without a terminal.

use std::time::{Duration, SystemTime};

use famfs_instruments::tui::{
    App, Message, Transport,
    app::{Action, Effect, Mode, Options, Span},
    command::{Command, Page},
    transport::Ask,
};
use famfs_snapshot::{
    model::{Columns, Event, EventKind, FIELDS, MountState, position},
    source::{
        Extra, Source as _,
        synthetic::{Scene, Synthetic},
    },
};

#[path = "common/screen.rs"]
mod screen;

use screen::{draw, options, text};

/// A screen that is polled four times an interval.
struct Screen {
    app: App,
    source: Synthetic,
}

impl Screen {
    fn new() -> Self {
        Self::with(options())
    }

    fn with(options: Options) -> Self {
        let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(250));
        let first = source.poll().expect("a made-up system answers");
        let mut app = App::new(first, options, &famfs_instruments::tui::view::Pages);
        app.update(Message::Resized(100, 24));
        Self { app, source }
    }

    fn poll(&mut self, times: u32) {
        for _ in 0..times {
            let snapshot = self.source.poll().expect("a made-up system answers");
            self.app.update(Message::Observed(snapshot));
        }
    }

    fn press(&mut self, command: Command) {
        assert_eq!(self.app.update(Message::Command(command)), None);
    }

    /// PTE faults of the first row.
    fn busiest(&self) -> u64 {
        self.app.rows().next().map_or(0, |row| row.pte())
    }

    fn first_inode(&self) -> u64 {
        self.app.rows().next().map_or(0, |row| row.key().ino)
    }

    fn has_disabled(&self) -> bool {
        self.app.mounts()[0].state == MountState::Disabled
    }

    fn text(&mut self) -> String {
        text(&draw(&mut self.app, (100, 24)))
    }

    /// Where on the screen the text begins.
    fn find(&mut self, what: &str) -> (u16, u16) {
        let screen = self.text();
        for (line, y) in screen.lines().zip(0..) {
            if let Some((before, _)) = line.split_once(what) {
                let x = before.chars().map(|_| 1_u16).sum();
                return (x, y);
            }
        }
        panic!("no {what:?} in\n{screen}");
    }

    fn click(&mut self, what: &str) -> Option<Effect> {
        let (x, y) = self.find(what);
        self.app.update(Message::Clicked(x, y))
    }
}

#[test]
fn numbers_change_once_an_interval_and_count_only_it() {
    let mut screen = Screen::new();
    screen.poll(3);
    assert_eq!(screen.busiest(), 0);
    screen.poll(1);
    assert_eq!(screen.busiest(), 41_000);
    screen.poll(4);
    assert_eq!(screen.busiest(), 41_000);
}

#[test]
fn three_spans_count_what_their_names_say() {
    let mut screen = Screen::new();
    screen.poll(4 * 14);
    assert_eq!(
        (screen.app.span(), screen.busiest()),
        (Span::Interval, 41_000)
    );
    screen.press(Command::Span);
    assert_eq!(
        (screen.app.span(), screen.busiest()),
        (Span::Recent, 410_000)
    );
    assert_eq!(screen.app.shown().elapsed_ns, 10_000_000_000);
    screen.press(Command::Span);
    assert_eq!(
        (screen.app.span(), screen.busiest()),
        (Span::Total, 574_000)
    );
    screen.press(Command::Span);
    assert_eq!(
        (screen.app.span(), screen.busiest()),
        (Span::Interval, 41_000)
    );
    let processes = &screen.app.rows().next().unwrap().file.processes;
    assert_eq!((processes[0].pid, processes[0].faults), (1310, 41_000));
}

#[test]
fn a_disabled_mount_shows_before_the_interval_ends() {
    let mut screen = Screen::with(Options {
        interval: Duration::from_secs(2),
        ..options()
    });
    screen.poll(19);
    assert!(!screen.has_disabled());
    let counted = screen.app.mounts()[0].totals;
    screen.poll(1);
    assert!(screen.has_disabled());
    // Five seconds are two intervals and a half: the numbers are still those of the second.
    assert_eq!(screen.busiest(), 82_000);
    assert_eq!(screen.app.mounts()[1].totals, counted);
}

#[test]
fn a_frozen_picture_stands_in_every_span_and_catches_up() {
    let mut screen = Screen::new();
    screen.poll(4);
    screen.press(Command::Freeze);
    screen.poll(20);
    assert_eq!(screen.app.shown().elapsed_ns, 1_000_000_000);
    assert!(!screen.has_disabled());
    for _ in 0..3 {
        screen.press(Command::Span);
        assert_eq!(screen.busiest(), 41_000);
        assert_eq!(
            screen
                .app
                .moments(screen.app.rows().next().unwrap().key())
                .len(),
            1
        );
    }
    screen.press(Command::Freeze);
    assert!(screen.has_disabled());
    screen.poll(4);
    assert_eq!(screen.busiest(), 41_000);
}

#[test]
fn every_visible_column_can_order_the_table() {
    let mut screen = Screen::with(Options {
        columns: Columns::parse("all").unwrap(),
        ..options()
    });
    screen.poll(4);
    let start = screen.app.options.sort;
    for _ in 0..FIELDS.len() {
        screen.press(Command::SortNext);
        screen.press(Command::Reverse);
        assert!(screen.app.options.sort.reverse);
        assert_eq!(screen.app.rows().len(), 5);
        let title = FIELDS[screen.app.options.sort.field].title;
        assert!(screen.text().contains(title), "{title} is not to be seen");
    }
    screen.press(Command::Reverse);
    assert_eq!(screen.app.options.sort, start);
    screen.press(Command::SortPrevious);
    assert_eq!(FIELDS[screen.app.options.sort.field].key, "path");
    screen.app.options.columns = Columns::parse("size,p99").unwrap();
    screen.press(Command::SortNext);
    assert_eq!(FIELDS[screen.app.options.sort.field].key, "size");
}

#[test]
fn the_filter_is_typed_kept_and_dropped() {
    let mut screen = Screen::new();
    screen.poll(4);
    screen.press(Command::Filter);
    for c in "ringx".chars() {
        screen.app.update(Message::Typed(c));
    }
    assert_eq!(screen.app.rows().len(), 0);
    assert!(screen.text().contains("no path contains the filter"));
    screen.app.update(Message::Erase);
    screen.press(Command::Accept);
    assert_eq!(screen.app.rows().len(), 1);
    screen.press(Command::Close);
    assert_eq!(screen.app.rows().len(), 5);
}

#[test]
fn the_cursor_stays_inside_the_table_and_with_its_file() {
    let mut screen = Screen::new();
    screen.poll(4);
    screen.press(Command::Move(isize::MAX));
    assert_eq!(screen.app.cursor().at, 4);
    screen.press(Command::Turn(-1));
    assert_eq!(screen.app.cursor().at, 0);
    screen.press(Command::Move(1));
    let file = screen.app.rows().nth(1).unwrap().key();
    screen.press(Command::Reverse);
    let at = screen.app.cursor().at;
    assert_eq!((at, screen.app.rows().nth(at).unwrap().key()), (3, file));
    screen.press(Command::Move(isize::MIN));
    screen.press(Command::Reverse);
    assert_eq!(screen.app.cursor().at, 0, "at the top it stays at the top");
}

#[test]
fn a_file_is_opened_and_left() {
    let mut screen = Screen::new();
    screen.poll(8);
    screen.press(Command::Move(2));
    screen.press(Command::Open);
    let page = screen.text();
    for words in ["/mnt/famfs/ring buffer", "inside of a 2 MiB region"] {
        assert!(page.contains(words), "no {words:?} in\n{page}");
    }
    screen.press(Command::Move(3));
    assert_eq!(screen.app.cursor().top, 3);
    screen.press(Command::Move(isize::MAX));
    for words in ["producer", "IN MEMORY", "0x18000000"] {
        let page = screen.text();
        assert!(page.contains(words), "no {words:?} in\n{page}");
    }
    screen.press(Command::Move(isize::MIN));
    screen.press(Command::Close);
    assert_eq!((screen.app.page, screen.app.cursor().at), (Page::Files, 2));
}

#[test]
fn pages_follow_each_other_and_lead_to_files() {
    let mut screen = Screen::new();
    screen.poll(4 * 6);
    for page in [Page::Processes, Page::Events, Page::Probes, Page::Files] {
        screen.press(Command::NextPage);
        assert_eq!(screen.app.page, page);
    }
    screen.press(Command::PreviousPage);
    assert_eq!(screen.app.page, Page::Probes);
    screen.press(Command::Open);
    assert_eq!(screen.app.page, Page::Probes);
    screen.press(Command::Go(Page::Processes));
    screen.press(Command::Open);
    assert!(screen.text().contains("/mnt/famfs/index.dat"));
    screen.press(Command::Close);
    assert_eq!(screen.app.page, Page::Processes);
    screen.press(Command::Close);
    assert_eq!(screen.app.page, Page::Files);
}

#[test]
fn what_costs_is_switched_where_its_price_is() {
    let mut screen = Screen::new();
    screen.poll(4);
    for (page, extra, price) in [
        (Page::Processes, Extra::Processes, Extra::Processes.price()),
        (Page::Probes, Extra::RunTime, Extra::RunTime.price()),
    ] {
        screen.press(Command::Go(page));
        screen.press(Command::Switch);
        for (on, effect) in [(true, false), (false, true)] {
            screen.app.update(Message::Extra(extra, Some(on)));
            let page = screen.text();
            assert!(page.contains(&price[..30]), "no price in\n{page}");
            let asked = screen.app.update(Message::Command(Command::Switch));
            assert_eq!(asked, Some(Effect::Switch(extra, effect)));
        }
    }
}

/// The running kernel is watched without the privileges to change what is watched.
#[test]
fn what_cannot_be_switched_is_not_offered() {
    let mut screen = Screen::new();
    screen.poll(4);
    screen.app.options.is_fixed = true;
    for (page, extra, option) in [
        (Page::Processes, Extra::Processes, "start with --processes"),
        (Page::Probes, Extra::RunTime, "start with --run-stats"),
    ] {
        screen.press(Command::Go(page));
        for on in [true, false] {
            screen.app.update(Message::Extra(extra, Some(on)));
            let page = screen.text();
            // As one line, however it is wrapped.
            let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(page.contains("costs each fault"), "no price in\n{page}");
            assert_eq!(page.contains(option), !on, "{page}");
            for offer in ["(e: o", "e count them", "e time them"] {
                assert!(!page.contains(offer), "{offer} in\n{page}");
            }
        }
    }
}

#[test]
fn the_mouse_sorts_opens_and_scrolls() {
    let mut screen = Screen::new();
    screen.poll(4);
    screen.click("P99");
    assert_eq!(FIELDS[screen.app.options.sort.field].key, "p99");
    screen.click("P99");
    assert!(screen.app.options.sort.reverse);
    screen.click("3 events");
    assert_eq!(screen.app.page, Page::Events);
    screen.click("1 files");
    screen.click("/mnt/spare/scratch");
    assert!(matches!(screen.app.page, Page::File(key) if key.dev == (0, 43)));
    screen.press(Command::Columns);
    let mean = position("mean").unwrap();
    screen.click("] MEAN");
    assert!(screen.app.options.columns.has(mean, 100));
    screen.app.update(Message::Clicked(0, 0));
    assert_eq!(screen.app.mode, Mode::Normal);
}

#[test]
fn a_recording_is_played_by_keys() {
    let mut screen = Screen::new();
    screen.poll(4);
    // Without one, pausing is freezing, and the rest is nothing.
    screen.press(Command::Pause);
    assert!(screen.app.frozen());
    screen.press(Command::Pause);
    screen.press(Command::Jump(10));
    screen.app.update(Message::Transport(Transport {
        position: Duration::from_secs(40),
        length: Duration::from_secs(200),
        paused: false,
        speed: 1.0,
    }));
    let seconds = |s| Ask::Jump(Duration::from_secs(s));
    for (command, ask) in [
        (Command::Pause, Ask::Pause(true)),
        (Command::Jump(10), seconds(50)),
        (Command::Jump(-60), seconds(0)),
        (Command::Seek(1000), seconds(200)),
        (Command::StepBack, Ask::Step { back: true }),
        (Command::StepOn, Ask::Step { back: false }),
        (Command::Faster, Ask::Speed(2.0)),
        (Command::Slower, Ask::Speed(0.5)),
    ] {
        let effect = screen.app.update(Message::Command(command));
        assert_eq!(effect, Some(Effect::Ask(ask)), "{command:?}");
    }
    assert!(screen.text().contains("replay 0:00:40 of 0:03:20 x1"));
    let (_, y) = screen.find("replay");
    let end = screen.app.update(Message::Clicked(99, y));
    assert_eq!(end, Some(Effect::Ask(seconds(200))));
    assert_eq!(screen.app.update(Message::Clicked(2, y)), None);
}

#[test]
fn a_jump_begins_history_anew() {
    let mut screen = Screen::new();
    screen.poll(4 * 8);
    let key = screen.app.rows().next().unwrap().key();
    assert_eq!(screen.app.moments(key).len(), 8);
    let mut source = Synthetic::new(Scene::Poison, Duration::from_secs(1));
    let earlier: Vec<_> = (0..5).map(|_| source.poll().unwrap()).collect();
    screen.app.update(Message::Jumped(earlier[3].clone()));
    assert_eq!((screen.busiest(), screen.app.moments(key).len()), (0, 0));
    screen.app.update(Message::Observed(earlier[4].clone()));
    assert_eq!(
        (screen.busiest(), screen.app.moments(key).len()),
        (41_000, 1)
    );
    assert!(!screen.has_disabled());
    // A source that begins again without a word is no other.
    screen.app.update(Message::Observed(earlier[2].clone()));
    assert_eq!((screen.busiest(), screen.app.moments(key).len()), (0, 0));
    screen.press(Command::Span);
    screen.press(Command::Span);
    assert_eq!((screen.busiest(), screen.first_inode()), (82_000, 8));
}

#[test]
fn a_frozen_picture_follows_a_jump() {
    let mut screen = Screen::new();
    screen.poll(4 * 8);
    screen.press(Command::Freeze);
    let mut source = Synthetic::new(Scene::Poison, Duration::from_secs(1));
    let first = source.poll().unwrap();
    screen.app.update(Message::Jumped(first.clone()));
    assert_eq!(screen.app.shown().time, first.time);
    assert!(screen.app.frozen());
}

#[test]
fn a_key_held_down_runs_its_action_once() {
    let poison = Action {
        key: 'p',
        label: "poison".into(),
        command: "true".into(),
    };
    let mut screen = Screen::with(Options {
        actions: vec![poison.clone()],
        ..options()
    });
    let run = Some(Effect::Run(poison));
    assert_eq!(screen.app.update(Message::Other('x')), None);
    assert_eq!(screen.app.update(Message::Other('p')), run);
    assert_eq!(screen.app.update(Message::Other('p')), None);
    let event = Event::new(
        SystemTime::UNIX_EPOCH,
        EventKind::Action,
        "poison: done".into(),
    );
    screen.app.update(Message::Ended('p', event));
    assert_eq!(screen.app.update(Message::Other('p')), run);
    assert_eq!(screen.app.events().len(), 3);
}

#[test]
fn a_mount_that_comes_later_fills_the_screen() {
    let mut empty = Synthetic::new(Scene::Empty, Duration::from_secs(1));
    let mut app = App::new(
        empty.poll().unwrap(),
        options(),
        &famfs_instruments::tui::view::Pages,
    );
    assert!(text(&draw(&mut app, (80, 24))).contains("no famfs is mounted"));
    let mut later = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
    later.poll().unwrap();
    app.update(Message::Observed(later.poll().unwrap()));
    let screen = text(&draw(&mut app, (80, 24)));
    assert!(screen.contains("/mnt/famfs  /dev/pmem0"), "{screen}");
    assert_eq!(app.rows().len(), 5);
}
