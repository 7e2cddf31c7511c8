//! The rows of files: an edit of the list before, and in each row only what changed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Fault, In, Out, counts,
    events::{put_key, take_key},
    hist,
};
use crate::model::{Extent, FileKey, FileRow, Hist, Io, Kind, Layout, Process};

const FILES_MAX: usize = 1 << 18;
const PROCESSES_MAX: usize = 1 << 16;
const EXTENTS_MAX: usize = 1 << 20;

/// Elements that a row takes of the budget when it is empty.
const WEIGHT: usize = 12;

/// The steps of an edit. Each but the last is followed by what it needs.
mod edit {
    /// So many rows are as they were.
    pub(super) const SAME: u64 = 0;
    /// So many rows went.
    pub(super) const GONE: u64 = 1;
    /// The next row changed.
    pub(super) const CHANGED: u64 = 2;
    /// A row that was not there.
    pub(super) const NEW: u64 = 3;
    pub(super) const END: u64 = 4;
}

/// The memory that a row takes, in elements.
pub(super) fn weight(row: &FileRow) -> usize {
    let faults: usize = row.faults.values().map(|h| h.buckets.len() + 2).sum();
    let io: usize = row.io.values().map(|io| io.latency.buckets.len() + 3).sum();
    let layout = row.layout.as_ref().map_or(0, |l| l.extents.len());
    let path = row.path.as_ref().map_or(0, |path| path.len() / 24);
    WEIGHT + faults + io + layout + path + 3 * row.processes.len()
}

pub(super) fn put(out: &mut Out, old: &[FileRow], new: &[FileRow]) -> Result<(), Fault> {
    if new.len() > FILES_MAX {
        return Err("more files than a recording holds");
    }
    let places: HashMap<FileKey, usize> = new.iter().enumerate().map(|(i, f)| (f.key, i)).collect();
    let known: HashSet<FileKey> = old.iter().map(|f| f.key).collect();
    let mut left = old.iter().peekable();
    let (mut same, mut gone) = (0, 0);
    for (place, row) in new.iter().enumerate() {
        if known.contains(&row.key) {
            // What stands before this row and comes no more, or came already.
            while left
                .next_if(|f| f.key != row.key && places.get(&f.key).is_none_or(|&p| p < place))
                .is_some()
            {
                run(out, edit::SAME, &mut same);
                gone += 1;
            }
        }
        match left.next_if(|f| f.key == row.key) {
            Some(before) if before == row => {
                run(out, edit::GONE, &mut gone);
                same += 1;
            }
            before => {
                run(out, edit::SAME, &mut same);
                run(out, edit::GONE, &mut gone);
                if let Some(before) = before {
                    out.number(edit::CHANGED);
                    put_row(out, before, row)?;
                } else {
                    out.number(edit::NEW);
                    put_key(out, row.key);
                    put_row(out, &FileRow::new(row.key), row)?;
                }
            }
        }
    }
    run(out, edit::SAME, &mut same);
    out.number(edit::END);
    Ok(())
}

/// Writes a run that has ended.
fn run(out: &mut Out, step: u64, n: &mut u64) {
    if *n > 0 {
        out.number(step);
        out.number(*n);
        *n = 0;
    }
}

pub(super) fn take(input: &mut In<'_>, old: &[FileRow]) -> Result<Vec<FileRow>, Fault> {
    let mut left = old;
    let mut rows = Vec::with_capacity(old.len());
    loop {
        match input.number()? {
            edit::SAME => rows.extend_from_slice(next(&mut left, input.small()?)?),
            edit::GONE => {
                next(&mut left, input.small()?)?;
            }
            edit::CHANGED => {
                let before = &next(&mut left, 1)?[0];
                rows.push(take_row(input, before)?);
            }
            edit::NEW => {
                let key = take_key(input)?;
                rows.push(take_row(input, &FileRow::new(key))?);
            }
            edit::END => return Ok(rows),
            _ => return Err("a step of the edit has no meaning"),
        }
        if rows.len() > FILES_MAX {
            return Err("there are too many files");
        }
    }
}

fn next<'a>(left: &mut &'a [FileRow], n: usize) -> Result<&'a [FileRow], Fault> {
    let (taken, rest) = left
        .split_at_checked(n)
        .ok_or("more rows than there were")?;
    *left = rest;
    Ok(taken)
}

/// Which parts of a row follow, as bits.
mod part {
    pub(super) const PATH: u64 = 1 << 0;
    pub(super) const FAULTS: u64 = 1 << 1;
    pub(super) const UNTIMED: u64 = 1 << 2;
    pub(super) const FALLBACK: u64 = 1 << 3;
    pub(super) const ERRORS: u64 = 1 << 4;
    pub(super) const RETRIED: u64 = 1 << 5;
    pub(super) const IO: u64 = 1 << 6;
    pub(super) const PROCESSES: u64 = 1 << 7;
    pub(super) const LAYOUT: u64 = 1 << 8;
    pub(super) const ALL: u64 = (1 << 9) - 1;
}

