//! The lock on a log, which one process at a time has.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::watch::Watch;
use super::{Error, failed};
use famfs_machine::kernel::locks;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// How long nothing is said: most who hold the lock are done by then.
const QUIET: Duration = Duration::from_secs(1);

/// Takes the lock of a log, and waits for it as long as `watch` says. The kernel would wait
/// through signals, which the handlers restart it after; so it is asked again and again.
pub fn take(log: &File, mount_point: &Path, watch: &Watch) -> Result<(), Error> {
    let start = Instant::now();
    let patience = watch.patience();
    let mut told = false;
    loop {
        match log.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(failed("lock", mount_point)(e)),
        }
        if let Some(signal) = watch.signal() {
            return Err(Error::Interrupted { signal });
        }
        let waited = start.elapsed();
        if let Some(patience) = patience.filter(|patience| waited >= *patience) {
            return Err(Error::Locked {
                path: mount_point.to_owned(),
                seconds: patience.as_secs(),
                holder: holder(log),
            });
        }
        if waited >= QUIET && !told {
            told = true;
            watch.tell(&format!(
                "waiting for the lock on the log of {}, which {} holds",
                mount_point.display(),
                holder(log)
            ));
        }
        sleep(PAUSE.min(patience.map_or(PAUSE, |patience| patience.saturating_sub(waited))));
    }
}

fn holder(log: &File) -> String {
    locks::flock_holder(log).map_or_else(
        || "a process that cannot be seen from here".to_owned(),
        |holder| holder.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;

    use super::*;

    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn locked() -> (tempfile::NamedTempFile, File) {
        let log = tempfile::NamedTempFile::new().unwrap();
        let other = log.reopen().unwrap();
        other.lock().unwrap();
        (log, other)
    }

    #[test]
    fn who_holds_the_lock_is_said_once_and_waiting_ends() {
        let (log, _held) = locked();
        let mut watch = Watch::default();
        watch.set_patience(Some(Duration::from_secs(2)));
        watch.set_teller(|line| TOLD.lock().unwrap().push(line.to_owned()));
        let error = take(log.as_file(), Path::new("/mnt/x"), &watch).unwrap_err();
        let us = format!("process {} (", std::process::id());
        let text = error.to_string();
        assert!(
            text.starts_with("/mnt/x: the lock on its log was not free within 2 s: ")
                && text.contains(&us),
            "{text}"
        );
        let told = TOLD.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("waiting for the lock on the log of /mnt/x, which ")
                && told[0].contains(&us),
            "{told:?}"
        );
    }

    #[test]
    fn no_patience_is_one_try() {
        let (log, held) = locked();
        let mut watch = Watch::default();
        watch.set_patience(Some(Duration::ZERO));
        take(log.as_file(), Path::new("x"), &watch).unwrap_err();
        held.unlock().unwrap();
        take(log.as_file(), Path::new("x"), &watch).unwrap();
    }

    #[test]
    fn a_signal_ends_the_waiting() {
        let (log, _held) = locked();
        let watch = Watch::default();
        watch.signal_slot().store(15, Ordering::Relaxed);
        let error = take(log.as_file(), Path::new("x"), &watch).unwrap_err();
        assert!(
            matches!(error, Error::Interrupted { signal: 15 }),
            "{error}"
        );
    }
}
