//! The layout of a recording: one header, then frames. All numbers are little endian.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{I64, U16, U32, U64},
};

/// What a recording begins with.
const MAGIC: [u8; 8] = *b"famfsrec";
/// The version that is written. Every version up to it is read.
pub const VERSION: u16 = 1;
/// What a frame begins with; after damage it is searched for.
pub(super) const SYNC: [u8; 4] = *b"\xf0fmF";

/// A whole snapshot; without it, what changed since the frame before.
pub(super) const KEY: u32 = 1;
/// The recording ended in good order here; the frame has no payload.
pub(super) const END: u32 = 2;

/// How many frames there are from one whole snapshot to the next.
pub const KEY_EVERY: u32 = 60;
/// The length of the longest payload, packed or unpacked, in bytes.
pub(super) const PAYLOAD_MAX: u32 = 64 << 20;

/// The head of a recording as bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: [u8; 8],
    version: U16,
    reserved: U16,
    interval_ms: U32,
    crc: U32,
}

/// The length of the head of a recording.
pub const HEADER_LEN: usize = size_of::<RawHeader>();

/// The head of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format.
    pub version: u16,
    /// How far apart the snapshots were meant to be, in milliseconds.
    pub interval_ms: u32,
}

impl Header {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut raw = RawHeader {
            magic: MAGIC,
            version: self.version.into(),
            reserved: 0.into(),
            interval_ms: self.interval_ms.into(),
            crc: 0.into(),
        };
        raw.crc = before_crc(raw.as_bytes()).into();
        raw.as_bytes().to_vec()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, super::Error> {
        let (raw, _) =
            RawHeader::read_from_prefix(bytes).map_err(|_too_short| super::Error::NotARecording)?;
        if raw.magic != MAGIC {
            return Err(super::Error::NotARecording);
        }
        // A version's own header may be another, but the version stays where it is.
        match raw.version.get() {
            VERSION if raw.crc.get() != before_crc(raw.as_bytes()) => Err(super::Error::Header),
            VERSION => Ok(Self {
                version: VERSION,
                interval_ms: raw.interval_ms.get(),
            }),
            found => Err(super::Error::Version { found }),
        }
    }
}

/// The head of a frame as bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawFrame {
    sync: [u8; 4],
    flags: U32,
    packed: U32,
    unpacked: U32,
    time_ns: I64,
    elapsed_ns: U64,
    base: U32,
    payload_crc: U32,
    crc: U32,
}

/// The length of the head of a frame.
pub(super) const FRAME_LEN: usize = size_of::<RawFrame>();

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) flags: u32,
    /// The length of the payload in the file, and of what it unpacks to.
    pub(super) packed: u32,
    pub(super) unpacked: u32,
    /// `CLOCK_REALTIME`, nanoseconds.
    pub(super) time_ns: i64,
    /// Since attach, in nanoseconds.
    pub(super) elapsed_ns: u64,
    /// The `payload_crc` of the frame that this one is the difference to.
    pub(super) base: u32,
    pub(super) payload_crc: u32,
}

impl Frame {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut raw = RawFrame {
            sync: SYNC,
            flags: self.flags.into(),
            packed: self.packed.into(),
            unpacked: self.unpacked.into(),
            time_ns: self.time_ns.into(),
            elapsed_ns: self.elapsed_ns.into(),
            base: self.base.into(),
            payload_crc: self.payload_crc.into(),
            crc: 0.into(),
        };
        raw.crc = before_crc(raw.as_bytes()).into();
        raw.as_bytes().to_vec()
    }

    /// `None` where no sound frame begins.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (raw, _) = RawFrame::read_from_prefix(bytes).ok()?;
        let sound = raw.sync == SYNC
            && raw.crc.get() == before_crc(raw.as_bytes())
            && raw.packed.get() <= PAYLOAD_MAX
            && raw.unpacked.get() <= PAYLOAD_MAX
            && [0, KEY, END].contains(&raw.flags.get());
        sound.then_some(Self {
            flags: raw.flags.get(),
            packed: raw.packed.get(),
            unpacked: raw.unpacked.get(),
            time_ns: raw.time_ns.get(),
            elapsed_ns: raw.elapsed_ns.get(),
            base: raw.base.get(),
            payload_crc: raw.payload_crc.get(),
        })
    }

    pub(super) fn is_key(&self) -> bool {
        self.flags & KEY != 0
    }

    pub(super) fn is_end(&self) -> bool {
        self.flags & END != 0
    }
}

/// The checksum of all but the checksum, which is last.
fn before_crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(&bytes[..bytes.len() - size_of::<U32>()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        flags: KEY,
        packed: 3,
        unpacked: 4,
        time_ns: -5,
        elapsed_ns: 6,
        base: 7,
        payload_crc: 8,
    };

    #[test]
    fn heads_come_back_and_have_their_documented_lengths() {
        let header = Header {
            version: VERSION,
            interval_ms: 1000,
        };
        assert_eq!(Header::parse(&header.to_bytes()).unwrap(), header);
        assert_eq!(Frame::parse(&FRAME.to_bytes()), Some(FRAME));
        assert_eq!((HEADER_LEN, FRAME_LEN), (20, 44));
    }

    #[test]
    fn a_head_with_any_bit_changed_is_refused() {
        let bytes = FRAME.to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::parse(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = Header {
            version: VERSION,
            interval_ms: 1,
        }
        .to_bytes();
        bytes[8] = 7;
        let error = Header::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("version 7"), "{error}");
    }
}
