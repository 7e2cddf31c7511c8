//! Where a file's bytes lie on the device.

use std::borrow::Cow;

use zerocopy::{FromZeros as _, transmute_ref};

use super::EXTENTS_MAX;
use super::raw::{RawExtent, RawInterleaved, RawMap, RawSimple};

/// The type code of a simple map: extents one after the other.
pub const TYPE_SIMPLE: u32 = 0;
/// The type code of an interleaved map: chunks that are distributed over strips in turn.
pub const TYPE_INTERLEAVED: u32 = 1;

/// The bytes `[offset, offset + len)` of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Extent {
    /// The device's number; 0 is the one with the superblock.
    pub devindex: u64,
    /// Where it starts on the device, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// An extent of version 46, which had one device and a type for each extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Extent46 {
    /// The type, of which only 0 was ever used.
    pub ext_type: u32,
    /// Where it starts on the device, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// A file's map as it was logged. The lists have at most as many elements as an entry has room for;
/// the counts are what the entry claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Map {
    /// Extents one after the other.
    Simple {
        /// How many extents the entry claims to have.
        count: u32,
        /// The extents that it has room for.
        extents: Vec<Extent>,
    },
    /// Chunks that are distributed over strips. A map of an unknown type is read as this one too.
    Interleaved {
        /// The type code; [`TYPE_INTERLEAVED`] in a sound entry.
        ext_type: u32,
        /// How many interleaved extents the entry claims to have; 1 in a sound one.
        niext: u32,
        /// How many strips the entry claims to have.
        nstrips: u64,
        /// The length of a chunk in bytes.
        chunk_size: u64,
        /// The strips that it has room for.
        strips: Vec<Extent>,
    },
    /// The map of an entry of version 46: extents one after the other.
    V46 {
        /// How many extents the entry claims to have.
        count: u32,
        /// The extents that it has room for.
        extents: Vec<Extent46>,
    },
}

/// A map without contradictions: one that was checked, or that the allocator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Extents one after the other.
    Simple(Vec<Extent>),
    /// Chunk `n` of the file lies in strip `n mod strips`, behind that strip's earlier chunks.
    Interleaved {
        /// The length of a chunk in bytes.
        chunk_size: u64,
        /// The strips, in the order in which chunks are distributed over them.
        strips: Vec<Extent>,
    },
}

impl Placement {
    /// Returns every extent or strip.
    pub fn extents(&self) -> &[Extent] {
        match self {
            Self::Simple(extents) => extents,
            Self::Interleaved { strips, .. } => strips,
        }
    }

    /// Returns the size of the largest file with this map, in bytes.
    pub fn room(&self) -> u64 {
        match self {
            Self::Simple(extents) => sum(extents),
            Self::Interleaved { chunk_size, strips } => capacity(*chunk_size, strips),
        }
    }

    /// Returns how many bytes of the device it takes.
    pub fn taken(&self) -> u64 {
        sum(self.extents())
    }

    /// Returns the map that an entry holds.
    pub fn to_map(&self) -> Map {
        match self {
            Self::Simple(extents) => Map::Simple {
                count: u32::try_from(extents.len()).unwrap_or(u32::MAX),
                extents: extents.clone(),
            },
            Self::Interleaved { chunk_size, strips } => Map::Interleaved {
                ext_type: TYPE_INTERLEAVED,
                niext: 1,
                nstrips: strips.len() as u64,
                chunk_size: *chunk_size,
                strips: strips.clone(),
            },
        }
    }
}

/// Returns the size of the largest file whose chunks are distributed over `strips`, in bytes. The
/// shortest strip decides, since chunks go to all strips in turn.
fn capacity(chunk_size: u64, strips: &[Extent]) -> u64 {
    let shortest = strips.iter().map(|e| e.len).min().unwrap_or(0);
    let whole = shortest - shortest % chunk_size.max(1);
    whole.saturating_mul(strips.len() as u64)
}

fn sum(extents: &[Extent]) -> u64 {
    extents.iter().fold(0, |all, e| all.saturating_add(e.len))
}

