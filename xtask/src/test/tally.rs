//! Counting what test programs say.

use std::fmt;

/// How many tests did what; a run with no pass is a failure too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    /// Adds what one line of a test program says: libtest's result line, a guest test's verdict,
    /// or a skip with its reason. Returns whether it says any of that.
    pub(crate) fn add(&mut self, line: &str) -> bool {
        let before = *self;
        let line = line.trim();
        if line.starts_with("PASS ") {
            self.passed += 1;
        } else if line.starts_with("FAIL ") {
            self.failed += 1;
        } else if line.starts_with("SKIP ") {
            self.skipped += 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
            self.skipped += number_before(result, " ignored");
        }
        *self != before
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    text.find(word)
        .and_then(|end| text[..end].rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_and_guest_lines_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out",
            "PASS faults::aligned (1.2 s)",
            "FAIL poison::x (0.1 s)",
            "SKIP golden: FAMFS_GOLDEN is not set",
            "test tests::passed ... ok",
        ] {
            tally.add(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 13,
                failed: 4,
                skipped: 2
            }
        );
    }
}
