//! Memory behind a cache that may write back any dirty line at any moment, and that
//! writes back for certain only what was flushed before a fence.

use std::collections::BTreeMap;
use std::io;

use famfs_userspace::device::Memory;

const LINE: u64 = 64;
type Line = [u8; 64];

/// What other hosts can see after one step.
type Check = Box<dyn FnMut(&mut Seen<'_>)>;

pub(crate) struct Cached {
    media: Vec<u8>,
    /// Lines whose content the media do not have for certain.
    dirty: BTreeMap<u64, Line>,
    /// Lines on their way, with what they held when they were flushed.
    flushed: BTreeMap<u64, Line>,
    check: Check,
    pub(crate) steps: u64,
    random: u64,
}

/// The media with some dirty lines written back.
pub(crate) struct Seen<'m> {
    media: &'m [u8],
    lines: BTreeMap<u64, Line>,
}

impl Cached {
    pub(crate) fn new(media: Vec<u8>, check: impl FnMut(&mut Seen<'_>) + 'static) -> Self {
        let (dirty, flushed) = (BTreeMap::new(), BTreeMap::new());
        Self {
            media,
            dirty,
            flushed,
            check: Box::new(check),
            steps: 0,
            random: 1,
        }
    }

    /// What is on the media for certain.
    pub(crate) fn into_media(self) -> Vec<u8> {
        self.media
    }

    fn line(&self, line: u64) -> Line {
        self.dirty.get(&line).copied().unwrap_or_else(|| {
            let at = usize::try_from(line * LINE).unwrap();
            self.media[at..at + 64].try_into().unwrap()
        })
    }

    /// Shows the checker what a reader may find now: nothing of the cache, all of it,
    /// the first and the last lines each alone, and some random parts.
    fn look(&mut self) {
        self.steps += 1;
        let lines: Vec<u64> = self.dirty.keys().copied().collect();
        let ends = lines.iter().take(4).chain(lines.iter().rev().take(4));
        let mut choices: Vec<Vec<u64>> = ends.map(|line| vec![*line]).collect();
        choices.push(Vec::new());
        choices.push(lines.clone());
        for _ in 0..4 {
            // Of thousands of dirty lines only those at the ends matter to a reader.
            let near = lines.iter().take(64).chain(lines.iter().rev().take(64));
            choices.push(near.copied().filter(|_| coin(&mut self.random)).collect());
        }
        for choice in choices {
            let written = choice
                .into_iter()
                .map(|line| (line, self.dirty[&line]))
                .collect();
            (self.check)(&mut Seen {
                media: &self.media,
                lines: written,
            });
        }
    }
}

fn coin(state: &mut u64) -> bool {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    *state >> 63 == 1
}

impl Memory for Cached {
    fn len(&self) -> u64 {
        self.media.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        for (place, byte) in (at..).zip(into) {
            *byte = self.line(place / LINE)[usize::try_from(place % LINE).unwrap()];
        }
        Ok(())
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let place = at + done as u64;
            let (number, within) = (place / LINE, usize::try_from(place % LINE).unwrap());
            let count = (64 - within).min(bytes.len() - done);
            let mut line = self.line(number);
            line[within..within + count].copy_from_slice(&bytes[done..done + count]);
            self.dirty.insert(number, line);
            done += count;
        }
        self.look();
        Ok(())
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        assert_eq!(at % 8, 0, "a published field is aligned");
        self.store(at, &value.to_le_bytes())
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        let lines = self.dirty.range(at / LINE..(at + len).div_ceil(LINE));
        self.flushed
            .extend(lines.map(|(number, line)| (*number, *line)));
        self.look();
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        for (number, line) in std::mem::take(&mut self.flushed) {
            let at = usize::try_from(number * LINE).unwrap();
            self.media[at..at + 64].copy_from_slice(&line);
            if self.dirty.get(&number) == Some(&line) {
                self.dirty.remove(&number);
            }
        }
        self.look();
        Ok(())
    }

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

impl Memory for Seen<'_> {
    fn len(&self) -> u64 {
        self.media.len() as u64
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(at).unwrap();
        into.copy_from_slice(&self.media[start..start + into.len()]);
        let end = at + into.len() as u64;
        for (number, line) in self.lines.range(at / LINE..end.div_ceil(LINE)) {
            for (place, byte) in (number * LINE..).zip(line) {
                if (at..end).contains(&place) {
                    into[usize::try_from(place - at).unwrap()] = *byte;
                }
            }
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

    fn invalidate(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}
