//! The screen on a real terminal: it starts, obeys keys, and gives the terminal back.
#![expect(
    clippy::disallowed_methods,
    reason = "what tests read is in the register too"
)]

use std::{
    io::{Read as _, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::Duration,
};

use famfs_instruments::tui::{command::Command as Key, event::BINDINGS, term::Screen};
use nix::{
    sys::{
        signal::{Signal, kill},
        termios::{FlowArg, SetArg, tcflow, tcgetattr, tcsetattr},
    },
    unistd::Pid,
};
use ratatui::crossterm::event::KeyCode;
use tempfile::TempDir;

#[path = "common/terminal.rs"]
mod terminal;

use terminal::{ENTER, LEAVE, Session, is_cooked, is_stopped, pty, resize, spawn, until, wait};

/// A source that needs no kernel.
const SYNTHETIC: [&str; 2] = ["--source", "synthetic"];

fn top(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_famfs-top"));
    command.args(args);
    command
}

fn synthetic(args: &[&str]) -> Command {
    top(&[&SYNTHETIC, args].concat())
}

/// Three seconds of the made-up system.
fn recording(folder: &Path) -> PathBuf {
    let file = folder.join("short.famfsrec");
    if file.exists() {
        return file;
    }
    let status = top(&["record", "--interval", "0.1", "--count", "30"])
        .args(SYNTHETIC)
        .arg(&file)
        .status()
        .expect("the program starts");
    assert!(status.success());
    file
}

/// The screen on each source that needs no kernel.
fn sources(folder: &TempDir, args: &[&str]) -> [Command; 2] {
    let mut replay = top(&["replay"]);
    replay.args(args).arg(recording(folder.path()));
    [synthetic(args), replay]
}

/// The screen on a source that needs no kernel.
fn on_screen(args: &[&str], size: (u16, u16)) -> Session {
    Session::start(synthetic(args), size)
}

/// Waits until the picture is on the alternate screen, with keys going to the program.
fn see_it_whole(session: &Session) {
    session.see("weights-00.bin");
    until("the alternate screen", || session.is_on_alternate_screen());
    until("raw keys", || !is_cooked(&session.terminal));
}

#[test]
fn keys_work_and_q_gives_the_terminal_back() {
    let mut top = on_screen(&["--action", "p:poison:echo poisoned-page-7"], (80, 24));
    top.expect(ENTER);
    top.expect("weights-00.bin");
    top.press("?");
    top.expect("Ctrl-C");
    top.press("?p");
    top.expect("poisoned-page-7");
    top.press("q");
    assert_eq!(top.end().code(), Some(0));
    top.assert_given_back();
}

/// What a terminal sends for a key.
fn bytes(key: KeyCode) -> String {
    match key {
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "\r".into(),
        KeyCode::Esc => "\x1b".into(),
        KeyCode::Backspace => "\x7f".into(),
        KeyCode::Tab => "\t".into(),
        KeyCode::BackTab => "\x1b[Z".into(),
        KeyCode::Up => "\x1b[A".into(),
        KeyCode::Down => "\x1b[B".into(),
        KeyCode::Right => "\x1b[C".into(),
        KeyCode::Left => "\x1b[D".into(),
        KeyCode::Home => "\x1b[H".into(),
        KeyCode::End => "\x1b[F".into(),
        KeyCode::PageUp => "\x1b[5~".into(),
        KeyCode::PageDown => "\x1b[6~".into(),
        key => panic!("what does a terminal send for {key:?}?"),
    }
}

/// Something that only the help shows, at its beginning.
const HELP: &str = "Ctrl-C";

#[test]
fn every_key_is_taken_and_the_screen_lives_on() {
    let folder = TempDir::new().expect("a folder");
    let small = sources(&folder, &["--interval", "0.1"]).map(|source| (source, (80, 24)));
    let large = sources(&folder, &[]).map(|source| (source, (150, 50)));
    for (source, size) in small.into_iter().chain(large) {
        let what = format!("{source:?} {size:?}");
        let mut top = Session::start(source, size);
        top.see("index.dat");
        for binding in &BINDINGS {
            for key in binding.keys {
                if binding.command == Key::Quit {
                    continue;
                }
                // A lone escape is one only when nothing follows it for a while.
                top.press(&bytes(*key));
                thread::sleep(Duration::from_millis(40));
                let ended = top.child.try_wait().expect("it is our child");
                assert!(ended.is_none(), "{key:?} ended {what}");
            }
            // Whatever is in front, escapes lead back to the table; and keys still work.
            for _ in 0..3 {
                top.press("\x1b");
                thread::sleep(Duration::from_millis(40));
            }
            top.press("?");
            top.see(HELP);
            top.press("?");
            top.see_no(HELP);
        }
        top.press("q");
        assert_eq!(top.end().code(), Some(0), "{what}");
        assert!(!top.written().contains("panicked"));
        top.assert_given_back();
    }
}

/// The keys of a player, and what its line says then.
#[test]
fn a_recording_is_played() {
    let folder = TempDir::new().expect("a folder");
    let [_, replay] = sources(&folder, &[]);
    let mut top = Session::start(replay, (120, 30));
    top.see("replay 0:00:0");
    for (keys, line) in [
        (" ", "PAUSED"),
        ("+", "x2"),
        ("-", "x1"),
        (")", "0:00:03 of 0:00:03"),
        ("(", "0:00:00 of 0:00:03"),
        // The end of the bar, on the line above the two of status.
        ("\x1b[<0;120;28M\x1b[<0;120;28m", "0:00:03 of 0:00:03"),
    ] {
        top.press(keys);
        top.see(line);
    }
    top.press("q");
    assert_eq!(top.end().code(), Some(0));
    top.assert_given_back();
}

#[test]
fn pages_open_by_key_and_by_mouse() {
    let folder = TempDir::new().expect("a folder");
    for source in sources(&folder, &["--sort", "path"]) {
        let mut top = Session::start(source, (120, 40));
        top.see("index.dat");
        for (keys, word) in [
            ("\r", "OUTCOMES"),
            ("2", "MOSTLY"),
            ("3", "ABOUT"),
            ("4", "ns/HIT"),
            ("1", "FAULT/s"),
            ("c", "[x]"),
            // A press and a release of the left button, where the columns are not.
            ("\x1b[<0;1;40M\x1b[<0;1;40m", "FAULT/s"),
            // On the second page's name: 33 columns of names end the first line.
            ("\x1b[<0;97;1M\x1b[<0;97;1m", "MOSTLY"),
        ] {
            top.press(keys);
            top.see(word);
        }
        top.press("q");
        assert_eq!(top.end().code(), Some(0));
        top.assert_given_back();
    }
}

#[test]
fn colours_are_left_out_when_asked() {
    // Foreground colours of the sixteen, as crossterm writes them.
    let coloured = |top: &Session| top.written().contains("\x1b[38;5;");
    for (args, no_colour, expected) in [
        (&[][..], "", true),
        (&[][..], "1", false),
        (&["--theme", "light"], "1", true),
        (&["--theme", "mono"], "", false),
    ] {
        let mut command = synthetic(args);
        command.env("NO_COLOR", no_colour);
        let mut session = Session::start(command, (80, 24));
        session.expect("FAULT/s");
        session.press("q");
        session.end();
        assert_eq!(
            coloured(&session),
            expected,
            "{args:?} NO_COLOR={no_colour}"
        );
    }
}

#[test]
fn a_new_size_is_drawn() {
    let top = on_screen(&[], (40, 10));
    top.expect("FAULT/s");
    assert!(!top.written().contains("FALLBACK"));
    resize(&top.terminal, (200, 50));
    top.signal(Signal::SIGWINCH);
    top.expect("FALLBACK");
}

#[test]
fn signals_and_control_c_give_the_terminal_back() {
    for end in [
        Some(Signal::SIGTERM),
        Some(Signal::SIGINT),
        Some(Signal::SIGHUP),
        None,
    ] {
        let mut top = on_screen(&[], (80, 24));
        top.expect("FAULT/s");
        match end {
            Some(signal) => top.signal(signal),
            None => top.press("\x03"),
        }
        assert_eq!(top.end().code(), Some(0), "{end:?}");
        top.assert_given_back();
    }
}

/// The signals whose default is to end a process, by signal(7), but SIGKILL and those above.
#[test]
fn every_signal_that_ends_it_gives_the_terminal_back() {
    let names = "ABRT ALRM BUS FPE ILL IO PROF PWR QUIT SEGV STKFLT SYS TRAP USR1 USR2 VTALRM XCPU \
                 XFSZ RTMIN RTMAX";
    let mut all = Vec::new();
    for name in names.split_whitespace() {
        // Whoever runs the tests may have had a signal ignored, as a shell without job control
        // does with SIGQUIT for what it starts in the background; famfs-top would respect that.
        let mut command = Command::new("env");
        command
            .args([
                "--default-signal",
                "sh",
                "-c",
                "ulimit -c 0; exec \"$@\"",
                "sh",
            ])
            .arg(env!("CARGO_BIN_EXE_famfs-top"))
            .args(SYNTHETIC);
        all.push((name, Session::start(command, (80, 24))));
    }
    for (name, mut top) in all {
        see_it_whole(&top);
        let kill = Command::new("bash")
            .args(["-c", "kill -s \"$0\" \"$1\"", name])
            .arg(top.child.id().to_string())
            .status()
            .expect("bash runs");
        assert!(kill.success(), "{name}");
        println!("{name} was sent");
        let status = top.end();
        assert!(
            status.signal().is_some(),
            "{name} made it end with {status}"
        );
        top.assert_given_back();
        assert!(!top.is_on_alternate_screen(), "{name}");
    }
}

/// The reports of an abort and of a stack overflow are the standard library's.
#[test]
fn a_crash_gives_the_terminal_back() {
    const CHILD: &str = "FAMFS_TEST_CRASHES";
    fn deeper(n: u64) -> u64 {
        let page = std::hint::black_box([n; 512]);
        if n == u64::MAX {
            return 0;
        }
        page[0] + deeper(n + 1)
    }
    match std::env::var(CHILD).as_deref() {
        Ok("abort") => {
            let _screen = Screen::open().unwrap();
            std::process::abort();
        }
        Ok(_) => {
            let _screen = Screen::open().unwrap();
            panic!("{}", deeper(0));
        }
        Err(_) => {}
    }
    for (how, report) in [("abort", ""), ("overflow", "overflowed its stack")] {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -c 0; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "a_crash_gives_the_terminal_back", "--nocapture"])
            .env(CHILD, how);
        let mut session = Session::start(command, (80, 24));
        assert_eq!(session.end().signal(), Some(libc::SIGABRT), "{how}");
        session.expect(report);
        session.assert_given_back();
    }
}

