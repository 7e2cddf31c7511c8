//! A program on a pseudo terminal: what it writes there, what a user would see, and how it ends.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    num::NonZero,
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    pty::{grantpt, posix_openpt, ptsname_r, unlockpt},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};

/// How long something may take before it counts as hung. On a machine with more work than CPUs a
/// step of milliseconds was seen to take 20 s.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
pub(crate) const ENTER: &str = "\x1b[?1049h";
pub(crate) const LEAVE: &str = "\x1b[?1049l";
pub(crate) const SHOW_CURSOR: &str = "\x1b[?25h";
/// What ends the reports of the mouse.
pub(crate) const NO_MOUSE: &str = "\x1b[?1000l";

/// A new terminal: the end of the keyboard, and the end of the program. Neither is inherited by
/// the processes that other tests start meanwhile, which would keep it open.
pub(crate) fn pty(size: (u16, u16)) -> (File, File) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("a pseudo terminal");
    grantpt(&master).expect("its other end can be ours");
    unlockpt(&master).expect("its other end can be opened");
    let name = ptsname_r(&master).expect("its other end has a name");
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits());
    let terminal = options.open(name).expect("its other end opens");
    resize(&terminal, size);
    let keyboard = master
        .as_fd()
        .try_clone_to_owned()
        .expect("one more descriptor");
    (keyboard.into(), terminal)
}

pub(crate) fn resize(terminal: &File, (columns, rows): (u16, u16)) {
    let size = ["cols", &columns.to_string(), "rows", &rows.to_string()].map(str::to_owned);
    let terminal = terminal.try_clone().expect("one more descriptor");
    let status = Command::new("stty")
        .args(size)
        .stdin(terminal)
        .status()
        .expect("stty runs");
    assert!(status.success());
}

/// A process on `terminal`, and on nothing else; where the command does not say otherwise, the
/// terminal can show everything.
pub(crate) fn spawn(mut command: Command, terminal: &File) -> Child {
    let end = || terminal.try_clone().expect("one more descriptor");
    let usual = [
        ("TERM", "xterm-256color"),
        ("LC_ALL", "C.UTF-8"),
        ("NO_COLOR", ""),
    ];
    let chosen: Vec<_> = command
        .get_envs()
        .map(|(name, _)| name.to_owned())
        .collect();
    for (name, value) in usual {
        if !chosen.iter().any(|chosen| chosen == name) {
            command.env(name, value);
        }
    }
    command.stdin(end()).stdout(end()).stderr(end());
    command.spawn().expect("the program starts")
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        if began.elapsed() > PATIENCE {
            let threads = threads_of(child);
            let _ = child.kill();
            panic!("the program does not end; its threads:\n{threads}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What each thread of a process does: its name and state, its signals, and where it waits in the
/// kernel.
pub(crate) fn threads_of(child: &Child) -> String {
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id()));
    let describe = |thread: PathBuf| {
        let read = |name: &str| std::fs::read_to_string(thread.join(name)).unwrap_or_default();
        let wanted = ["Name:", "State:", "SigPnd:", "ShdPnd:", "SigBlk:"];
        let status = read("status");
        let status = status
            .lines()
            .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
            .collect::<Vec<_>>()
            .join(", ");
        format!(
            "{status}, waits in {:?}, system call {:?}\n{}",
            read("wchan"),
            read("syscall"),
            read("stack")
        )
    };
    let threads = threads.into_iter().flatten().flatten();
    threads.map(|thread| describe(thread.path())).collect()
}

/// Whether lines are edited, and keys make signals, as a shell wants it.
pub(crate) fn is_cooked(terminal: &File) -> bool {
    let modes = tcgetattr(terminal).expect("a terminal").local_flags;
    modes.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process is stopped, as job control does it.
pub(crate) fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
    let stat = stat.expect("the program lives");
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.starts_with(" T"))
}

/// A process on a terminal of its own, and all it has written there.
pub(crate) struct Session {
    pub(crate) child: Child,
    pub(crate) keyboard: File,
    /// Kept open, so that the terminal outlives the process and can be looked at.
    pub(crate) terminal: File,
    pub(crate) written: Arc<Mutex<String>>,
    /// The same as a terminal shows it.
    pub(crate) seen: Arc<Mutex<vt100::Parser>>,
}

impl Session {
    pub(crate) fn start(command: Command, size: (u16, u16)) -> Self {
        let (keyboard, terminal) = pty(size);
        Self::on(keyboard, terminal, size, |terminal| {
            spawn(command, terminal)
        })
    }

    pub(crate) fn on(
        keyboard: File,
        terminal: File,
        (columns, rows): (u16, u16),
        start: impl FnOnce(&File) -> Child,
    ) -> Self {
        let child = start(&terminal);
        let mut screen = keyboard.try_clone().expect("one more descriptor");
        let written = Arc::new(Mutex::new(String::new()));
        let at_least_one = |n| NonZero::new(n).unwrap_or(NonZero::<u16>::MIN);
        let seen = vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0);
        let seen = Arc::new(Mutex::new(seen));
        let sinks = (Arc::clone(&written), Arc::clone(&seen));
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut chunk) {
                let (written, seen) = &sinks;
                seen.lock()
                    .expect("no panic in between")
                    .process(&chunk[..n]);
                let text = String::from_utf8_lossy(&chunk[..n]);
                written.lock().expect("no panic in between").push_str(&text);
            }
        });
        Self {
            child,
            keyboard,
            terminal,
            written,
            seen,
        }
    }

    pub(crate) fn written(&self) -> String {
        self.written.lock().expect("no panic in between").clone()
    }

    /// Waits for a word. Blanks are not written where the screen is blank already, so that
    /// several words need not come in one piece.
    pub(crate) fn expect(&self, text: &str) {
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

    /// What a user would see.
    pub(crate) fn screen(&self) -> String {
        self.seen
            .lock()
            .expect("no panic in between")
            .screen()
            .contents()
    }

    /// Waits until this can be read on the screen.
    pub(crate) fn see(&self, text: &str) {
        let began = Instant::now();
        while !self.screen().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "no {text:?} on\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it can not.
    pub(crate) fn see_no(&self, text: &str) {
        let began = Instant::now();
        while self.screen().contains(text) {
            assert!(began.elapsed() < PATIENCE, "{text:?} on\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("the program lives");
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// The alternate screen is left, the cursor is back, and lines are edited as before.
    pub(crate) fn assert_given_back(&self) {
        self.expect(LEAVE);
        self.expect(SHOW_CURSOR);
        self.expect(NO_MOUSE);
        assert!(is_cooked(&self.terminal));
    }

    pub(crate) fn is_on_alternate_screen(&self) -> bool {
        let seen = self.seen.lock().expect("no panic in between");
        seen.screen().alternate_screen()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A failed test leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
