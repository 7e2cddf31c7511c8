//! What a short run takes: each test once, on a guest that follows from a seed, so that every
//! kind of guest gets every test with some commit.

use std::process::Command;

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use crate::{paths, process};

/// Picks one of several by a seed, evenly or by weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(pub u64);

impl Seed {
    /// Returns the seed of the commit that is checked out: its first 64 bits. A tree without a
    /// commit has the seed 0.
    pub(crate) fn of_commit() -> Self {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(paths::workspace())
            .args(["rev-parse", "HEAD"]);
        let hash: Result<String> = process::stdout(&mut git);
        let digits = hash.unwrap_or_default();
        let digits = digits.get(..16).unwrap_or_default();
        Self(u64::from_str_radix(digits, 16).unwrap_or(0))
    }

    /// Returns a number that follows from the seed and a name.
    pub(crate) fn number(self, name: &str) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        hash.update(name.as_bytes());
        let digest = hash.finalize();
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Picks the index of one of `weights` for a name, each as often as its weight says; `None`
    /// if all weights are 0.
    pub(crate) fn pick(self, name: &str, weights: &[u32]) -> Option<usize> {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut at = self.number(name).checked_rem(total)?;
        for (index, weight) in weights.iter().enumerate() {
            let weight = u64::from(*weight);
            if at < weight {
                return Some(index);
            }
            at -= weight;
        }
        None
    }
}

/// Reads a seed as it is printed: decimal, or hexadecimal after `0x`.
pub(crate) fn parse_seed(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_error| format!("`{text}` is no number of 64 bits, such as 7 or 0x2a"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_picks_the_same_every_time_and_seeds_pick_everything() {
        let weights = [1, 0, 3];
        let mut hits = [0; 3];
        for seed in 0..4000 {
            let picked = Seed(seed).pick("faults::aligned", &weights).unwrap();
            assert_eq!(Seed(seed).pick("faults::aligned", &weights), Some(picked));
            hits[picked] += 1;
        }
        assert_eq!(hits[1], 0);
        assert!(hits[0] > 900 && hits[0] < 1100, "{hits:?}");
        assert_eq!(Seed(1).pick("x", &[0, 0]), None);
        assert_eq!(Seed(1).pick("x", &[]), None);
    }

    #[test]
    fn names_are_spread_over_the_guests() {
        let mut hits = [0; 4];
        for test in 0..1000 {
            hits[Seed(7).pick(&format!("test {test}"), &[1; 4]).unwrap()] += 1;
        }
        assert!(hits.iter().all(|hits| *hits > 200), "{hits:?}");
    }

    #[test]
    fn seeds_are_read_as_they_are_printed() {
        assert_eq!(parse_seed("0x2a"), Ok(42));
        assert_eq!(parse_seed("42"), Ok(42));
        for bad in ["", "0x", "-1", "0x1ffffffffffffffff", "a"] {
            assert!(parse_seed(bad).is_err(), "{bad}");
        }
    }
}
