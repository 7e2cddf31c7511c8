//! Which parts of a device are taken, and where the next file goes.
//!
//! Taken runs are kept, not one bit for each unit: the device's size is read from the media, no checksum
//! covers it, and it must not decide how much memory this takes.

pub mod config;
pub mod interleave;

use std::collections::BTreeMap;

use crate::format::Extent;
pub use interleave::Interleave;

/// The allocation units of one device.
#[derive(Clone, Debug)]
pub struct Space {
    unit: u64,
    /// How many whole units the device has. A part of a unit at its end is not used.
    units: u64,
    /// The taken runs in units, from start to end. They neither overlap nor touch each other.
    taken: BTreeMap<u64, u64>,
}

/// What the claim of an extent found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Units that were claimed before.
    pub shared: u64,
    /// Units past the end of the device.
    pub outside: u64,
}

impl Space {
    /// Returns a device of `size` bytes whose first `reserved` bytes are superblock and log. `unit`
    /// is the allocation unit in bytes.
    pub fn new(size: u64, unit: u64, reserved: u64) -> Self {
        let unit = unit.max(1);
        let mut space = Self {
            unit,
            units: size / unit,
            taken: BTreeMap::new(),
        };
        space.take(0, reserved.div_ceil(unit).min(space.units));
        space
    }

    /// Returns the allocation unit in bytes.
    pub fn unit(&self) -> u64 {
        self.unit
    }

    /// Claims every unit that an extent touches.
    pub fn claim(&mut self, extent: &Extent) -> Claim {
        if extent.len == 0 {
            return Claim::default();
        }
        let start = extent.offset / self.unit;
        let end = extent.offset.saturating_add(extent.len).div_ceil(self.unit);
        let inside = (start.min(self.units), end.min(self.units));
        let shared = self.taken_in(inside.0, inside.1);
        self.take(inside.0, inside.1);
        Claim {
            shared,
            outside: (end - start) - (inside.1 - inside.0),
        }
    }

    /// Returns whether any unit of an extent is taken.
    pub fn is_shared(&self, extent: &Extent) -> bool {
        let end = extent.offset.saturating_add(extent.len).div_ceil(self.unit);
        self.taken_in(extent.offset / self.unit, end) > 0
    }

    /// Claims all extents, or none if anything of them is taken.
    ///
    /// # Errors
    ///
    /// Returns the first extent of which something is taken.
    pub fn claim_free(&mut self, extents: &[Extent]) -> Result<(), Extent> {
        if let Some(taken) = extents.iter().find(|extent| self.is_shared(extent)) {
            return Err(*taken);
        }
        for extent in extents.iter().filter(|extent| extent.len > 0) {
            let start = extent.offset / self.unit;
            let end = extent.offset.saturating_add(extent.len).div_ceil(self.unit);
            self.take(start.min(self.units), end.min(self.units));
        }
        Ok(())
    }

    /// Takes the first run of free units that holds `len` bytes.
    pub fn allocate(&mut self, len: u64) -> Option<Extent> {
        let need = len.div_ceil(self.unit);
        let start = self.fit(need, 0, self.units)?;
        self.take(start, start + need);
        Some(self.extent(start, need))
    }

    /// Returns how many bytes are taken.
    pub fn used(&self) -> u64 {
        self.capacity() - self.free()
    }

    /// Returns how many bytes are taken within an extent of whole units.
    pub fn used_in(&self, extent: &Extent) -> u64 {
        let start = extent.offset / self.unit;
        let end = extent.offset.saturating_add(extent.len) / self.unit;
        self.taken_in(start, end) * self.unit
    }

    /// Returns how many bytes are free.
    pub fn free(&self) -> u64 {
        self.gaps().map(|(start, end)| end - start).sum::<u64>() * self.unit
    }

    /// Returns the length of the largest free run in bytes.
    pub fn largest_free(&self) -> u64 {
        self.gaps()
            .map(|(start, end)| end - start)
            .max()
            .unwrap_or(0)
            * self.unit
    }

    /// Returns how many bytes can be taken at all.
    pub fn capacity(&self) -> u64 {
        self.units * self.unit
    }

    /// Returns the start of the first free run of `need` units within `[first, end)`.
    fn fit(&self, need: u64, first: u64, end: u64) -> Option<u64> {
        self.gaps()
            .map(|(s, e)| (s.max(first), e.min(end)))
            .find(|(s, e)| need > 0 && s < e && e - s >= need)
            .map(|(start, _)| start)
    }

    fn extent(&self, start: u64, units: u64) -> Extent {
        Extent {
            devindex: 0,
            offset: start * self.unit,
            len: units * self.unit,
        }
    }

    /// Returns the free runs in units, in order.
    fn gaps(&self) -> impl Iterator<Item = (u64, u64)> {
        let ends = std::iter::once(0).chain(self.taken.values().copied());
        let starts = self
            .taken
            .keys()
            .copied()
            .chain(std::iter::once(self.units));
        ends.zip(starts).filter(|(start, end)| start < end)
    }

