//! Interleaved files: chunks are distributed over strips, each of which lies in its own part of the
//! device.

use thiserror::Error;

use super::Space;
use crate::format::{EXTENTS_MAX, Extent, Placement};
use crate::random::splitmix64;

/// The largest number of parts into which a device is divided.
pub const BUCKETS_MAX: u64 = 64;
/// The length of the smallest part in bytes. A smaller one would not be another memory device.
pub const BUCKET_LEN_MIN: u64 = 1 << 30;

/// How files are spread over a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interleave {
    /// The number of strips of a file, 1 to 16.
    pub nstrips: u64,
    /// The number of equal parts of the device, 1 to 64. No two strips of a file lie in the same
    /// part.
    pub nbuckets: u64,
    /// The length of a chunk in bytes, a power of two and a multiple of the allocation unit.
    pub chunk_size: u64,
}

/// Why files cannot be spread like that.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InterleaveFault {
    /// The chunk size is not a power of two.
    #[error("chunk size {chunk_size} is not a power of two")]
    ChunkPower {
        /// The chunk size in bytes.
        chunk_size: u64,
    },
    /// The chunk size is not a multiple of the allocation unit.
    #[error("chunk size {chunk_size} is not a multiple of the allocation unit of {unit}")]
    ChunkUnit {
        /// The chunk size in bytes.
        chunk_size: u64,
        /// The allocation unit in bytes.
        unit: u64,
    },
    /// The number of strips is out of range.
    #[error("{nstrips} strips; 1 to {EXTENTS_MAX} are possible")]
    Strips {
        /// The number of strips.
        nstrips: u64,
    },
    /// There are more strips than parts.
    #[error("{nstrips} strips do not fit in {nbuckets} buckets, one in each")]
    StripsOverBuckets {
        /// The number of strips.
        nstrips: u64,
        /// The number of parts.
        nbuckets: u64,
    },
    /// The number of parts is out of range.
    #[error("{nbuckets} buckets; 1 to {BUCKETS_MAX} are possible")]
    Buckets {
        /// The number of parts.
        nbuckets: u64,
    },
    /// The parts are too small.
    #[error("{nbuckets} buckets of a device of {device_size} bytes have less than 1 GiB each")]
    BucketLen {
        /// The number of parts.
        nbuckets: u64,
        /// The device's size in bytes.
        device_size: u64,
    },
}

impl Interleave {
    /// Checks whether files can be spread like this on a device of this size and allocation unit,
    /// both in bytes.
    ///
    /// # Errors
    ///
    /// Returns the first reason why they cannot.
    pub fn check(&self, device_size: u64, unit: u64) -> Result<(), InterleaveFault> {
        let Self {
            nstrips,
            nbuckets,
            chunk_size,
        } = *self;
        if !chunk_size.is_power_of_two() {
            return Err(InterleaveFault::ChunkPower { chunk_size });
        }
        if chunk_size % unit.max(1) != 0 {
            return Err(InterleaveFault::ChunkUnit { chunk_size, unit });
        }
        if !(1..=EXTENTS_MAX as u64).contains(&nstrips) {
            return Err(InterleaveFault::Strips { nstrips });
        }
        if !(1..=BUCKETS_MAX).contains(&nbuckets) {
            return Err(InterleaveFault::Buckets { nbuckets });
        }
        if nstrips > nbuckets {
            return Err(InterleaveFault::StripsOverBuckets { nstrips, nbuckets });
        }
        if device_size / nbuckets < BUCKET_LEN_MIN {
            return Err(InterleaveFault::BucketLen {
                nbuckets,
                device_size,
            });
        }
        Ok(())
    }
}

impl Space {
    /// Takes room for a file of `size` bytes: in one piece, or spread as `interleave` says; a file
    /// smaller than a chunk is not spread. Takes nothing if there is no room. `seed` decides which
    /// parts of the device are used.
    pub fn place(
        &mut self,
        size: u64,
        interleave: Option<&Interleave>,
        seed: u64,
    ) -> Option<Placement> {
        match interleave {
            Some(how) if size >= how.chunk_size => self.place_strips(size, how, seed),
            _ => Some(Placement::Simple(vec![self.allocate(size)?])),
        }
    }

    fn place_strips(&mut self, size: u64, how: &Interleave, seed: u64) -> Option<Placement> {
        let wanted = usize::try_from(how.nstrips).ok()?;
        let round = how.chunk_size.checked_mul(how.nstrips)?;
        let len = size.div_ceil(round.max(1)).checked_mul(how.chunk_size)?;
        let need = len.div_ceil(self.unit);
        let per_bucket = self.units / how.nbuckets.max(1);
        let strips: Vec<Extent> = shuffled(how.nbuckets.min(BUCKETS_MAX), seed)
            .into_iter()
            .filter_map(|bucket| {
                let first = bucket * per_bucket;
                self.fit(need, first, first + per_bucket)
            })
            .take(wanted)
            .map(|start| self.extent(start, need))
            .collect();
        // Buckets do not overlap, so neither do strips that were found before any was
        // taken.
        if strips.len() < wanted || wanted == 0 {
            return None;
        }
        for strip in &strips {
            self.claim(strip);
        }
        Some(Placement::Interleaved {
            chunk_size: how.chunk_size,
            strips,
        })
    }
}

