//! A second judge of `MAP_CREATE` messages: their bytes alone say whether they may be accepted.

use crate::{
    abi::{Abi, EXTENT, Extent, Interleaved, Layout, Pieces, V2_INTERLEAVED},
    arena::Ptr,
    message::MapCreate,
};

const PAGE: u64 = 4096;
const PMD: u64 = 2 << 20;
const LONGEST_44: u64 = 4 << 20;
pub(crate) const HEADER_44: usize = 32;

/// What a message is, by itself: other files may still be in the way of a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It must be refused, whatever else is true.
    Bad(&'static str),
    /// A mount that has room must accept it: the size, and the ranges in whole pages.
    Good { size: u64, ranges: Vec<Extent> },
    /// The contract leaves it open; the ranges it would own if accepted.
    Open { size: u64, ranges: Vec<Extent> },
}

/// What the module and the mount are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// KABI 44, interleaved maps, and the order of checks that came with them.
    pub complete: bool,
    /// Bytes of device 0.
    pub device: u64,
    /// Bytes of device 1; 0 if there is none.
    pub second: u64,
}

/// Judges a call by the bytes that the kernel can read.
pub(crate) fn judge(call: &MapCreate, pieces: &Pieces, rules: Rules) -> Verdict {
    let header = there(call, pieces);
    if header.len() < HEADER_44.min(pieces.header.len())
        || (call.abi != Abi::V44 && !call.header.readable())
    {
        return Verdict::Bad("the message cannot be read");
    }
    if !rules.complete && call.abi == Abi::V44 {
        return Verdict::Bad("no KABI 44 here");
    }
    let parsed = match call.abi {
        Abi::V1 => v1(&pieces.header, rules),
        Abi::V2 => v2(call, pieces, rules),
        Abi::V44 => v44(header),
    };
    match parsed {
        Err(why) => Verdict::Bad(why),
        Ok(message) => message.judge(rules),
    }
}

/// The part of the message that can be read: a message of KABI 44 says by itself how long it is.
pub(crate) fn there<'a>(call: &MapCreate, pieces: &'a Pieces) -> &'a [u8] {
    let len = match call.header {
        Ptr::Good | Ptr::ReadOnly => pieces.header.len(),
        Ptr::Short(missing) => pieces.header.len().saturating_sub(usize::from(missing)),
        _ => 0,
    };
    &pieces.header[..len]
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn half(bytes: &[u8], at: usize) -> u32 {
    let mut half = [0; 4];
    half.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(half)
}

struct Message {
    file_type: u32,
    size: u64,
    layout: Layout,
    /// Accepted or not, the contract does not say.
    open: bool,
}

fn v1(header: &[u8], rules: Rules) -> Result<Message, &'static str> {
    if half(header, 0) != 0 {
        return Err("extent type");
    }
    let count = word(header, 16);
    if !(1..=2).contains(&count) {
        return Err("number of extents");
    }
    let ranges: Vec<_> = (0..usize::try_from(count).unwrap_or(0))
        .map(|n| Extent {
            device: 0,
            offset: word(header, 24 + 16 * n),
            len: word(header, 32 + 16 * n),
        })
        .collect();
    let last = ranges.len() - 1;
    let unaligned = ranges.iter().enumerate().any(|(n, range)| {
        !range.offset.is_multiple_of(PMD) || (n < last && !range.len.is_multiple_of(PMD))
    });
    if unaligned && rules.complete {
        return Err("not in units of 2 MiB");
    }
    Ok(Message {
        file_type: half(header, 4),
        size: word(header, 8),
        layout: Layout::Simple(ranges),
        open: unaligned,
    })
}

fn v2(call: &MapCreate, pieces: &Pieces, rules: Rules) -> Result<Message, &'static str> {
    let header = &pieces.header;
    let kind = half(header, 12);
    let count = half(header, 16) as usize;
    if kind > 1 || count < 1 || count > if kind == 0 { 16 } else { 4 } {
        return Err("extent type or number of extents");
    }
    let entry = if kind == 0 { EXTENT } else { V2_INTERLEAVED };
    if !call.list.readable() || count * entry > pieces.list.len() {
        return Err("the list cannot be read");
    }
    let layout = if kind == 0 {
        Layout::Simple(extents(&pieces.list, count))
    } else {
        if !rules.complete {
            return Err("interleaved");
        }
        // Every list of strips starts where the generator put it, however many it had in mind.
        let mut starts = Vec::new();
        let mut start = 0;
        if let Layout::Interleaved(list) = &call.map.layout {
            for one in list {
                starts.push(start);
                start += one.strips.len() * EXTENT;
            }
        }
        let mut list = Vec::new();
        for n in 0..count {
            let head = &pieces.list[n * V2_INTERLEAVED..];
            let strips = usize::try_from(word(head, 0)).unwrap_or(usize::MAX);
            if !(1..=16).contains(&strips) {
                return Err("number of strips");
            }
            let Some(from) = starts.get(n) else {
                return Err("a pointer that was never set");
            };
            if !call.strips.readable() || from + strips * EXTENT > pieces.strips.len() {
                return Err("the strips cannot be read");
            }
            list.push(Interleaved {
                chunk: word(head, 8),
                bytes: word(head, 16),
                strips: extents(&pieces.strips[*from..], strips),
            });
        }
        Layout::Interleaved(list)
    };
    Ok(Message {
        file_type: half(header, 8),
        size: word(header, 0),
        layout,
        open: false,
    })
}

