//! Stores, flushes and fences, recorded; and what a crash may leave of them.
//!
//! A cache may write back any dirty line at any moment. It has written back for certain
//! what was flushed before a fence. So between two fences each line that was stored is
//! on the media as it was, or as any store since left it.

use std::collections::BTreeMap;
use std::io;

use famfs_media::memory::Memory;
use famfs_runtime::device::DataMemory;
use famfs_runtime::device::source::Source;

pub(crate) const LINE: u64 = 64;
type Line = [u8; 64];

/// The number of lines up to which every combination is tried: 2^12 images of two versions each.
const EXHAUSTIVE: u64 = 1 << 12;
/// Otherwise so many, chosen by a seed.
const SAMPLES: u64 = 10_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Store {
        at: u64,
        bytes: Vec<u8>,
    },
    /// Past the caches: a store that awaits its fence as if it were flushed.
    Stream {
        at: u64,
        bytes: Vec<u8>,
    },
    Flush {
        at: u64,
        len: u64,
    },
    Fence,
}

/// Memory that notes what is done to it.
pub(crate) struct Recorder {
    bytes: Vec<u8>,
    pub(crate) ops: Vec<Op>,
}

impl Recorder {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let ops = Vec::new();
        Self { bytes, ops }
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap()
}

impl Memory for Recorder {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        into.copy_from_slice(&self.bytes[place(at)..place(at) + into.len()]);
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.bytes[place(at)..place(at) + bytes.len()].copy_from_slice(bytes);
        let bytes = bytes.to_vec();
        self.ops.push(Op::Store { at, bytes });
        Ok(())
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        assert_eq!(at % 8, 0, "a published field is aligned");
        self.store(at, &value.to_le_bytes())
    }

    fn publish_pair(&mut self, at: u64, [first, second]: [u64; 2]) -> io::Result<()> {
        assert_eq!(
            at % 16,
            0,
            "a published pair is aligned, so it lies in one line"
        );
        self.store(at, &[first.to_le_bytes(), second.to_le_bytes()].concat())
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        self.ops.push(Op::Flush { at, len });
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        self.ops.push(Op::Fence);
        Ok(())
    }

    fn pause(&mut self) {}

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

impl DataMemory for Recorder {
    fn stream(&mut self, at: u64, len: usize, source: &Source, from: u64) -> io::Result<()> {
        let mut bytes = vec![0; len];
        source.load(from, &mut bytes)?;
        self.bytes[place(at)..place(at) + len].copy_from_slice(&bytes);
        self.ops.push(Op::Stream { at, bytes });
        Ok(())
    }
}

/// A device part that starts at `base`, as the mapping of a file does.
pub(crate) struct Part<'m> {
    pub(crate) memory: &'m mut dyn DataMemory,
    pub(crate) base: u64,
}

impl Memory for Part<'_> {
    fn len(&self) -> u64 {
        self.memory.len() - self.base
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.memory.load(self.base + at, into)
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.memory.store(self.base + at, bytes)
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.memory.publish(self.base + at, value)
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        self.memory.flush(self.base + at, len)
    }

    fn fence(&mut self) -> io::Result<()> {
        self.memory.fence()
    }

    fn pause(&mut self) {}

    fn invalidate(&mut self, at: u64, len: u64) -> io::Result<()> {
        self.memory.invalidate(self.base + at, len)
    }
}

impl DataMemory for Part<'_> {
    fn stream(&mut self, at: u64, len: usize, source: &Source, from: u64) -> io::Result<()> {
        self.memory.stream(self.base + at, len, source, from)
    }
}

/// When the crash came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Somewhere in the middle.
    During,
    /// The call had returned that it is done.
    Done,
}

/// One legal memory image.
pub(crate) struct Image<'m> {
    media: &'m [u8],
    lines: &'m BTreeMap<u64, Vec<Line>>,
    pick: Pick,
}

/// Which version of each dirty line is on the media: 0 is the old one.
#[derive(Clone, Copy)]
enum Pick {
    /// A number in the mixed base of the lines' version counts.
    Number(u64),
    Seed(u64),
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Image<'_> {
    fn version(&self, line: u64, versions: usize) -> usize {
        let choices = versions as u64 + 1;
        let chosen = match self.pick {
            Pick::Number(mut number) => {
                for versions in self.lines.range(..line).map(|(_, v)| v.len() as u64) {
                    number /= versions + 1;
                }
                number % choices
            }
            // A quarter of the images is nearly all old, a quarter nearly all new.
            Pick::Seed(seed) => {
                let dice = mix(mix(seed) ^ line);
                match seed % 4 {
                    0 if !dice.is_multiple_of(32) => 0,
                    1 if !dice.is_multiple_of(32) => choices - 1,
                    _ => (dice >> 8) % choices,
                }
            }
        };
        place(chosen)
    }
}

