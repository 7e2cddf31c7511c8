//! Mounts, each beside the one in the same place before.

use super::{Fault, In, Out, codes};
use crate::model::{DeviceError, ModuleFaults, Mount, MountState};

const MOUNTS_MAX: usize = 1 << 16;
const WEIGHT: usize = 12;

/// A mount of which nothing is known.
fn none() -> Mount {
    Mount {
        dev: (0, 0),
        kind: String::new(),
        source: String::new(),
        mountpoint: String::new(),
        state: MountState::Unknown,
        error: None,
        totals: None,
    }
}

pub(super) fn put(out: &mut Out, old: &[Mount], new: &[Mount]) -> Result<(), Fault> {
    out.flag(old != new);
    if old == new {
        return Ok(());
    }
    out.count(new.len(), MOUNTS_MAX)?;
    let none = none();
    for (i, mount) in new.iter().enumerate() {
        put_one(out, old.get(i).unwrap_or(&none), mount)?;
    }
    Ok(())
}

pub(super) fn take(input: &mut In<'_>, old: &[Mount]) -> Result<Vec<Mount>, Fault> {
    if !input.flag()? {
        return Ok(old.to_vec());
    }
    let none = none();
    (0..input.count(MOUNTS_MAX, WEIGHT)?)
        .map(|i| take_one(input, old.get(i).unwrap_or(&none)))
        .collect()
}

fn put_one(out: &mut Out, old: &Mount, new: &Mount) -> Result<(), Fault> {
    let Mount {
        dev: (major, minor),
        kind,
        source,
        mountpoint,
        state,
        error,
        totals,
    } = new;
    out.number(u64::from(*major));
    out.number(u64::from(*minor));
    out.same_text(&old.kind, kind)?;
    out.same_text(&old.source, source)?;
    out.same_text(&old.mountpoint, mountpoint)?;
    codes::put(out, *state);
    out.maybe(error.as_ref(), put_error)?;
    let before = old.totals.unwrap_or_default();
    out.maybe(totals.as_ref(), |out, now| {
        let ModuleFaults {
            pte,
            pmd,
            pud_try,
            fallback,
            refused,
        } = *now;
        out.step(before.pte, pte);
        out.step(before.pmd, pmd);
        out.step(before.pud_try, pud_try);
        out.step(before.fallback, fallback);
        out.step(before.refused, refused);
        Ok(())
    })
}

fn take_one(input: &mut In<'_>, old: &Mount) -> Result<Mount, Fault> {
    let before = old.totals.unwrap_or_default();
    Ok(Mount {
        dev: (input.small()?, input.small()?),
        kind: input.same_text(&old.kind)?,
        source: input.same_text(&old.source)?,
        mountpoint: input.same_text(&old.mountpoint)?,
        state: codes::take(input)?,
        error: input.maybe(take_error)?,
        totals: input.maybe(|input| {
            Ok(ModuleFaults {
                pte: input.step(before.pte)?,
                pmd: input.step(before.pmd)?,
                pud_try: input.step(before.pud_try)?,
                fallback: input.step(before.fallback)?,
                refused: input.step(before.refused)?,
            })
        })?,
    })
}

fn put_error(out: &mut Out, error: &DeviceError) -> Result<(), Fault> {
    let DeviceError {
        dev,
        offset,
        len,
        flags,
        time_ns,
    } = error;
    out.text(dev)?;
    for n in [offset, len, flags, time_ns] {
        out.number(*n);
    }
    Ok(())
}

fn take_error(input: &mut In<'_>) -> Result<DeviceError, Fault> {
    Ok(DeviceError {
        dev: input.text()?,
        offset: input.number()?,
        len: input.number()?,
        flags: input.number()?,
        time_ns: input.number()?,
    })
}