    /// Returns the taken runs that overlap `[start, end)`, the last one first.
    fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        self.taken
            .range(..end)
            .rev()
            .map(|(s, e)| (*s, *e))
            .take_while(move |(_, e)| *e > start)
    }

    fn taken_in(&self, start: u64, end: u64) -> u64 {
        self.overlapping(start, end)
            .map(|(s, e)| e.min(end) - s.max(start))
            .sum()
    }

    /// Adds a run and joins it with those it overlaps or touches.
    fn take(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        // Usually a run begins where another ends, because files are made one after the other: then the
        // other run grows.
        match self.taken.range_mut(..=end).next_back() {
            Some((s, e)) if *s <= start && *e >= start => {
                *e = end.max(*e);
                return;
            }
            _ => {}
        }
        let (mut first, mut last) = (start, end);
        let joined: Vec<(u64, u64)> = self
            .overlapping(start.saturating_sub(1), end.saturating_add(1))
            .collect();
        for (s, e) in joined {
            self.taken.remove(&s);
            first = first.min(s);
            last = last.max(e);
        }
        self.taken.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNIT: u64 = 4096;

    fn at(offset: u64, len: u64) -> Extent {
        Extent {
            devindex: 0,
            offset,
            len,
        }
    }

    #[test]
    fn first_fit_in_order() {
        let mut space = Space::new(10 * UNIT + 5, UNIT, 2 * UNIT - 1);
        assert_eq!(space.capacity(), 10 * UNIT);
        assert_eq!(space.free(), 8 * UNIT);
        assert_eq!(space.allocate(UNIT + 1), Some(at(2 * UNIT, 2 * UNIT)));
        assert_eq!(
            space.claim(&at(5 * UNIT, 1)),
            Claim {
                shared: 0,
                outside: 0
            }
        );
        assert_eq!(space.allocate(2 * UNIT), Some(at(6 * UNIT, 2 * UNIT)));
        assert_eq!(space.allocate(1), Some(at(4 * UNIT, UNIT)));
        assert_eq!(space.allocate(3 * UNIT), None);
        assert_eq!(space.allocate(0), None);
        assert_eq!(space.largest_free(), 2 * UNIT);
        assert_eq!(space.allocate(2 * UNIT), Some(at(8 * UNIT, 2 * UNIT)));
        assert_eq!((space.free(), space.allocate(1)), (0, None));
    }

    /// Upstream's unit test: 512 units less five of superblock and log.
    #[test]
    fn a_gibibyte_holds_507_units() {
        let mut space = Space::new(1 << 30, 2 << 20, 10 << 20);
        let made = std::iter::from_fn(|| space.allocate(1)).count();
        assert_eq!((made, space.free()), (507, 0));
    }

    #[test]
    fn claims_count_what_is_shared_and_what_is_outside() {
        let mut space = Space::new(10 * UNIT, UNIT, UNIT);
        assert_eq!(
            space.claim(&at(0, 2 * UNIT)),
            Claim {
                shared: 1,
                outside: 0
            }
        );
        assert_eq!(
            space.claim(&at(UNIT, 3 * UNIT)),
            Claim {
                shared: 1,
                outside: 0
            }
        );
        assert_eq!(
            space.claim(&at(8 * UNIT, 4 * UNIT)),
            Claim {
                shared: 0,
                outside: 2
            }
        );
        assert_eq!(space.claim(&at(u64::MAX - 1, u64::MAX)).shared, 0);
        assert!(space.is_shared(&at(9 * UNIT, 1)));
        assert!(!space.is_shared(&at(5 * UNIT, UNIT)));
    }

    #[test]
    fn of_several_extents_all_are_claimed_or_none() {
        let mut space = Space::new(10 * UNIT, UNIT, UNIT);
        let (a, b, taken) = (at(UNIT, UNIT), at(3 * UNIT, UNIT), at(0, 2 * UNIT));
        assert_eq!(space.claim_free(&[a, b, taken]), Err(taken));
        assert_eq!(space.used(), UNIT);
        assert_eq!(space.claim_free(&[a, b]), Ok(()));
        assert_eq!(space.claim_free(&[b]), Err(b));
        assert_eq!((space.used(), space.taken.len()), (3 * UNIT, 2));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Claim(u64, u64),
        Allocate(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..140 * UNIT, 0..20 * UNIT).prop_map(|(o, l)| Step::Claim(o, l)),
            (0..20 * UNIT).prop_map(Step::Allocate),
        ];
        proptest::collection::vec(step, 0..40)
    }

    proptest! {
        /// Compares with one flag for each unit, which is how upstream does it.
        #[test]
        fn same_as_a_bitmap(steps in steps(), reserved in 0..10 * UNIT) {
            let units = 128_usize;
            let mut space = Space::new(units as u64 * UNIT + 77, UNIT, reserved);
            let mut map = vec![false; units];
            map[..usize::try_from(reserved.div_ceil(UNIT)).unwrap()].fill(true);
            for step in steps {
                match step {
                    Step::Claim(offset, len) => {
                        let claim = space.claim(&at(offset, len));
                        let mut expected = Claim::default();
                        if len > 0 {
                            for unit in offset / UNIT..(offset + len).div_ceil(UNIT) {
                                match map.get_mut(usize::try_from(unit).unwrap()) {
                                    None => expected.outside += 1,
                                    Some(true) => expected.shared += 1,
                                    Some(free) => *free = true,
                                }
                            }
                        }
                        prop_assert_eq!(claim, expected);
                    }
                    Step::Allocate(len) => {
                        let need = usize::try_from(len.div_ceil(UNIT)).unwrap();
                        let fit = (0..units).find(|i| {
                            need > 0 && i + need <= units && !map[*i..i + need].contains(&true)
                        });
                        let got = space.allocate(len);
                        prop_assert_eq!(got.map(|e| e.offset), fit.map(|i| i as u64 * UNIT));
                        if let Some(i) = fit {
                            prop_assert_eq!(got.map(|e| e.len), Some(need as u64 * UNIT));
                            map[i..i + need].fill(true);
                        }
                    }
                }
                let free = map.iter().filter(|taken| !**taken).count() as u64 * UNIT;
                prop_assert_eq!(space.free(), free);
            }
        }
    }
}