/// Gives the process its own job, so that it can be stopped: the kernel does not stop one that
/// nobody would wake.
fn in_a_job(mut command: Command) -> Command {
    command.process_group(0);
    command
}

#[test]
fn stopped_by_a_signal_it_goes_on_whole() {
    let mut top = Session::start(in_a_job(synthetic(&[])), (80, 24));
    for round in 1..=2 {
        see_it_whole(&top);
        top.signal(Signal::SIGTSTP);
        until("the stop", || is_stopped(&top.child));
        top.assert_given_back();
        until("the old screen", || !top.is_on_alternate_screen());
        top.signal(Signal::SIGCONT);
        until("the screen", || {
            top.written().matches(ENTER).count() == round + 1
        });
    }
    see_it_whole(&top);
    top.press("q");
    assert_eq!(top.end().code(), Some(0));
    top.assert_given_back();
}

/// SIGSTOP cannot be caught: a shell uses the terminal meanwhile, in its own way.
#[test]
fn stopped_unseen_it_takes_the_terminal_again() {
    let mut top = Session::start(in_a_job(synthetic(&[])), (80, 24));
    let cooked = tcgetattr(&top.terminal).expect("a terminal");
    see_it_whole(&top);
    top.signal(Signal::SIGSTOP);
    until("the stop", || is_stopped(&top.child));
    tcsetattr(&top.terminal, SetArg::TCSANOW, &cooked).expect("a terminal");
    let mut shell = top.terminal.try_clone().expect("one more descriptor");
    shell
        .write_all(b"\x1b[?1049l\x1b[2Jready$ ")
        .expect("a terminal");
    top.see("ready$");
    top.signal(Signal::SIGCONT);
    top.see_no("ready$");
    see_it_whole(&top);
    top.press("q");
    assert_eq!(top.end().code(), Some(0));
    top.assert_given_back();
}