fn extents(bytes: &[u8], count: usize) -> Vec<Extent> {
    bytes
        .chunks_exact(EXTENT)
        .take(count)
        .map(|bytes| Extent {
            device: word(bytes, 0),
            offset: word(bytes, 8),
            len: word(bytes, 16),
        })
        .collect()
}

fn v44(bytes: &[u8]) -> Result<Message, &'static str> {
    let kind = half(bytes, 4);
    let size = u64::from(half(bytes, 12));
    if bytes[1] != 0 || word(bytes, 24) != 0 {
        return Err("reserved fields");
    }
    if bytes[2..4] != [1, 0] || kind > 1 || half(bytes, 8) == 0 {
        return Err("version, extent type or number of extents");
    }
    if size < HEADER_44 as u64 || size > LONGEST_44 || size > bytes.len() as u64 {
        return Err("length of the message");
    }
    let body = &bytes[HEADER_44..usize::try_from(size).unwrap_or(HEADER_44)];
    let mut at = 0;
    let extent = |at: &mut usize| -> Result<Extent, &'static str> {
        let bytes = body
            .get(*at..*at + EXTENT)
            .ok_or("the message is too short")?;
        *at += EXTENT;
        if half(bytes, 4) != 0 {
            return Err("reserved fields");
        }
        Ok(Extent {
            device: u64::from(half(bytes, 0)),
            offset: word(bytes, 8),
            len: word(bytes, 16),
        })
    };
    let layout = if kind == 0 {
        let list = (0..half(bytes, 8)).map(|_| extent(&mut at));
        Layout::Simple(list.collect::<Result<_, _>>()?)
    } else {
        let mut list = Vec::new();
        for _ in 0..half(bytes, 8) {
            let head = body
                .get(at..at + EXTENT)
                .ok_or("the message is too short")?;
            at += EXTENT;
            if word(head, 16) != 0 {
                return Err("reserved fields");
            }
            let strips = (0..half(head, 0)).map(|_| extent(&mut at));
            list.push(Interleaved {
                chunk: u64::from(half(head, 4)),
                bytes: word(head, 8),
                strips: strips.collect::<Result<_, _>>()?,
            });
        }
        Layout::Interleaved(list)
    };
    if at != body.len() {
        return Err("the message is too long");
    }
    Ok(Message {
        file_type: u32::from(bytes[0]),
        size: word(bytes, 16),
        layout,
        open: false,
    })
}

impl Message {
    fn judge(self, rules: Rules) -> Verdict {
        if self.file_type > 2 || self.size == 0 {
            return Verdict::Bad("file type or size");
        }
        let mut open = self.open;
        let mut ranges = self.layout.ranges();
        let count = ranges.len();
        for (n, range) in ranges.iter_mut().enumerate() {
            let size = match range.device {
                0 => rules.device,
                1 if rules.second > 0 => rules.second,
                _ => return Verdict::Bad("device"),
            };
            if range.len == 0 || !range.offset.is_multiple_of(PAGE) {
                return Verdict::Bad("alignment");
            }
            if !range.len.is_multiple_of(PAGE) {
                // The last one may be short, at least in the older messages.
                if n + 1 < count {
                    return Verdict::Bad("alignment");
                }
                open = true;
                range.len = range.len.saturating_add(PAGE - 1) / PAGE * PAGE;
            }
            let end = range.offset.checked_add(range.len);
            if end.is_none_or(|end| end > size) {
                return Verdict::Bad("beyond the device");
            }
            if self.file_type != 1 && range.offset < PMD {
                return Verdict::Bad("in the superblock");
            }
        }
        let mut sorted = ranges.clone();
        sorted.sort_unstable_by_key(|range| (range.device, range.offset));
        if sorted
            .windows(2)
            .any(|two| two[0].device == two[1].device && two[0].offset + two[0].len > two[1].offset)
        {
            return Verdict::Bad("overlaps itself");
        }
        let room = match &self.layout {
            Layout::Simple(_) => ranges.iter().map(|range| range.len).sum(),
            Layout::Interleaved(list) => {
                let mut sum = 0_u64;
                for one in list {
                    match capacity(one) {
                        Err(why) => return Verdict::Bad(why),
                        Ok(certain) => open |= !certain,
                    }
                    sum = sum.saturating_add(one.bytes);
                }
                // How parts of several interleaved extents follow each other is for the module.
                open |= list.len() > 1;
                sum
            }
        };
        if self.size > room {
            return Verdict::Bad("larger than its extents");
        }
        let (size, ranges) = (self.size, ranges);
        if open {
            Verdict::Open { size, ranges }
        } else {
            Verdict::Good { size, ranges }
        }
    }
}

