//! Numbers and texts as bytes: little numbers take little room, and nothing is read unbounded.

/// No text is longer, in bytes.
const TEXT_MAX: usize = 1 << 16;
/// How many elements one snapshot may hold, each counted by the memory it takes: 24 bytes.
pub(super) const BUDGET: usize = 1 << 24;

/// What is wrong with the bytes, or with what should become bytes.
pub(super) type Fault = &'static str;

/// Bytes being written.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    pub(super) fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(u8::try_from(n & 0x7f).unwrap_or(0) | 0x80);
            n >>= 7;
        }
        self.0.push(u8::try_from(n).unwrap_or(0));
    }

    /// A count from `old` to `new`, whichever way it went.
    pub(super) fn step(&mut self, old: u64, new: u64) {
        let by = new.wrapping_sub(old).cast_signed();
        self.number(((by << 1) ^ (by >> 63)).cast_unsigned());
    }

    /// How many elements follow.
    pub(super) fn count(&mut self, n: usize, most: usize) -> Result<(), Fault> {
        if n > most {
            return Err("more elements than a recording holds");
        }
        self.number(n as u64);
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.count(text.len(), TEXT_MAX)?;
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// A text that is rarely another than before.
    pub(super) fn same_text(&mut self, old: &str, new: &str) -> Result<(), Fault> {
        let changed = old != new;
        self.flag(changed);
        if changed { self.text(new) } else { Ok(()) }
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    /// Something that may be missing.
    pub(super) fn maybe<T>(
        &mut self,
        value: Option<T>,
        put: impl FnOnce(&mut Self, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.flag(value.is_some());
        value.map_or(Ok(()), |value| put(self, value))
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct In<'a> {
    bytes: &'a [u8],
    /// Elements that may still be made.
    budget: usize,
}

impl<'a> In<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            budget: BUDGET,
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.bytes.split_first().ok_or("it ends too early")?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err("a number has more than 64 bits")
    }

    pub(super) fn step(&mut self, old: u64) -> Result<u64, Fault> {
        let n = self.number()?;
        let by = (n >> 1) ^ (n & 1).wrapping_neg();
        Ok(old.wrapping_add(by))
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Fault> {
        T::try_from(self.number()?).map_err(|_too_big| "a number is too large")
    }

    /// How many elements of `weight` follow: at most `most`, and no more than there are bytes.
    pub(super) fn count(&mut self, most: usize, weight: usize) -> Result<usize, Fault> {
        let n: usize = self.small()?;
        if n > most || n > self.bytes.len() {
            return Err("it announces more elements than it can hold");
        }
        self.spend(n.saturating_mul(weight))?;
        Ok(n)
    }

    fn spend(&mut self, elements: usize) -> Result<(), Fault> {
        let left = self.budget.checked_sub(elements);
        self.budget = left.ok_or("its snapshot is too large")?;
        Ok(())
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        let len = self.count(TEXT_MAX, 0)?;
        self.spend(len / 24)?;
        let (text, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        let text = std::str::from_utf8(text).map_err(|_not_utf8| "a text is not UTF-8")?;
        Ok(text.to_owned())
    }

    pub(super) fn same_text(&mut self, old: &str) -> Result<String, Fault> {
        if self.flag()? {
            self.text()
        } else {
            Ok(old.to_owned())
        }
    }

    pub(super) fn flag(&mut self) -> Result<bool, Fault> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a flag is neither 0 nor 1"),
        }
    }

    pub(super) fn maybe<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        if self.flag()? {
            take(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err("bytes are left over")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let mut most = vec![0xff; 9];
        most.push(1);
        assert_eq!(In::new(&most).number(), Ok(u64::MAX));
        most[9] = 2;
        assert!(In::new(&most).number().is_err());
        assert!(In::new(&[0x80; 11]).number().is_err());
        assert!(In::new(&[0x80]).number().is_err());
    }

    #[test]
    fn a_text_cannot_be_longer_than_its_bytes() {
        assert!(In::new(&[5, b'a']).text().is_err());
        assert!(In::new(&[1, 0xff]).text().is_err());
        assert!(Out::default().text(&"x".repeat(TEXT_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn numbers_and_steps_come_back(old: u64, new: u64) {
            let mut out = Out::default();
            out.number(new);
            out.step(old, new);
            let mut input = In::new(&out.0);
            prop_assert_eq!(input.number(), Ok(new));
            prop_assert_eq!(input.step(old), Ok(new));
            prop_assert_eq!(input.end(), Ok(()));
        }
    }
}
