//! Maps whose keys are words of the model: what went, and what is new or another.

use std::collections::BTreeMap;

use super::{
    Fault, In, Out,
    codes::{self, Coded},
};

/// No map has more keys than its words have numbers.
const KEYS_MAX: usize = 64;

/// Elements that a key takes of the budget.
const WEIGHT: usize = 2;

pub(super) fn put<K: Coded + Ord, V: PartialEq>(
    out: &mut Out,
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    mut value: impl FnMut(&mut Out, Option<&V>, &V) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let gone: Vec<K> = old
        .keys()
        .filter(|k| !new.contains_key(k))
        .copied()
        .collect();
    out.count(gone.len(), KEYS_MAX)?;
    for key in gone {
        codes::put(out, key);
    }
    let changed: Vec<(&K, &V)> = new.iter().filter(|(k, v)| old.get(k) != Some(v)).collect();
    out.count(changed.len(), KEYS_MAX)?;
    for (key, new) in changed {
        codes::put(out, *key);
        value(out, old.get(key), new)?;
    }
    Ok(())
}

pub(super) fn take<K: Coded + Ord, V: Clone>(
    input: &mut In<'_>,
    old: &BTreeMap<K, V>,
    mut value: impl FnMut(&mut In<'_>, Option<&V>) -> Result<V, Fault>,
) -> Result<BTreeMap<K, V>, Fault> {
    let mut map = old.clone();
    for _ in 0..input.count(KEYS_MAX, 0)? {
        map.remove(&codes::take::<K>(input)?);
    }
    for _ in 0..input.count(KEYS_MAX, WEIGHT)? {
        let key: K = codes::take(input)?;
        let value = value(input, old.get(&key))?;
        map.insert(key, value);
    }
    Ok(map)
}

/// The same, of plain counts.
pub(super) fn put_numbers<K: Coded + Ord>(
    out: &mut Out,
    old: &BTreeMap<K, u64>,
    new: &BTreeMap<K, u64>,
) -> Result<(), Fault> {
    put(out, old, new, |out, old, new| {
        out.step(old.copied().unwrap_or(0), *new);
        Ok(())
    })
}

pub(super) fn take_numbers<K: Coded + Ord>(
    input: &mut In<'_>,
    old: &BTreeMap<K, u64>,
) -> Result<BTreeMap<K, u64>, Fault> {
    take(input, old, |input, old| {
        input.step(old.copied().unwrap_or(0))
    })
}
