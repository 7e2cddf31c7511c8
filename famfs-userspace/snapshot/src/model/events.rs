//! Events of two observations of the same source, of which the later has forgotten the oldest.

use super::Event;

/// How many of `old` are no longer in `new`; the rest of `old` is what `new` begins with.
pub fn forgotten(old: &[Event], new: &[Event]) -> usize {
    (0..=old.len())
        .find(|&n| new.starts_with(&old[n..]))
        .unwrap_or(old.len())
}

/// What `new` has that `old` had not.
pub fn fresh<'a>(old: &[Event], new: &'a [Event]) -> &'a [Event] {
    &new[old.len() - forgotten(old, new)..]
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::model::EventKind;

    fn events(texts: &str) -> Vec<Event> {
        let event = |text: char| Event::new(SystemTime::UNIX_EPOCH, EventKind::Mount, text.into());
        texts.chars().map(event).collect()
    }

    #[test]
    fn the_oldest_are_forgotten_and_the_newest_are_fresh() {
        for (old, new, gone, expected) in [
            ("", "", 0, ""),
            ("", "ab", 0, "ab"),
            ("ab", "ab", 0, ""),
            ("ab", "abc", 0, "c"),
            ("abc", "bcd", 1, "d"),
            ("abc", "de", 3, "de"),
            ("abc", "", 3, ""),
            ("aa", "aaa", 0, "a"),
        ] {
            let (old, new) = (events(old), events(new));
            assert_eq!(forgotten(&old, &new), gone, "{old:?} {new:?}");
            assert_eq!(fresh(&old, &new), events(expected), "{old:?} {new:?}");
        }
    }
}
