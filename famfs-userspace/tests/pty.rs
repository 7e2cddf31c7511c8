//! The screen on a real terminal: it starts, obeys keys, and gives the terminal back.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use famfs_userspace::tui::term::Screen;
use nix::{
    pty::{Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};

const PATIENCE: Duration = Duration::from_secs(20);
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// A process on a terminal of its own, and all it has written there.
struct Session {
    child: Child,
    keyboard: File,
    /// Kept open, so that the terminal outlives the process and can be looked at.
    terminal: OwnedFd,
    written: Arc<Mutex<String>>,
}

impl Session {
    fn start(mut command: Command, (columns, rows): (u16, u16)) -> Self {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).expect("a pseudo terminal");
        let end = || pty.slave.try_clone().expect("one more descriptor");
        command
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let child = command.spawn().expect("the program starts");
        // It holds copies of the terminal.
        drop(command);
        let keyboard = File::from(pty.master);
        let mut screen = keyboard.try_clone().expect("one more descriptor");
        let written = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&written);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..n]);
                sink.lock().expect("no panic in between").push_str(&text);
            }
        });
        Self {
            child,
            keyboard,
            terminal: pty.slave,
            written,
        }
    }

    fn top(args: &[&str], size: (u16, u16)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_famfs-top"));
        command.args(["--source", "synthetic"]).args(args);
        Self::start(command, size)
    }

    fn written(&self) -> String {
        self.written.lock().expect("no panic in between").clone()
    }

    /// Waits for a word. Blanks are not written where the screen is blank already, so that
    /// several words need not come in one piece.
    fn expect(&self, text: &str) {
        let began = Instant::now();
        while !self.written().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "no {text:?} in {:?}",
                self.written()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("the program lives");
    }

    fn end(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it does not end; wrote {:?}",
                self.written()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The alternate screen is left, the cursor is back, and lines are edited as before.
    fn assert_given_back(&self) {
        self.expect(LEAVE);
        self.expect(SHOW_CURSOR);
        let modes = tcgetattr(self.terminal.as_fd())
            .expect("a terminal")
            .local_flags;
        assert!(modes.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A failed test leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn keys_work_and_q_gives_the_terminal_back() {
    let mut top = Session::top(&["--action", "p:poison:echo poisoned-page-7"], (80, 24));
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

#[test]
fn a_new_size_is_drawn() {
    let top = Session::top(&[], (40, 10));
    top.expect("FAULT/s");
    assert!(!top.written().contains("FALLBACK"));
    let terminal = top.terminal.try_clone().unwrap();
    let resized = Command::new("stty")
        .args(["cols", "200", "rows", "50"])
        .stdin(terminal)
        .status();
    assert!(resized.unwrap().success());
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
        let mut top = Session::top(&[], (80, 24));
        top.expect("FAULT/s");
        match end {
            Some(signal) => top.signal(signal),
            None => top.press("\x03"),
        }
        assert_eq!(top.end().code(), Some(0), "{end:?}");
        top.assert_given_back();
    }
}

#[test]
fn a_terminal_of_no_size_is_no_panic() {
    for size in [(0, 0), (1, 1)] {
        let mut top = Session::top(&[], size);
        top.expect(ENTER);
        top.press("?q");
        assert_eq!(top.end().code(), Some(0), "{size:?}");
        assert!(!top.written().contains("panicked"));
        top.assert_given_back();
    }
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
