//! The clock around a touch.
//!
//! The time stamp counter, fenced so that the touch is neither begun early nor still under
//! way. In the deterministic lab a tick is one guest instruction, which is the number that the
//! gate compares; elsewhere it is a tick of the machine's counter.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// Guest instructions, in the deterministic lab.
    Insn,
    /// Ticks of the time stamp counter.
    Tsc,
    /// Nanoseconds, where there is no such counter.
    Ns,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insn => "insn",
            Self::Tsc => "tsc",
            Self::Ns => "ns",
        }
    }

    /// What a tick is here. The lab says whether it is deterministic.
    pub(crate) fn detect(deterministic: bool) -> Self {
        match (deterministic, cfg!(target_arch = "x86_64")) {
            (true, true) => Self::Insn,
            (false, true) => Self::Tsc,
            (_, false) => Self::Ns,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn now() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};

    // SAFETY: lfence is part of SSE2, which every x86-64 processor has.
    unsafe { _mm_lfence() };
    // SAFETY: rdtsc is unprivileged unless a process asked for it to be, and this one did not.
    let ticks = unsafe { _rdtsc() };
    // SAFETY: as the first fence.
    unsafe { _mm_lfence() };
    ticks
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn now() -> u64 {
    use std::sync::OnceLock;

    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The ticks that two readings with nothing between them are apart; part of every touch.
pub(crate) fn overhead() -> u64 {
    (0..64)
        .map(|_| {
            let begin = now();
            let end = now();
            end.wrapping_sub(begin)
        })
        .min()
        .unwrap_or(0)
}

/// Nanoseconds per tick, measured against the monotonic clock.
pub(crate) fn ns_per_tick() -> f64 {
    const WINDOW: Duration = Duration::from_millis(20);
    let (start, begin) = (Instant::now(), now());
    while start.elapsed() < WINDOW {
        std::hint::spin_loop();
    }
    let (ns, ticks) = (start.elapsed().as_nanos(), now().wrapping_sub(begin));
    ns as f64 / ticks.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_advances_and_its_own_cost_is_small() {
        let begin = now();
        let overhead = overhead();
        assert!(now() > begin);
        assert!(overhead < 1_000_000, "{overhead} ticks");
        assert!(ns_per_tick() > 0.0);
    }
}
