//! Signals and progress of long commands.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use famfs_cli::{signals, stream};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::{Error, FAILED, number};
use famfs_runtime::ops::watch::Watch;
use famfs_snapshot::text::printable;

/// Goes to the start of the line and empties it.
const ERASE: &str = "\r\x1b[K";

/// The first line comes when a command is slow, not at once.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a command may wait.
#[derive(Debug, clap::Args)]
pub(super) struct WaitArgs {
    /// Give up when another process keeps the lock on the log for S seconds; 0 is one try.
    /// Without: wait as long as it takes.
    #[arg(long, value_name = "S", value_parser = number::up_to::<u64>(u32::MAX))]
    wait: Option<u64>,
}

/// Listens to signals and shows progress until it goes.
pub(super) struct Watching {
    pub(super) watch: Watch,
    over: Arc<AtomicBool>,
    display: Option<JoinHandle<()>>,
}

/// What the numbers of a progress line count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Bytes,
    Files,
    Entries,
}

impl Watching {
    /// Starts as [`Watching::start`] does, for a command that takes the lock of a log.
    pub(super) fn start_locking(unit: Unit, wait: &WaitArgs) -> Result<Self, Error> {
        let mut watching = Self::start(unit)?;
        let patience = wait.wait.map(Duration::from_secs);
        watching.watch.set_patience(patience);
        watching.watch.set_teller(tell);
        Ok(watching)
    }

    /// Starts to watch: from now on SIGINT, SIGTERM and SIGHUP end the work in good order: what is
    /// complete is kept, what is not is taken back.
    pub(super) fn start(unit: Unit) -> Result<Self, Error> {
        signals::remember().map_err(Error::Signals)?;
        let watch = Watch::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, watch.signal_slot(), number).map_err(Error::Signals)?;
        }
        // Else one that came between the two registrations would be lost.
        if let Some(signal) = signals::asked() {
            let number = usize::try_from(signal).unwrap_or_default();
            watch.signal_slot().store(number, Ordering::Relaxed);
        }
        let over = Arc::new(AtomicBool::new(false));
        let display = io::stderr().is_terminal().then(|| {
            let (watch, over) = (watch.clone(), Arc::clone(&over));
            thread::spawn(move || show(&watch, unit, &over))
        });
        Ok(Self {
            watch,
            over,
            display,
        })
    }

    /// What a play of a log tells how far it is, and asks whether to go on.
    pub(super) fn entries(&self) -> impl FnMut(usize, usize) -> bool + use<> {
        let watch = self.watch.clone();
        let mut before = 0;
        move |done, all| {
            if done == 0 {
                watch.expect(all as u64);
            }
            watch.add((done - before) as u64);
            before = done;
            watch.go_on().is_ok()
        }
    }

    /// The exit status of work that a signal ended.
    pub(super) fn interrupted(&self) -> u8 {
        self.watch
            .signal()
            .and_then(|signal| u8::try_from(128 + signal).ok())
            .unwrap_or(FAILED)
    }

    /// Takes the progress line away, for what is said after it.
    pub(super) fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(display) = self.display.take() {
            display.thread().unpark();
            // It only prints; were it to panic, the work would still be done.
            let _ = display.join();
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.end();
    }
}

/// Says something while the work goes on, in place of a progress line.
fn tell(message: &str) {
    let erase = if io::stderr().is_terminal() {
        ERASE
    } else {
        ""
    };
    stream::show(&format!("{erase}famfs: {}\n", printable(message)));
}

fn show(watch: &Watch, unit: Unit, over: &AtomicBool) {
    let mut shown = false;
    loop {
        thread::park_timeout(PAUSE);
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (done, total) = watch.progress();
        if total > 1 {
            stream::show(&format!("{ERASE}{}", line(done, total, unit)));
            shown = true;
        }
    }
    if shown {
        stream::show(ERASE);
    }
}

fn line(done: u64, total: u64, unit: Unit) -> String {
    let percent = u128::from(done.min(total)) * 100 / u128::from(total.max(1));
    match unit {
        Unit::Bytes => format!("{percent:>3} %  {} of {} MiB", done >> 20, total >> 20),
        Unit::Entries => format!("{percent:>3} %  {done} of {total} entries"),
        Unit::Files => format!("{percent:>3} %  {done} of {total} files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::before::a_signal_has_come;

    #[test]
    fn a_signal_that_came_before_the_work_stops_it() {
        a_signal_has_come();
        let watching = Watching::start(Unit::Files).unwrap();
        assert_eq!(watching.watch.signal(), Some(SIGINT));
    }

    #[test]
    fn lines() {
        assert_eq!(line(0, 4 << 20, Unit::Bytes), "  0 %  0 of 4 MiB");
        assert_eq!(line(5, 10, Unit::Files), " 50 %  5 of 10 files");
        assert_eq!(
            line(u64::MAX, u64::MAX, Unit::Files).split(' ').next(),
            Some("100")
        );
        assert_eq!(line(1, 0, Unit::Files), "  0 %  1 of 0 files");
    }
}