/// Returns the numbers below `count` in an order that the seed decides.
fn shuffled(count: u64, seed: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..count).collect();
    let mut state = seed;
    for last in (1..order.len()).rev() {
        let pick = splitmix64(&mut state) % (last as u64 + 1);
        order.swap(last, usize::try_from(pick).unwrap_or(last));
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;

    fn how(nstrips: u64, nbuckets: u64, chunk_size: u64) -> Interleave {
        Interleave {
            nstrips,
            nbuckets,
            chunk_size,
        }
    }

    #[test]
    fn what_upstream_refuses_is_refused() {
        let check = |n, b, c| how(n, b, c).check(16 * GIB, 2 * MIB);
        assert_eq!(check(6, 8, 2 * MIB), Ok(()));
        assert_eq!(check(16, 16, 2 * MIB), Ok(()));
        for chunk_size in [0, 2_000_000, 2 * MIB + 1, 6 * MIB] {
            let fault = InterleaveFault::ChunkPower { chunk_size };
            assert_eq!(check(2, 4, chunk_size), Err(fault));
        }
        let (chunk_size, unit) = (MIB, 2 * MIB);
        let fault = InterleaveFault::ChunkUnit { chunk_size, unit };
        assert_eq!(check(2, 4, MIB), Err(fault));
        let fault = |nbuckets| InterleaveFault::Buckets { nbuckets };
        assert_eq!(check(2, 66, 2 * MIB), Err(fault(66)));
        assert_eq!(check(2, 100, 2 * MIB), Err(fault(100)));
        let (nstrips, nbuckets) = (5, 4);
        let fault = InterleaveFault::StripsOverBuckets { nstrips, nbuckets };
        assert_eq!(check(5, 4, 2 * MIB), Err(fault));
        for nstrips in [0, 17] {
            let fault = InterleaveFault::Strips { nstrips };
            assert_eq!(check(nstrips, 32, 2 * MIB), Err(fault));
        }
        let (nbuckets, device_size) = (17, 16 * GIB);
        let fault = InterleaveFault::BucketLen {
            nbuckets,
            device_size,
        };
        assert_eq!(check(2, 17, 2 * MIB), Err(fault));
    }

    fn strips(placement: &Placement) -> &[Extent] {
        assert!(matches!(placement, Placement::Interleaved { .. }));
        placement.extents()
    }

    #[test]
    fn one_strip_a_bucket_and_small_files_in_one_piece() {
        let mut space = Space::new(16 * GIB, 2 * MIB, 10 * MIB);
        let how = how(4, 16, 4 * MIB);
        let placed = space.place(33 * MIB, Some(&how), 7).unwrap();
        let mut buckets: Vec<u64> = strips(&placed).iter().map(|e| e.offset / GIB).collect();
        buckets.sort_unstable();
        buckets.dedup();
        assert_eq!(buckets.len(), 4);
        // 33 MiB over four strips are three chunks of 4 MiB each.
        assert!(strips(&placed).iter().all(|e| e.len == 12 * MIB));
        assert_eq!(placed.room(), 48 * MIB);
        let small = space.place(4 * MIB - 1, Some(&how), 7).unwrap();
        assert!(matches!(small, Placement::Simple(_)));
        assert_eq!(small.taken(), 4 * MIB);
    }

    /// Upstream gives back strips here that it never took.
    #[test]
    fn what_does_not_fit_takes_nothing() {
        let mut space = Space::new(4 * GIB, 2 * MIB, 10 * MIB);
        // Buckets 1 and 3 are full.
        for bucket in [1, 3] {
            let (devindex, offset, len) = (0, bucket * GIB, GIB);
            space.claim(&Extent {
                devindex,
                offset,
                len,
            });
        }
        let free = space.free();
        assert_eq!(space.place(64 * MIB, Some(&how(3, 4, 2 * MIB)), 1), None);
        assert_eq!(space.free(), free);
        let placed = space.place(64 * MIB, Some(&how(2, 4, 2 * MIB)), 1).unwrap();
        assert_eq!(space.free(), free - 64 * MIB);
        assert!(
            strips(&placed)
                .iter()
                .all(|e| (e.offset / GIB).is_multiple_of(2))
        );
        assert_eq!(space.place(u64::MAX, Some(&how(2, 4, 2 * MIB)), 1), None);
    }

    #[derive(Clone, Debug)]
    struct Wish {
        size: u64,
        how: Option<Interleave>,
        seed: u64,
    }

    fn wishes() -> impl Strategy<Value = Vec<Wish>> {
        let spread = (1..=8_u64, 0..8_u64, 21..24_u32)
            .prop_map(|(nstrips, more, power)| how(nstrips, (nstrips + more).min(8), 1 << power));
        let wish = (1..3 * GIB, proptest::option::of(spread), any::<u64>())
            .prop_map(|(size, how, seed)| Wish { size, how, seed });
        proptest::collection::vec(wish, 1..40)
    }

    proptest! {
        /// No two files share a byte, each has room, and what is refused takes nothing.
        #[test]
        fn placements_never_overlap(wishes in wishes(), tail in 0..2 * MIB) {
            let device = 8 * GIB + tail;
            let mut space = Space::new(device, 2 * MIB, 10 * MIB);
            let mut taken: Vec<Extent> = Vec::new();
            for Wish { size, how, seed } in wishes {
                let free = space.free();
                let Some(placed) = space.place(size, how.as_ref(), seed) else {
                    prop_assert_eq!(space.free(), free);
                    continue;
                };
                prop_assert!(placed.room() >= size);
                prop_assert_eq!(space.free(), free - placed.taken());
                for e in placed.extents() {
                    prop_assert!(e.offset >= 10 * MIB && e.offset + e.len <= device);
                    prop_assert!(e.offset % (2 * MIB) == 0 && e.len % (2 * MIB) == 0);
                    let apart = |t: &Extent| t.offset + t.len <= e.offset || e.offset + e.len <= t.offset;
                    prop_assert!(taken.iter().all(apart));
                    taken.push(*e);
                }
                if let (Some(how), Placement::Interleaved { strips, .. }) = (how, &placed) {
                    prop_assert_eq!(strips.len() as u64, how.nstrips);
                }
            }
        }
    }
}