/// Uses a shell that has job control, on a terminal that sends signals.
#[test]
fn control_z_stops_the_job_and_fg_goes_on() {
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"])
        .env("PS1", "ready$ ")
        .env("top", env!("CARGO_BIN_EXE_famfs-top"));
    let mut shell = Session::start(command, (80, 24));
    shell.see("ready$");
    // The job is a shell and what it started: all of it has to stop.
    shell.press("sh -c '\"$top\" --source synthetic; echo ended with $?'\r");
    for prompt in ["one", "two"] {
        see_it_whole(&shell);
        shell.press("\x1a");
        until("the old screen", || !shell.is_on_alternate_screen());
        shell.see("Stopped");
        shell.press(&format!("echo prompt-{prompt}-$((6 * 7))\r"));
        shell.see(&format!("prompt-{prompt}-42"));
        shell.press("clear; fg\r");
    }
    see_it_whole(&shell);
    // In the background it must not touch the terminal.
    shell.press("\x1a");
    until("the old screen", || !shell.is_on_alternate_screen());
    shell.see("Stopped");
    shell.press("clear; bg; sleep 0.3; jobs\r");
    shell.see("Stopped");
    assert!(!shell.is_on_alternate_screen());
    shell.press("clear; fg\r");
    see_it_whole(&shell);
    shell.press("q");
    shell.see("ended with 0");
    shell.press("exit\r");
    assert_eq!(shell.end().code(), Some(0));
    assert!(is_cooked(&shell.terminal));
}

