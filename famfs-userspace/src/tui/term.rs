//! The terminal: taken over, and given back whatever happens.

use std::{
    io::{self, Stdout},
    mem::ManuallyDrop,
    panic,
    sync::Once,
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{DisableMouseCapture, EnableMouseCapture},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

/// The terminal while it is ours. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    /// Never dropped: its own drop writes to standard error what it cannot write here, and
    /// panics where both are the same hung-up terminal.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    pub fn open() -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        // From here on a failure must undo the raw mode.
        open_alternate().inspect_err(|_| restore())
    }
}

fn open_alternate() -> io::Result<Screen> {
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)?;
    let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    Ok(Screen {
        terminal: ManuallyDrop::new(terminal),
    })
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Best effort: the terminal may be gone already.
fn restore() {
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
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
