//! The ioctls by number, and their messages as bytes: written from the ABI, not from the driver.

pub(crate) const V1_MAP_CREATE: u32 = 0x4038_7550;
pub(crate) const MAP_GET: u32 = 0x8038_7551;
pub(crate) const MAP_GETEXT: u32 = 0x8010_7552;
pub(crate) const NOP_43: u32 = 0x0000_7553;
pub(crate) const V2_MAP_CREATE: u32 = 0x4020_7554;
pub(crate) const MAP_GET_V2: u32 = 0x81c0_7555;
pub(crate) const NOP_44: u32 = 0x0000_7550;
pub(crate) const V44_MAP_CREATE: u32 = 0x4020_7551;
pub(crate) const DAXDEV_OPEN: u32 = 0x4018_7552;
pub(crate) const GET_OPTS: u32 = 0x8008_7553;
pub(crate) const SET_OPTS: u32 = 0xc008_7554;
pub(crate) const CLEAR_OPTS: u32 = 0xc008_7555;

/// All of them, to throw at files of every kind and state.
pub(crate) const ALL: &[u32] = &[
    V1_MAP_CREATE,
    MAP_GET,
    MAP_GETEXT,
    NOP_43,
    V2_MAP_CREATE,
    MAP_GET_V2,
    NOP_44,
    V44_MAP_CREATE,
    DAXDEV_OPEN,
    GET_OPTS,
    SET_OPTS,
    CLEAR_OPTS,
];

/// Every option bit that the module knows.
pub(crate) const ALL_OPTIONS: u64 = (1 << 15) - 1;
pub(crate) const OPT_XATTR: u64 = 1 << 13;

/// Which of the three messages of `MAP_CREATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abi {
    V1,
    V2,
    V44,
}

impl Abi {
    pub(crate) fn command(self) -> u32 {
        match self {
            Self::V1 => V1_MAP_CREATE,
            Self::V2 => V2_MAP_CREATE,
            Self::V44 => V44_MAP_CREATE,
        }
    }
}

/// A range of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub device: u64,
    pub offset: u64,
    pub len: u64,
}

/// Ranges that take turns, chunk by chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interleaved {
    pub chunk: u64,
    pub bytes: u64,
    pub strips: Vec<Extent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Simple(Vec<Extent>),
    Interleaved(Vec<Interleaved>),
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub file_type: u32,
    pub size: u64,
    pub layout: Layout,
}

impl Layout {
    fn kind(&self) -> u32 {
        match self {
            Self::Simple(_) => 0,
            Self::Interleaved(_) => 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Simple(list) => list.len(),
            Self::Interleaved(list) => list.len(),
        }
    }

    /// Every range of every device.
    pub(crate) fn ranges(&self) -> Vec<Extent> {
        match self {
            Self::Simple(list) => list.clone(),
            Self::Interleaved(list) => list.iter().flat_map(|one| one.strips.clone()).collect(),
        }
    }
}

/// The three pieces of a message: the header, the list it points to, the strips that points to.
/// KABI 42 and 44 put everything into the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub header: Vec<u8>,
    pub list: Vec<u8>,
    pub strips: Vec<u8>,
}

/// Where KABI 43 has the pointer to the list in the header; the one to the strips is at the same
/// place in each 32 bytes of an interleaved list.
pub(crate) const LIST_POINTER: usize = 24;
pub(crate) const V2_INTERLEAVED: usize = 32;
pub(crate) const EXTENT: usize = 24;

/// The bytes of a message; pointers are left zero.
pub(crate) fn encode(abi: Abi, map: &Map) -> Pieces {
    match abi {
        Abi::V1 => v1(map),
        Abi::V2 => v2(map),
        Abi::V44 => v44(map),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "counts of generated lists are small"
)]
fn count(list: usize) -> u32 {
    list as u32
}