/// A terminal that takes no more output holds up whoever writes to it.
#[test]
fn asked_twice_it_ends_although_the_terminal_is_stuck() {
    for (signal, status) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
        (Signal::SIGINT, 130),
    ] {
        let (_keyboard, terminal) = pty((80, 24));
        tcflow(&terminal, FlowArg::TCOOFF).expect("a terminal");
        let mut child = spawn(synthetic(&[]), &terminal);
        until("raw keys", || !is_cooked(&terminal));
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        kill(pid, signal).expect("the program lives");
        assert_eq!(child.try_wait().expect("it is our child"), None);
        // The first is seen before the second, or both are one.
        until("the first", || !has_pending(&child));
        kill(pid, signal).expect("the program lives");
        assert_eq!(wait(&mut child).code(), Some(status), "{signal}");
        assert!(is_cooked(&terminal));
    }
}

fn has_pending(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("the program lives");
    let mut pending = status.lines().filter(|line| line.starts_with("ShdPnd:"));
    !pending.all(|line| line.ends_with("0000000000000000"))
}

#[test]
fn a_dumb_terminal_gets_a_table() {
    let folder = TempDir::new().expect("a folder");
    for (term, why) in [
        (Some("dumb"), "TERM is dumb"),
        (Some(""), "TERM is not set"),
        (None, "TERM is not set"),
    ] {
        for mut command in sources(&folder, &[]) {
            match term {
                Some(term) => command.env("TERM", term),
                None => command.env_remove("TERM"),
            };
            let mut top = Session::start(command, (200, 50));
            assert_eq!(top.end().code(), Some(0));
            top.see("unattributed 0, lost 0");
            top.see(&format!("({why}): printing one table, as --once does"));
            assert!(!top.written().contains('\x1b'), "{:?}", top.written());
        }
    }
}

#[test]
fn a_locale_without_utf8_gets_ascii() {
    let folder = TempDir::new().expect("a folder");
    for mut command in sources(&folder, &[]) {
        command.env("LC_ALL", "C");
        let mut top = Session::start(command, (120, 40));
        top.see("weights-00.bin");
        for keys in ["\r", "\x1b", "?", "?", "c"] {
            top.press(keys);
            thread::sleep(Duration::from_millis(60));
        }
        top.see("+columns");
        top.press("q");
        top.press("q");
        assert_eq!(top.end().code(), Some(0));
        assert!(top.written().is_ascii());
    }
}

#[test]
fn printed_on_a_terminal_nothing_steers_it() {
    for format in ["--csv", "--json", "--ndjson", "--once"] {
        let args = [
            "--source",
            "synthetic-hostile",
            format,
            "--interval",
            "0.1",
            "--count",
            "1",
        ];
        let mut top = Session::start(top(&args), (200, 60));
        assert_eq!(top.end().code(), Some(0));
        top.expect("mnt");
        let written = top.written();
        let raw = |c: char| c.is_control() && !"\r\n".contains(c) || "\u{202e}\u{61c}".contains(c);
        assert!(!written.contains(raw), "{format}: {written:?}");
    }
}

#[test]
fn a_terminal_of_no_size_is_no_panic() {
    for size in [(0, 0), (1, 1)] {
        let mut top = on_screen(&[], size);
        top.expect(ENTER);
        top.press("?q");
        assert_eq!(top.end().code(), Some(0), "{size:?}");
        assert!(!top.written().contains("panicked"));
        top.assert_given_back();
    }
}

#[test]
fn a_terminal_that_is_hung_up_ends_the_screen() {
    let (mut keyboard, terminal) = pty((80, 24));
    let mut child = spawn(synthetic(&[]), &terminal);
    drop(terminal);
    keyboard.read_exact(&mut [0; 8]).unwrap();
    drop(keyboard);
    assert_eq!(wait(&mut child).code(), Some(1));
}

#[test]
fn a_panic_is_read_on_the_old_screen() {
    const CHILD: &str = "FAMFS_TEST_PANICS";
    if std::env::var_os(CHILD).is_some() {
        let _screen = Screen::open().unwrap();
        panic!("on purpose");
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "a_panic_is_read_on_the_old_screen",
        "--nocapture",
    ]);
    command.env(CHILD, "1");
    let mut session = Session::start(command, (80, 24));
    assert!(!session.end().success());
    session.expect("on purpose");
    session.assert_given_back();
    let written = session.written();
    assert!(
        written.find(LEAVE) < written.find("on purpose"),
        "{written:?}"
    );
}
