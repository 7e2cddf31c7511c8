//! Events: how many of the oldest were forgotten, and what happened since.

use super::{Fault, In, Out, codes, put_time, take_time};
use crate::model::{self, Event, FileKey};

const EVENTS_MAX: usize = 1 << 16;
const WEIGHT: usize = 8;

pub(super) fn put(out: &mut Out, old: &[Event], new: &[Event]) -> Result<(), Fault> {
    let forgotten = model::forgotten(old, new);
    out.count(forgotten, EVENTS_MAX)?;
    let fresh = &new[old.len() - forgotten..];
    out.count(fresh.len(), EVENTS_MAX)?;
    if new.len() > EVENTS_MAX {
        return Err("more events than a recording holds");
    }
    fresh.iter().try_for_each(|event| put_one(out, event))
}

pub(super) fn take(input: &mut In<'_>, old: &[Event]) -> Result<Vec<Event>, Fault> {
    let forgotten: usize = input.small()?;
    let kept = old.get(forgotten..);
    let mut events = kept.ok_or("more events go than there are")?.to_vec();
    for _ in 0..input.count(EVENTS_MAX, WEIGHT)? {
        events.push(take_one(input)?);
    }
    if events.len() > EVENTS_MAX {
        return Err("there are too many events");
    }
    Ok(events)
}

fn put_one(out: &mut Out, event: &Event) -> Result<(), Fault> {
    let Event {
        time,
        kind,
        file,
        process,
        text,
    } = event;
    put_time(out, *time);
    codes::put(out, *kind);
    out.maybe(*file, |out, file| {
        put_key(out, file);
        Ok(())
    })?;
    out.maybe(process.as_ref(), |out, (pid, name)| {
        out.number(u64::from(*pid));
        out.text(name)
    })?;
    out.text(text)
}

fn take_one(input: &mut In<'_>) -> Result<Event, Fault> {
    Ok(Event {
        time: take_time(input)?,
        kind: codes::take(input)?,
        file: input.maybe(take_key)?,
        process: input.maybe(|input| Ok((input.small()?, input.text()?)))?,
        text: input.text()?,
    })
}

pub(super) fn put_key(out: &mut Out, key: FileKey) {
    let FileKey {
        dev: (major, minor),
        ino,
    } = key;
    out.number(u64::from(major));
    out.number(u64::from(minor));
    out.number(ino);
}

pub(super) fn take_key(input: &mut In<'_>) -> Result<FileKey, Fault> {
    Ok(FileKey {
        dev: (input.small()?, input.small()?),
        ino: input.number()?,
    })
}