impl Memory for Image<'_> {
    fn len(&self) -> u64 {
        self.media.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let end = at + into.len() as u64;
        into.copy_from_slice(&self.media[place(at)..place(end)]);
        for (number, versions) in self.lines.range(at / LINE..end.div_ceil(LINE)) {
            let chosen = self.version(*number, versions.len());
            let Some(line) = chosen.checked_sub(1).map(|i| &versions[i]) else {
                continue;
            };
            let (first, last) = ((number * LINE).max(at), ((number + 1) * LINE).min(end));
            let from = place(first - number * LINE);
            let len = place(last - first);
            into[place(first - at)..place(last - at)].copy_from_slice(&line[from..from + len]);
        }
        Ok(())
    }

    fn store(&mut self, _at: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn publish(&mut self, _at: u64, _value: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn pause(&mut self) {}

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

impl DataMemory for Image<'_> {}

/// What may be said of an image: nothing, or what is wrong with it.
pub(crate) type Judge<'j> = &'j dyn Fn(&mut Image<'_>, When) -> Result<(), String>;

/// How many images were judged, or the first that should not be.
pub(crate) fn crash(before: &[u8], ops: &[Op], judge: Judge<'_>) -> Result<u64, String> {
    let mut model = Model {
        media: before.to_vec(),
        dirty: BTreeMap::new(),
        flushed: BTreeMap::new(),
    };
    let mut images = 0;
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Store { at, bytes } => model.store(*at, bytes),
            Op::Stream { at, bytes } => {
                model.store(*at, bytes);
                model.flush(*at, bytes.len() as u64);
            }
            Op::Flush { at, len } => model.flush(*at, *len),
            Op::Fence => {
                images += model
                    .judge(judge, When::During)
                    .map_err(|e| format!("at the fence that is operation {number}: {e}"))?;
                model.fence();
            }
        }
    }
    images += model
        .judge(judge, When::Done)
        .map_err(|e| format!("when it was done: {e}"))?;
    Ok(images)
}

struct Model {
    media: Vec<u8>,
    /// Versions of each line that may be on the media instead of what is.
    dirty: BTreeMap<u64, Vec<Line>>,
    /// How many of these were there when the line was flushed.
    flushed: BTreeMap<u64, usize>,
}

impl Model {
    fn store(&mut self, at: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let start = at + done as u64;
            let (number, within) = (start / LINE, place(start % LINE));
            let count = (64 - within).min(bytes.len() - done);
            let on_media = place(number * LINE);
            let media = &self.media[on_media..on_media + 64];
            let versions = self.dirty.entry(number).or_default();
            let mut line: Line = versions
                .last()
                .map_or_else(|| media.try_into().unwrap(), |last| *last);
            line[within..within + count].copy_from_slice(&bytes[done..done + count]);
            versions.push(line);
            done += count;
        }
    }

    fn flush(&mut self, at: u64, len: u64) {
        let lines = self.dirty.range(at / LINE..(at + len).div_ceil(LINE));
        self.flushed.extend(lines.map(|(line, v)| (*line, v.len())));
    }

    fn fence(&mut self) {
        for (number, count) in std::mem::take(&mut self.flushed) {
            let Some(versions) = self.dirty.get_mut(&number) else {
                continue;
            };
            let at = place(number * LINE);
            self.media[at..at + 64].copy_from_slice(&versions[count - 1]);
            versions.drain(..count);
            if versions.is_empty() {
                self.dirty.remove(&number);
            }
        }
    }

    fn judge(&self, judge: Judge<'_>, when: When) -> Result<u64, String> {
        let combinations = self
            .dirty
            .values()
            .try_fold(1_u64, |all, v| all.checked_mul(v.len() as u64 + 1))
            .filter(|all| *all <= EXHAUSTIVE);
        let (count, pick): (u64, fn(u64) -> Pick) = match combinations {
            Some(all) => (all, Pick::Number),
            None => (SAMPLES, Pick::Seed),
        };
        for number in 0..count {
            let mut image = Image {
                media: &self.media,
                lines: &self.dirty,
                pick: pick(number),
            };
            judge(&mut image, when).map_err(|e| format!("image {number} of {count}: {e}"))?;
        }
        Ok(count)
    }
}
