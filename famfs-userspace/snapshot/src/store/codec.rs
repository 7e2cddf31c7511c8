//! A snapshot as bytes: what is new since the one before. A whole one is the difference to
//! [`nothing`]. Version 1 of the format is what this module writes; a field that a later version
//! adds goes into a module of its own, and this one goes on reading what is old.

use std::time::{Duration, SystemTime};

use super::wire::{BUDGET, Fault, In, Out};
use crate::model::{Cost, Snapshot};

mod codes;
mod counts;
mod events;
mod hist;
mod mounts;
mod probes;
mod rows;

/// What a whole snapshot is the difference to.
pub(super) fn nothing() -> Snapshot {
    Snapshot {
        time: SystemTime::UNIX_EPOCH,
        elapsed_ns: 0,
        kernel: String::new(),
        mounts: Vec::new(),
        files: Vec::new(),
        unattributed: 0,
        lost: 0,
        probes: Vec::new(),
        events: Vec::new(),
        cost: Cost::default(),
    }
}

/// What leads from `old` to `new`.
pub(super) fn encode(old: &Snapshot, new: &Snapshot) -> Result<Vec<u8>, Fault> {
    let Snapshot {
        time,
        elapsed_ns,
        kernel,
        mounts,
        files,
        unattributed,
        lost,
        probes,
        events,
        cost,
    } = new;
    if weight(new) > BUDGET {
        return Err("more elements than a recording holds");
    }
    let mut out = Out::default();
    put_time(&mut out, *time);
    out.step(old.elapsed_ns, *elapsed_ns);
    out.same_text(&old.kernel, kernel)?;
    out.step(old.unattributed, *unattributed);
    out.step(old.lost, *lost);
    put_cost(&mut out, &old.cost, cost);
    mounts::put(&mut out, &old.mounts, mounts)?;
    probes::put(&mut out, &old.probes, probes)?;
    events::put(&mut out, &old.events, events)?;
    rows::put(&mut out, &old.files, files)?;
    Ok(out.0)
}

/// What `bytes` make of `old`.
pub(super) fn decode(old: &Snapshot, bytes: &[u8]) -> Result<Snapshot, Fault> {
    let input = &mut In::new(bytes);
    let snapshot = Snapshot {
        time: take_time(input)?,
        elapsed_ns: input.step(old.elapsed_ns)?,
        kernel: input.same_text(&old.kernel)?,
        unattributed: input.step(old.unattributed)?,
        lost: input.step(old.lost)?,
        cost: take_cost(input, &old.cost)?,
        mounts: mounts::take(input, &old.mounts)?,
        probes: probes::take(input, &old.probes)?,
        events: events::take(input, &old.events)?,
        files: rows::take(input, &old.files)?,
    };
    input.end()?;
    // What came from `old` was not counted above.
    if weight(&snapshot) > BUDGET {
        return Err("its snapshot is too large");
    }
    Ok(snapshot)
}

fn weight(snapshot: &Snapshot) -> usize {
    snapshot.files.iter().map(rows::weight).sum()
}

/// Seconds and nanoseconds since 1970, before it with negative seconds.
fn put_time(out: &mut Out, time: SystemTime) {
    let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => (since.as_secs(), since.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let nanos = before.subsec_nanos();
            let whole = before.as_secs() + u64::from(nanos > 0);
            let rest = if nanos > 0 { 1_000_000_000 - nanos } else { 0 };
            (whole.wrapping_neg(), rest)
        }
    };
    out.step(0, seconds);
    out.number(u64::from(nanos));
}

fn take_time(input: &mut In<'_>) -> Result<SystemTime, Fault> {
    let seconds = input.step(0)?.cast_signed();
    let nanos: u32 = input.small()?;
    if nanos >= 1_000_000_000 {
        return Err("a time has more than a second of nanoseconds");
    }
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    base.and_then(|time| time.checked_add(Duration::from_nanos(u64::from(nanos))))
        .ok_or("a time is out of range")
}

fn put_cost(out: &mut Out, old: &Cost, new: &Cost) {
    let Cost {
        cpu_ns,
        rss_bytes,
        map_bytes,
        poll_ns,
    } = *new;
    out.step(old.cpu_ns, cpu_ns);
    out.step(old.rss_bytes, rss_bytes);
    out.step(old.map_bytes, map_bytes);
    out.step(old.poll_ns, poll_ns);
}

fn take_cost(input: &mut In<'_>, old: &Cost) -> Result<Cost, Fault> {
    Ok(Cost {
        cpu_ns: input.step(old.cpu_ns)?,
        rss_bytes: input.step(old.rss_bytes)?,
        map_bytes: input.step(old.map_bytes)?,
        poll_ns: input.step(old.poll_ns)?,
    })
}

#[cfg(test)]
mod tests;
