//! The terminal: taken over, and given back whatever happens.

use std::{
    io::{self, Stdout, Write as _},
    mem::ManuallyDrop,
    panic,
    sync::Once,
};

use famfs_cli::terminal;
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        Command,
        cursor::Show,
        event::{DisableMouseCapture, EnableMouseCapture},
        execute,
        style::ResetColor,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
    layout::Rect,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level,
};

mod stopping;

use stopping::JobControl;
pub use stopping::Who;

/// The terminal while it is ours. Dropping it gives the terminal back, and so does every signal
/// that ends the process.
#[derive(Debug)]
pub struct Screen {
    /// Never dropped: its own drop writes to standard error what it cannot write here, and
    /// panics where both are the same hung-up terminal.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    jobs: JobControl,
}

impl Screen {
    pub fn open() -> io::Result<Self> {
        restore_on_panic();
        terminal::prepare(leaving())?;
        let jobs = JobControl::listen()?;
        // From here on a failure must give the terminal back.
        take()
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())))
            .map(|terminal| Self {
                terminal: ManuallyDrop::new(terminal),
                jobs,
            })
            .inspect_err(|_| restore())
    }

    /// Whether somebody asked this process to stop, by SIGTSTP.
    pub fn stop_wanted(&self) -> bool {
        self.jobs.stop_wanted()
    }

    /// Gives the terminal back and stops. When the process goes on, the terminal is ours again
    /// and empty.
    pub fn stop(&mut self, who: Who) -> io::Result<()> {
        restore();
        self.jobs.stop(who)?;
        self.take_again()
    }

    /// Takes the terminal over again where the process was stopped by SIGSTOP, which it cannot
    /// see: meanwhile a shell has used the terminal. Says whether that was so.
    pub fn recover(&mut self) -> io::Result<bool> {
        let was_stopped = self.jobs.was_stopped();
        if was_stopped {
            restore();
            self.take_again()?;
        }
        Ok(was_stopped)
    }

    fn take_again(&mut self) -> io::Result<()> {
        take()?;
        let size = self.terminal.size()?;
        // Forgets what was drawn.
        self.terminal.resize(Rect::from(((0, 0).into(), size)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Ends the process when it is asked a second time, with the terminal given back: whatever it
/// hangs in, such as a terminal that takes no more output. To be called before anything else
/// listens to these signals.
pub fn end_when_asked_twice() -> io::Result<()> {
    use std::sync::atomic::{AtomicBool, Ordering};
    static ASKED: AtomicBool = AtomicBool::new(false);
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        let end = move || {
            if ASKED.swap(true, Ordering::SeqCst) {
                terminal::give_back();
                low_level::exit(128 + signal);
            }
        };
        // SAFETY: the action is signal-safe: an atomic, `give_back` which is written for it, and
        // _exit(2).
        unsafe { low_level::register(signal, end) }?;
    }
    Ok(())
}

/// Takes the terminal over. A process in the background is stopped by the kernel here, before
/// it has written anything.
fn take() -> io::Result<()> {
    // First, so that no signal can leave the terminal raw.
    terminal::set_ours(true);
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)
}

/// What undoes all that is written to take the terminal over and to draw.
fn leaving() -> Vec<u8> {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = ResetColor.write_ansi(&mut text);
    let _ = DisableMouseCapture.write_ansi(&mut text);
    let _ = LeaveAlternateScreen.write_ansi(&mut text);
    let _ = Show.write_ansi(&mut text);
    text.into_bytes()
}

/// Best effort: the terminal may be gone already.
fn restore() {
    let mut out = io::stdout();
    let _ = out.write_all(&leaving()).and_then(|()| out.flush());
    let _ = disable_raw_mode();
    terminal::set_ours(false);
}

/// A panic message on the alternate screen would vanish with it, so the screen goes first.
fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}
