//! Which ranges of the devices files own. No two may share a byte.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::abi::Extent;

/// A file, by a number that is never used twice.
pub(crate) type Owner = u64;

/// Every range that a file surely owns: entered after the kernel accepted it, taken out before
/// the kernel is asked to delete the file.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Mutex<BTreeMap<(u64, u64), (u64, Owner)>>);

impl Ranges {
    /// Enters what the kernel accepted; says what it should not have.
    pub(crate) fn enter(&self, owner: Owner, list: &[Extent]) -> Result<(), String> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wrong = Ok(());
        for range in list {
            let end = range.offset.saturating_add(range.len);
            let before = table.range(..(range.device, end)).next_back().filter(
                |((device, _), (other, _))| *device == range.device && *other > range.offset,
            );
            if let Some(((_, offset), (other_end, other))) = before {
                wrong = Err(format!(
                    "{range:x?} of file {owner} was accepted, but file {other} owns 0x{offset:x} to 0x{other_end:x}"
                ));
            }
            table.insert((range.device, range.offset), (end, owner));
        }
        wrong
    }

    pub(crate) fn leave(&self, owner: Owner) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, (_, other)| *other != owner);
    }

    /// Bytes that files surely own.
    pub(crate) fn bytes(&self) -> u64 {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .iter()
            .map(|((_, offset), (end, _))| end - offset)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(device: u64, offset: u64, len: u64) -> Extent {
        Extent {
            device,
            offset,
            len,
        }
    }

    #[test]
    fn overlaps_are_seen_and_neighbours_are_not() {
        let ranges = Ranges::default();
        ranges
            .enter(1, &[extent(0, 100, 50), extent(0, 200, 50)])
            .unwrap();
        ranges
            .enter(2, &[extent(0, 150, 50), extent(1, 100, 50)])
            .unwrap();
        assert_eq!(ranges.bytes(), 200);
        for (offset, len) in [(90, 11), (149, 1), (100, 50), (0, 1000), (249, 9)] {
            let other = Ranges::default();
            other.enter(1, &[extent(0, 100, 150)]).unwrap();
            let error = other.enter(3, &[extent(0, offset, len)]).unwrap_err();
            assert!(error.contains("file 1 owns"), "{error}");
        }
        ranges.leave(1);
        ranges
            .enter(4, &[extent(0, 100, 50), extent(0, 200, 50)])
            .unwrap();
    }

    #[test]
    fn a_file_does_not_overlap_itself() {
        let ranges = Ranges::default();
        let twice = [extent(0, 0, 10), extent(0, 5, 10)];
        assert!(ranges.enter(1, &twice).is_err());
    }
}
