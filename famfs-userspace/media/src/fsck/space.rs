//! Which part of the device is claimed by what.

use serde::Serialize;

use crate::alloc::Space;
use crate::format::{Extent, File};
use crate::player::Plan;
use crate::player::plan::Make;
use crate::volume::Volume;

/// The units of a device, by what claims them.
#[derive(Debug)]
pub(super) struct Usage {
    /// Taken by superblock, log, and the entries with good checksums, refused or not.
    pub claimed: Space,
    /// Taken by superblock, log, and the files that a play makes.
    pub played: Space,
    /// Units that are claimed more than once, counted once for each further claim.
    pub shared_units: u64,
}

impl Usage {
    /// Starts with a device of which superblock and log are taken.
    pub(super) fn new(volume: &Volume, device_end: u64) -> Self {
        let unit = volume.superblock.alloc_unit();
        let empty = Space::new(device_end, unit, volume.data_start());
        Self {
            claimed: empty.clone(),
            played: empty,
            shared_units: 0,
        }
    }

    /// Adds a file of the log, refused or not.
    pub(super) fn claim(&mut self, file: &File) {
        for extent in file.map.extents().iter().filter(|e| e.devindex == 0) {
            self.shared_units += self.claimed.claim(extent).shared;
        }
    }

    /// Adds what a play makes.
    pub(super) fn play(&mut self, judged: &Plan) {
        for action in judged.played() {
            if let Make::File { placement, .. } = &action.make {
                for extent in placement.extents() {
                    self.played.claim(extent);
                }
            }
        }
    }
}

/// One of the equal parts in which a device is shown. All numbers are in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bucket {
    /// Where it starts on the device.
    pub offset: u64,
    /// Its length.
    pub len: u64,
    /// What superblock, log and entries take of it.
    pub used: u64,
    /// What is left.
    pub free: u64,
}

/// Divides the device into `count` parts of whole units; the last part has the rest.
pub(super) fn buckets(space: &Space, count: u32) -> Vec<Bucket> {
    let unit = space.unit();
    let units = space.capacity() / unit;
    let parts = u64::from(count).min(units);
    let each = units.checked_div(parts).unwrap_or(0);
    (0..parts)
        .map(|i| {
            let start = i * each;
            let end = if i + 1 == parts { units } else { start + each };
            let (offset, len) = (start * unit, (end - start) * unit);
            let used = space.used_in(&Extent {
                devindex: 0,
                offset,
                len,
            });
            Bucket {
                offset,
                len,
                used,
                free: len - used,
            }
        })
        .collect()
}