fn put_row(out: &mut Out, old: &FileRow, new: &FileRow) -> Result<(), Fault> {
    let FileRow {
        key: _,
        path,
        faults,
        untimed,
        fallback,
        errors,
        retried,
        io,
        processes,
        layout,
    } = new;
    let changed = [
        (*path != old.path, part::PATH),
        (*faults != old.faults, part::FAULTS),
        (*untimed != old.untimed, part::UNTIMED),
        (*fallback != old.fallback, part::FALLBACK),
        (*errors != old.errors, part::ERRORS),
        (*retried != old.retried, part::RETRIED),
        (*io != old.io, part::IO),
        (*processes != old.processes, part::PROCESSES),
        (*layout != old.layout, part::LAYOUT),
    ];
    let parts = (changed.iter()).fold(0, |parts, (is, bit)| parts | if *is { *bit } else { 0 });
    out.number(parts);
    let has = |bit| parts & bit != 0;
    if has(part::PATH) {
        out.maybe(path.as_deref(), Out::text)?;
    }
    if has(part::FAULTS) {
        let (before, now) = (old.faults.iter().collect(), faults.iter().collect());
        counts::put(out, &before, &now, |out, old, new| {
            hist::put(out, old.copied().unwrap_or(&Hist::default()), new)
        })?;
    }
    if has(part::UNTIMED) {
        counts::put_numbers(out, &old.untimed, untimed)?;
    }
    if has(part::FALLBACK) {
        counts::put_numbers(out, &old.fallback, fallback)?;
    }
    if has(part::ERRORS) {
        counts::put_numbers(out, &old.errors, errors)?;
    }
    if has(part::RETRIED) {
        out.step(old.retried, *retried);
    }
    if has(part::IO) {
        counts::put(out, &old.io, io, |out, old, new| {
            put_io(out, old.unwrap_or(&Io::default()), new)
        })?;
    }
    if has(part::PROCESSES) {
        put_processes(out, processes)?;
    }
    if has(part::LAYOUT) {
        out.maybe(layout.as_deref(), put_layout)?;
    }
    Ok(())
}

fn take_row(input: &mut In<'_>, old: &FileRow) -> Result<FileRow, Fault> {
    let parts = input.number()?;
    if parts & !part::ALL != 0 {
        return Err("a row has a part that has no meaning");
    }
    let has = |bit| parts & bit != 0;
    let mut row = old.clone();
    if has(part::PATH) {
        row.path = input.maybe(In::text)?.map(Into::into);
    }
    if has(part::FAULTS) {
        let before: BTreeMap<Kind, Hist> =
            (old.faults.iter().map(|(kind, hist)| (kind, hist.clone()))).collect();
        let now = counts::take(input, &before, |input, old| {
            hist::take(input, old.unwrap_or(&Hist::default()))
        })?;
        row.faults = now.into_iter().collect();
    }
    if has(part::UNTIMED) {
        row.untimed = counts::take_numbers(input, &old.untimed)?;
    }
    if has(part::FALLBACK) {
        row.fallback = counts::take_numbers(input, &old.fallback)?;
    }
    if has(part::ERRORS) {
        row.errors = counts::take_numbers(input, &old.errors)?;
    }
    if has(part::RETRIED) {
        row.retried = input.step(old.retried)?;
    }
    if has(part::IO) {
        row.io = counts::take(input, &old.io, |input, old| {
            take_io(input, old.unwrap_or(&Io::default()))
        })?;
    }
    if has(part::PROCESSES) {
        row.processes = take_processes(input)?;
    }
    if has(part::LAYOUT) {
        row.layout = input.maybe(take_layout)?.map(Arc::new);
    }
    Ok(row)
}

fn put_io(out: &mut Out, old: &Io, new: &Io) -> Result<(), Fault> {
    let Io {
        latency,
        untimed,
        bytes,
        errors,
    } = new;
    hist::put(out, &old.latency, latency)?;
    out.step(old.untimed, *untimed);
    out.step(old.bytes, *bytes);
    out.step(old.errors, *errors);
    Ok(())
}

fn take_io(input: &mut In<'_>, old: &Io) -> Result<Io, Fault> {
    Ok(Io {
        latency: hist::take(input, &old.latency)?,
        untimed: input.step(old.untimed)?,
        bytes: input.step(old.bytes)?,
        errors: input.step(old.errors)?,
    })
}

fn put_processes(out: &mut Out, processes: &[Process]) -> Result<(), Fault> {
    out.count(processes.len(), PROCESSES_MAX)?;
    for Process { pid, comm, faults } in processes {
        out.number(u64::from(*pid));
        out.text(comm)?;
        out.number(*faults);
    }
    Ok(())
}

fn take_processes(input: &mut In<'_>) -> Result<Vec<Process>, Fault> {
    (0..input.count(PROCESSES_MAX, 3)?)
        .map(|_| {
            Ok(Process {
                pid: input.small()?,
                comm: input.text()?,
                faults: input.number()?,
            })
        })
        .collect()
}

fn put_layout(out: &mut Out, layout: &Layout) -> Result<(), Fault> {
    let Layout {
        size,
        chunk,
        extents,
    } = layout;
    out.number(*size);
    out.maybe(*chunk, |out, chunk| {
        out.number(chunk);
        Ok(())
    })?;
    out.count(extents.len(), EXTENTS_MAX)?;
    for Extent {
        device,
        offset,
        len,
    } in extents
    {
        out.number(u64::from(*device));
        out.number(*offset);
        out.number(*len);
    }
    Ok(())
}

fn take_layout(input: &mut In<'_>) -> Result<Layout, Fault> {
    Ok(Layout {
        size: input.number()?,
        chunk: input.maybe(In::number)?,
        extents: (0..input.count(EXTENTS_MAX, 1)?)
            .map(|_| {
                Ok(Extent {
                    device: input.small()?,
                    offset: input.number()?,
                    len: input.number()?,
                })
            })
            .collect::<Result<_, Fault>>()?,
    })
}