fn v1(map: &Map) -> Pieces {
    let ranges = map.layout.ranges();
    let mut header = Vec::new();
    header.extend(map.layout.kind().to_le_bytes());
    header.extend(map.file_type.to_le_bytes());
    header.extend(map.size.to_le_bytes());
    header.extend((ranges.len() as u64).to_le_bytes());
    for number in 0..2 {
        let (offset, len) = ranges
            .get(number)
            .map_or((0, 0), |range| (range.offset, range.len));
        header.extend(offset.to_le_bytes());
        header.extend(len.to_le_bytes());
    }
    Pieces {
        header,
        ..Pieces::default()
    }
}

fn v2(map: &Map) -> Pieces {
    let mut header = Vec::new();
    header.extend(map.size.to_le_bytes());
    header.extend(map.file_type.to_le_bytes());
    header.extend(map.layout.kind().to_le_bytes());
    header.extend(count(map.layout.len()).to_le_bytes());
    // Padding, which C callers leave as it was.
    header.extend([0xa5; 4]);
    header.extend(0_u64.to_le_bytes());
    let (mut list, mut strips) = (Vec::new(), Vec::new());
    match &map.layout {
        Layout::Simple(ranges) => ranges.iter().for_each(|range| v2_extent(&mut list, *range)),
        Layout::Interleaved(all) => {
            for one in all {
                list.extend((one.strips.len() as u64).to_le_bytes());
                list.extend(one.chunk.to_le_bytes());
                list.extend(one.bytes.to_le_bytes());
                list.extend(0_u64.to_le_bytes());
                one.strips
                    .iter()
                    .for_each(|range| v2_extent(&mut strips, *range));
            }
        }
    }
    Pieces {
        header,
        list,
        strips,
    }
}

fn v2_extent(to: &mut Vec<u8>, range: Extent) {
    to.extend(range.device.to_le_bytes());
    to.extend(range.offset.to_le_bytes());
    to.extend(range.len.to_le_bytes());
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the message has 32 bits for it"
)]
fn v44(map: &Map) -> Pieces {
    let mut body = Vec::new();
    let extent = |body: &mut Vec<u8>, range: &Extent| {
        body.extend((range.device as u32).to_le_bytes());
        body.extend(0_u32.to_le_bytes());
        body.extend(range.offset.to_le_bytes());
        body.extend(range.len.to_le_bytes());
    };
    match &map.layout {
        Layout::Simple(ranges) => ranges.iter().for_each(|range| extent(&mut body, range)),
        Layout::Interleaved(all) => {
            for one in all {
                body.extend(count(one.strips.len()).to_le_bytes());
                body.extend((one.chunk as u32).to_le_bytes());
                body.extend(one.bytes.to_le_bytes());
                body.extend(0_u64.to_le_bytes());
                one.strips.iter().for_each(|range| extent(&mut body, range));
            }
        }
    }
    let mut header = vec![map.file_type as u8, 0, 1, 0];
    header.extend(map.layout.kind().to_le_bytes());
    header.extend(count(map.layout.len()).to_le_bytes());
    header.extend(count(32 + body.len()).to_le_bytes());
    header.extend(map.size.to_le_bytes());
    header.extend(0_u64.to_le_bytes());
    header.extend(body);
    Pieces {
        header,
        ..Pieces::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_sizes_in_the_numbers() {
        let range = Extent {
            device: 0,
            offset: 2 << 20,
            len: 4096,
        };
        let map = Map {
            file_type: 0,
            size: 4096,
            layout: Layout::Simple(vec![range]),
        };
        let size = |command: u32| (command >> 16 & 0x3fff) as usize;
        assert_eq!(encode(Abi::V1, &map).header.len(), size(V1_MAP_CREATE));
        assert_eq!(encode(Abi::V2, &map).header.len(), size(V2_MAP_CREATE));
        assert_eq!(
            encode(Abi::V44, &map).header.len(),
            size(V44_MAP_CREATE) + EXTENT
        );
        assert_eq!(encode(Abi::V2, &map).list.len(), EXTENT);
    }
}
