//! The rate of this machine's time stamp counter, for a guest that cannot find it out reliably.
//!
//! Under TCG the guest's counter is the host's. A guest calibrates it while it boots, against an
//! emulated timer; on a busy host it may be interrupted in between and get a rate that is off by a
//! factor of two. Its clock then runs fast until its watchdog notices, and stalls are reported
//! that never were.

use std::arch::x86_64::_rdtsc;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long the counter is watched.
const SPAN: Duration = Duration::from_millis(20);

/// A reading whose clock readings before and after are further apart than this was interrupted.
const TIGHT: Duration = Duration::from_micros(2);

/// So often a reading is tried again.
const TRIES: u32 = 1000;

/// Returns the rate in kHz, accurate to about one part in 5,000; `None` if this machine is too
/// busy to read its own clock.
pub(super) fn khz() -> Option<u64> {
    static KHZ: OnceLock<Option<u64>> = OnceLock::new();
    *KHZ.get_or_init(measure)
}

fn measure() -> Option<u64> {
    let (start, first) = read()?;
    thread::sleep(SPAN);
    let (end, last) = read()?;
    rate(last.checked_sub(first)?, end - start)
}

fn rate(ticks: u64, span: Duration) -> Option<u64> {
    let khz = u128::from(ticks) * 1_000_000 / span.as_nanos().max(1);
    u64::try_from(khz).ok().filter(|khz| *khz > 0)
}

/// Reads clock and counter at the same moment.
fn read() -> Option<(Instant, u64)> {
    (0..TRIES).find_map(|_| {
        let before = Instant::now();
        // SAFETY: every x86-64 processor has the instruction, and user space may execute it.
        let ticks = unsafe { _rdtsc() };
        (before.elapsed() < TIGHT).then_some((before, ticks))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_ticks_by_time() {
        assert_eq!(rate(60_000_000, SPAN), Some(3_000_000));
        assert_eq!(rate(0, SPAN), None);
        assert_eq!(rate(1, Duration::ZERO), Some(1_000_000));
    }
}
