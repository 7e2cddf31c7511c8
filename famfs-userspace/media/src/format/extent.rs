//! Where a file's bytes lie on the device.

use std::borrow::Cow;

use super::EXTENTS_MAX;
use super::le::{put, u32_at, u64_at};

/// Bytes of an extent in an entry.
pub(super) const EXTENT_SIZE: usize = 24;
/// A simple map: extents one after the other.
pub const TYPE_SIMPLE: u32 = 0;
/// An interleaved map: chunks dealt over strips.
pub const TYPE_INTERLEAVED: u32 = 1;

/// Bytes `[offset, offset + len)` of device `devindex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Extent {
    pub devindex: u64,
    pub offset: u64,
    pub len: u64,
}

/// An extent of version 46, which had one device and a type per extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Extent46 {
    pub ext_type: u32,
    pub offset: u64,
    pub len: u64,
}

/// A file's map as logged. The lists hold what an entry has room for; the counts say
/// what the entry claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Map {
    Simple {
        count: u32,
        extents: Vec<Extent>,
    },
    /// Also what any unknown `ext_type` is read as.
    Interleaved {
        ext_type: u32,
        niext: u32,
        nstrips: u64,
        chunk_size: u64,
        strips: Vec<Extent>,
    },
    V46 {
        count: u32,
        extents: Vec<Extent46>,
    },
}

/// A map without contradictions: one that was checked, or that the allocator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Extents one after the other.
    Simple(Vec<Extent>),
    /// Chunk `n` of the file lies in strip `n mod strips`, behind the chunks before it.
    Interleaved {
        chunk_size: u64,
        strips: Vec<Extent>,
    },
}

impl Placement {
    /// Every extent or strip.
    pub fn extents(&self) -> &[Extent] {
        match self {
            Self::Simple(extents) => extents,
            Self::Interleaved { strips, .. } => strips,
        }
    }

    /// Bytes that a file with this map can have.
    pub fn room(&self) -> u64 {
        match self {
            Self::Simple(extents) => sum(extents),
            Self::Interleaved { chunk_size, strips } => dealt(*chunk_size, strips),
        }
    }

    /// Bytes of the device that it takes.
    pub fn taken(&self) -> u64 {
        sum(self.extents())
    }

    /// As an entry holds it.
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

/// Bytes that a file whose chunks are dealt over `strips` can have.
fn dealt(chunk_size: u64, strips: &[Extent]) -> u64 {
    let shortest = strips.iter().map(|e| e.len).min().unwrap_or(0);
    let whole = shortest - shortest % chunk_size.max(1);
    whole.saturating_mul(strips.len() as u64)
}

fn sum(extents: &[Extent]) -> u64 {
    extents.iter().fold(0, |all, e| all.saturating_add(e.len))
}

impl Map {
    /// A simple map of one extent on the first device.
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

    /// What it says about where bytes are, whatever its counts claim.
    pub fn into_placement(self) -> Placement {
        match self {
            Self::Interleaved {
                chunk_size, strips, ..
            } => Placement::Interleaved { chunk_size, strips },
            Self::Simple { extents, .. } => Placement::Simple(extents),
            Self::V46 { .. } => Placement::Simple(self.extents().into_owned()),
        }
    }

    /// Bytes that a file with this map can have.
    pub fn room(&self) -> u64 {
        match self {
            Self::Interleaved {
                chunk_size, strips, ..
            } => dealt(*chunk_size, strips),
            Self::Simple { .. } | Self::V46 { .. } => sum(&self.extents()),
        }
    }

    /// Parses the map that starts at `at` of an entry.
    pub(super) fn parse(bytes: &[u8], at: usize) -> Self {
        let count = u32_at(bytes, at + 8);
        match u32_at(bytes, at) {
            TYPE_SIMPLE => {
                let listed = clamp(u64::from(count), EXTENTS_MAX);
                let extents = (0..listed).map(|i| extent_at(bytes, at + 16, i)).collect();
                Self::Simple { count, extents }
            }
            ext_type => {
                let nstrips = u64_at(bytes, at + 16);
                let listed = clamp(nstrips, EXTENTS_MAX);
                Self::Interleaved {
                    ext_type,
                    niext: count,
                    nstrips,
                    chunk_size: u64_at(bytes, at + 24),
                    strips: (0..listed).map(|i| extent_at(bytes, at + 32, i)).collect(),
                }
            }
        }
    }

    /// Writes the map at `at` of a zeroed entry. A list longer than an entry's room is
    /// cut, which [`crate::player::validate`] has refused before.
    pub(super) fn write(&self, bytes: &mut [u8], at: usize) {
        let (ext_type, count, list_at, list) = match self {
            Self::Simple { count, extents } => (TYPE_SIMPLE, *count, at + 16, extents.as_slice()),
            Self::Interleaved {
                ext_type,
                niext,
                nstrips,
                chunk_size,
                strips,
            } => {
                put(bytes, at + 16, &nstrips.to_le_bytes());
                put(bytes, at + 24, &chunk_size.to_le_bytes());
                (*ext_type, *niext, at + 32, strips.as_slice())
            }
            // Nothing writes version 46.
            Self::V46 { .. } => return,
        };
        put(bytes, at, &ext_type.to_le_bytes());
        put(bytes, at + 8, &count.to_le_bytes());
        for (i, extent) in list.iter().take(EXTENTS_MAX).enumerate() {
            let slot = list_at + i * EXTENT_SIZE;
            put(bytes, slot, &extent.devindex.to_le_bytes());
            put(bytes, slot + 8, &extent.offset.to_le_bytes());
            put(bytes, slot + 16, &extent.len.to_le_bytes());
        }
    }

    /// Every listed extent or strip.
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

fn clamp(count: u64, max: usize) -> usize {
    usize::try_from(count).unwrap_or(max).min(max)
}

fn extent_at(bytes: &[u8], list_at: usize, i: usize) -> Extent {
    let at = list_at + i * EXTENT_SIZE;
    Extent {
        devindex: u64_at(bytes, at),
        offset: u64_at(bytes, at + 8),
        len: u64_at(bytes, at + 16),
    }
}
