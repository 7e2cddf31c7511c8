//! Probes, each beside the one in the same place before.

use super::{Fault, In, Out};
use crate::model::ProbeHealth;

const PROBES_MAX: usize = 4096;
const WEIGHT: usize = 8;

/// A probe of which nothing is known.
fn none() -> ProbeHealth {
    ProbeHealth {
        name: String::new(),
        kind: String::new(),
        problem: None,
        warning: None,
        hits: 0,
        misses: 0,
        run_ns: None,
    }
}

pub(super) fn put(out: &mut Out, old: &[ProbeHealth], new: &[ProbeHealth]) -> Result<(), Fault> {
    out.count(new.len(), PROBES_MAX)?;
    let none = none();
    for (i, probe) in new.iter().enumerate() {
        put_one(out, old.get(i).unwrap_or(&none), probe)?;
    }
    Ok(())
}

pub(super) fn take(input: &mut In<'_>, old: &[ProbeHealth]) -> Result<Vec<ProbeHealth>, Fault> {
    let none = none();
    (0..input.count(PROBES_MAX, WEIGHT)?)
        .map(|i| take_one(input, old.get(i).unwrap_or(&none)))
        .collect()
}

fn put_one(out: &mut Out, old: &ProbeHealth, new: &ProbeHealth) -> Result<(), Fault> {
    let ProbeHealth {
        name,
        kind,
        problem,
        warning,
        hits,
        misses,
        run_ns,
    } = new;
    out.same_text(&old.name, name)?;
    out.same_text(&old.kind, kind)?;
    out.maybe(problem.as_deref(), Out::text)?;
    out.maybe(warning.as_deref(), Out::text)?;
    out.step(old.hits, *hits);
    out.step(old.misses, *misses);
    out.maybe(*run_ns, |out, ns| {
        out.step(old.run_ns.unwrap_or(0), ns);
        Ok(())
    })
}

fn take_one(input: &mut In<'_>, old: &ProbeHealth) -> Result<ProbeHealth, Fault> {
    Ok(ProbeHealth {
        name: input.same_text(&old.name)?,
        kind: input.same_text(&old.kind)?,
        problem: input.maybe(In::text)?,
        warning: input.maybe(In::text)?,
        hits: input.step(old.hits)?,
        misses: input.step(old.misses)?,
        run_ns: input.maybe(|input| input.step(old.run_ns.unwrap_or(0)))?,
    })
}