impl Map {
    /// Returns a simple map of one extent of the first device; both numbers are in bytes.
    pub fn contiguous(offset: u64, len: u64) -> Self {
        Self::Simple {
            count: 1,
            extents: vec![Extent {
                devindex: 0,
                offset,
                len,
            }],
        }
    }

    /// Returns where the bytes are by the lists, whatever the counts claim.
    pub fn into_placement(self) -> Placement {
        match self {
            Self::Interleaved {
                chunk_size, strips, ..
            } => Placement::Interleaved { chunk_size, strips },
            Self::Simple { extents, .. } => Placement::Simple(extents),
            Self::V46 { .. } => Placement::Simple(self.extents().into_owned()),
        }
    }

    /// Returns the size of the largest file with this map, in bytes.
    pub fn room(&self) -> u64 {
        match self {
            Self::Interleaved {
                chunk_size, strips, ..
            } => capacity(*chunk_size, strips),
            Self::Simple { .. } | Self::V46 { .. } => sum(&self.extents()),
        }
    }

    /// Parses a map. A count that is more than an entry has room for is kept as the claim it is.
    pub(super) fn parse(raw: &RawMap) -> Self {
        let count = raw.count.get();
        match raw.ext_type.get() {
            TYPE_SIMPLE => {
                let map: &RawSimple = transmute_ref!(&raw.body);
                let extents = listed(&map.extents, u64::from(count));
                Self::Simple { count, extents }
            }
            ext_type => {
                let map: &RawInterleaved = transmute_ref!(&raw.body);
                let nstrips = map.nstrips.get();
                Self::Interleaved {
                    ext_type,
                    niext: count,
                    nstrips,
                    chunk_size: map.chunk_size.get(),
                    strips: listed(&map.strips, nstrips),
                }
            }
        }
    }

    /// Returns the map as an entry holds it. A list that is longer than an entry has room for is cut;
    /// [`crate::player::validate`] refuses such a list first. A map of version 46 is never written.
    pub(super) fn to_raw(&self) -> RawMap {
        let mut raw = RawMap::new_zeroed();
        match self {
            Self::Simple { count, extents } => {
                raw.ext_type = TYPE_SIMPLE.into();
                raw.count = (*count).into();
                raw.body = zerocopy::transmute!(RawSimple {
                    extents: room_for(extents),
                    unused: [0; 16],
                });
            }
            Self::Interleaved {
                ext_type,
                niext,
                nstrips,
                chunk_size,
                strips,
            } => {
                raw.ext_type = (*ext_type).into();
                raw.count = (*niext).into();
                raw.body = zerocopy::transmute!(RawInterleaved {
                    nstrips: (*nstrips).into(),
                    chunk_size: (*chunk_size).into(),
                    strips: room_for(strips),
                });
            }
            Self::V46 { .. } => {}
        }
        raw
    }

    /// Returns every listed extent or strip.
    pub fn extents(&self) -> Cow<'_, [Extent]> {
        match self {
            Self::Simple { extents, .. } => Cow::Borrowed(extents),
            Self::Interleaved { strips, .. } => Cow::Borrowed(strips),
            Self::V46 { extents, .. } => extents
                .iter()
                .map(|e| Extent {
                    devindex: 0,
                    offset: e.offset,
                    len: e.len,
                })
                .collect(),
        }
    }
}

/// Returns the first `count` extents of a list, or all of it if the count is more.
fn listed(list: &[RawExtent; EXTENTS_MAX], count: u64) -> Vec<Extent> {
    let count = usize::try_from(count).unwrap_or(EXTENTS_MAX);
    list.iter().take(count).map(Extent::from).collect()
}

/// Returns the first extents of a list, as many as an entry has room for.
fn room_for(list: &[Extent]) -> [RawExtent; EXTENTS_MAX] {
    let mut raw = [RawExtent::new_zeroed(); EXTENTS_MAX];
    for (raw, extent) in raw.iter_mut().zip(list) {
        *raw = RawExtent {
            devindex: extent.devindex.into(),
            offset: extent.offset.into(),
            len: extent.len.into(),
        };
    }
    raw
}

impl From<&RawExtent> for Extent {
    fn from(raw: &RawExtent) -> Self {
        Self {
            devindex: raw.devindex.get(),
            offset: raw.offset.get(),
            len: raw.len.get(),
        }
    }
}