/// Whether the strips hold the bytes at this chunk: surely (true), perhaps (false), surely not.
fn capacity(one: &Interleaved) -> Result<bool, &'static str> {
    if one.strips.is_empty() {
        return Err("number of strips");
    }
    if one.chunk == 0 || !one.chunk.is_multiple_of(PAGE) || one.bytes == 0 {
        return Err("chunk or bytes");
    }
    let count = one.strips.len() as u64;
    let rows = one.bytes.div_ceil(one.chunk).div_ceil(count);
    let shortest = one.strips.iter().map(|strip| strip.len).min().unwrap_or(0);
    let sum: u64 = one.strips.iter().map(|strip| strip.len).sum();
    if sum.next_multiple_of(PAGE) < one.bytes {
        return Err("larger than its strips");
    }
    Ok(rows.saturating_mul(one.chunk) <= shortest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::encode;

    const RULES: Rules = Rules {
        complete: true,
        device: 1 << 30,
        second: 0,
    };

    fn verdict(call: &MapCreate) -> Verdict {
        judge(call, &call.pieces(), RULES)
    }

    fn range(offset: u64, len: u64) -> Extent {
        Extent {
            device: 0,
            offset,
            len,
        }
    }

    fn call(abi: Abi, ranges: &[Extent]) -> MapCreate {
        MapCreate::simple(abi, 4096, ranges.to_vec())
    }

    #[test]
    fn plain_messages_of_all_abis_are_good() {
        for abi in [Abi::V1, Abi::V2, Abi::V44] {
            let ranges = vec![range(4 * PMD, PMD), range(8 * PMD, PMD)];
            let good = Verdict::Good {
                size: 4096,
                ranges: ranges.clone(),
            };
            assert_eq!(verdict(&call(abi, &ranges)), good, "{abi:?}");
        }
    }

    #[test]
    fn what_reaches_out_is_bad() {
        for (offset, len) in [
            (0, PMD),
            (4 * PMD + 1, PMD),
            (1 << 30, PMD),
            ((1 << 30) - PMD, 2 * PMD),
            (u64::MAX - PMD + 1, PMD),
            (4 * PMD, u64::MAX - 4095),
            (4 * PMD, 0),
        ] {
            for abi in [Abi::V1, Abi::V2, Abi::V44] {
                let verdict = verdict(&call(abi, &[range(offset, len)]));
                assert!(
                    matches!(verdict, Verdict::Bad(_)),
                    "{abi:?} {offset:x} {len:x}: {verdict:?}"
                );
            }
        }
        let twice = [range(4 * PMD, PMD), range(4 * PMD, PMD)];
        assert_eq!(
            verdict(&call(Abi::V2, &twice)),
            Verdict::Bad("overlaps itself")
        );
    }

    #[test]
    fn a_bad_pointer_or_a_longer_count_cannot_be_read() {
        let mut one = call(Abi::V2, &[range(4 * PMD, PMD)]);
        one.list = Ptr::Short(1);
        assert!(matches!(verdict(&one), Verdict::Bad(_)));
        one.list = Ptr::Good;
        let mut pieces = encode(Abi::V2, &one.map);
        pieces.header[16] = 2;
        assert_eq!(
            judge(&one, &pieces, RULES),
            Verdict::Bad("the list cannot be read")
        );
        let one = call(Abi::V44, &[range(4 * PMD, PMD)]);
        let mut pieces = encode(Abi::V44, &one.map);
        pieces.header[12] += 1;
        assert_eq!(
            judge(&one, &pieces, RULES),
            Verdict::Bad("length of the message")
        );
    }

    #[test]
    fn a_message_that_says_it_ends_sooner_can_be_read() {
        let mut one = call(Abi::V44, &[range(4 * PMD, PMD), range(8 * PMD, PMD)]);
        one.header = Ptr::Short(24);
        assert_eq!(verdict(&one), Verdict::Bad("length of the message"));
        let mut pieces = encode(Abi::V44, &one.map);
        (pieces.header[8], pieces.header[12]) = (1, 56);
        let good = judge(&one, &pieces, RULES);
        assert!(matches!(good, Verdict::Good { .. }), "{good:?}");
        one.header = Ptr::Short(49);
        assert_eq!(
            judge(&one, &pieces, RULES),
            Verdict::Bad("the message cannot be read")
        );
    }

    #[test]
    fn interleaved_maps_need_room() {
        let mut one = call(Abi::V44, &[]);
        let mut inner = Interleaved {
            chunk: PMD,
            bytes: 4 * PMD,
            strips: vec![range(4 * PMD, 2 * PMD), range(8 * PMD, 2 * PMD)],
        };
        one.map.size = 4 * PMD;
        one.map.layout = Layout::Interleaved(vec![inner.clone()]);
        assert!(
            matches!(verdict(&one), Verdict::Good { .. }),
            "{:?}",
            verdict(&one)
        );
        inner.bytes += 1;
        one.map.layout = Layout::Interleaved(vec![inner]);
        assert_eq!(verdict(&one), Verdict::Bad("larger than its strips"));
    }
}
