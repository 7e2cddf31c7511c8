//! A file's map, as it is given to the kernel and as the kernel shows it, in no interface's own numbers.

use famfs_media::format::{Extent, Placement};

/// What a file of a famfs mount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A file of the user.
    Regular,
    /// The file that shows the superblock.
    Superblock,
    /// The file that shows the log.
    Log,
}

impl FileType {
    /// Returns the number that the ioctls use.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Regular => 0,
            Self::Superblock => 1,
            Self::Log => 2,
        }
    }
}

/// One piece of the mount's own device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simple {
    /// Where it starts on the device, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// How a file's bytes lie in its extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'e> {
    /// One extent after the other.
    Simple(&'e [Extent]),
    /// Chunks that are distributed over strips in turn.
    Interleaved {
        /// The length of a chunk in bytes.
        chunk_size: u64,
        /// The strips, in the order in which chunks are distributed over them.
        strips: &'e [Extent],
    },
}

impl<'e> Shape<'e> {
    /// Returns every extent or strip.
    pub fn extents(self) -> &'e [Extent] {
        match self {
            Self::Simple(extents)
            | Self::Interleaved {
                strips: extents, ..
            } => extents,
        }
    }
}

impl<'e> From<&'e Placement> for Shape<'e> {
    fn from(placement: &'e Placement) -> Self {
        match placement {
            Placement::Simple(extents) => Self::Simple(extents),
            Placement::Interleaved { chunk_size, strips } => Self::Interleaved {
                chunk_size: *chunk_size,
                strips,
            },
        }
    }
}

/// A map as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelMap {
    /// The file's size in bytes.
    pub size: u64,
    /// The kernel's number for what the file is.
    pub file_type: u32,
    /// The type code of the map, as on the media.
    pub ext_type: u32,
    /// The extents, or the strips of an interleaved map.
    pub extents: Vec<Extent>,
    /// The length of a chunk of an interleaved map, in bytes.
    pub chunk_size: Option<u64>,
}
