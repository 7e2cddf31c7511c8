//! What keys and observations do to the state of the screen, without a terminal.

use std::time::{Duration, SystemTime};

use famfs_userspace::{
    model::{Columns, Event, EventKind, FIELDS, MountState, Sort},
    source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    },
    tui::{
        App, Message,
        app::{Action, Effect, Options},
        event::Command,
    },
};

/// A screen that is polled four times an interval.
struct Screen {
    app: App,
    source: Synthetic,
}

impl Screen {
    fn new(actions: Vec<Action>) -> Self {
        let mut source = Synthetic::new(Scene::Poison, Duration::from_millis(250));
        let options = Options {
            interval: Duration::from_secs(1),
            sort: Sort::default(),
            filter: String::new(),
            columns: Columns::default(),
            actions,
            colour: true,
        };
        let first = source.poll().expect("a made-up system answers");
        Self {
            app: App::new(first, options),
            source,
        }
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

    /// PTE faults of the busiest file.
    fn busiest(&self) -> u64 {
        self.app.rows().next().map_or(0, |row| row.pte())
    }

    fn has_disabled(&self) -> bool {
        self.app.mounts()[0].state == MountState::Disabled
    }
}

#[test]
fn numbers_change_once_an_interval_and_count_only_it() {
    let mut screen = Screen::new(Vec::new());
    screen.poll(3);
    assert_eq!(screen.busiest(), 0);
    screen.poll(1);
    assert_eq!(screen.busiest(), 41_000);
    screen.poll(4);
    assert_eq!(screen.busiest(), 41_000);
    screen.press(Command::SinceStart);
    assert_eq!(screen.busiest(), 82_000);
}

#[test]
fn a_disabled_mount_shows_before_the_interval_ends() {
    let mut screen = Screen::new(Vec::new());
    screen.app.options.interval = Duration::from_secs(2);
    screen.poll(19);
    assert!(!screen.has_disabled());
    screen.poll(1);
    assert!(screen.has_disabled());
    // Five seconds are two intervals and a half: the numbers are still those of the second.
    assert_eq!(screen.busiest(), 82_000);
}

#[test]
fn a_frozen_picture_stands_and_catches_up() {
    let mut screen = Screen::new(Vec::new());
    screen.poll(4);
    screen.press(Command::Freeze);
    screen.poll(20);
    assert_eq!(screen.app.shown().elapsed_ns, 1_000_000_000);
    assert!(!screen.has_disabled());
    screen.press(Command::Freeze);
    screen.poll(1);
    assert!(screen.has_disabled());
    screen.poll(3);
    assert_eq!(screen.busiest(), 41_000);
}

#[test]
fn every_column_can_order_the_table() {
    let mut screen = Screen::new(Vec::new());
    screen.poll(4);
    let start = screen.app.options.sort;
    for _ in 0..FIELDS.len() {
        screen.press(Command::SortNext);
        screen.press(Command::Reverse);
        assert!(screen.app.options.sort.reverse);
        assert_eq!(screen.app.rows().len(), 5);
    }
    screen.press(Command::Reverse);
    assert_eq!(screen.app.options.sort, start);
    screen.press(Command::SortPrevious);
    assert_eq!(FIELDS[screen.app.options.sort.field].key, "path");
}

#[test]
fn the_filter_is_typed_kept_and_dropped() {
    let mut screen = Screen::new(Vec::new());
    screen.poll(4);
    screen.press(Command::Filter);
    for c in "ringx".chars() {
        screen.app.update(Message::Typed(c));
    }
    assert_eq!(screen.app.rows().len(), 0);
    screen.app.update(Message::Erase);
    screen.press(Command::Accept);
    assert_eq!(screen.app.rows().len(), 1);
    screen.press(Command::Close);
    assert_eq!(screen.app.rows().len(), 5);
}

#[test]
fn scrolling_stays_inside_the_table() {
    let mut screen = Screen::new(Vec::new());
    screen.press(Command::Scroll(isize::MAX));
    assert_eq!(screen.app.scroll, 4);
    screen.press(Command::Scroll(isize::MIN));
    assert_eq!(screen.app.scroll, 0);
}

#[test]
fn a_key_held_down_runs_its_action_once() {
    let poison = Action {
        key: 'p',
        label: "poison".into(),
        command: "true".into(),
    };
    let mut screen = Screen::new(vec![poison.clone()]);
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
