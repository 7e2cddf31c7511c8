//! Reads what `lab/profile/split.c` wrote: who executed the instructions of each window.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::runtime::mark::{WINDOWS, Window};

/// Instructions of one window, or of all of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Insns {
    pub(super) user: u64,
    pub(super) kernel: u64,
}

impl Insns {
    pub(super) fn all(self) -> u64 {
        self.user + self.kernel
    }
}

#[derive(Debug, Default)]
pub(super) struct Split(BTreeMap<Window, Vec<Insns>>);

impl Split {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no split", path.display()))
    }

    /// Takes the lines `window NUMBER USER KERNEL`; those between them are single blocks.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut split = Self::default();
        for (number, line) in text.lines().enumerate() {
            let Some(rest) = line.strip_prefix("window ") else {
                continue;
            };
            let words: Vec<&str> = rest.split(' ').collect();
            let wrong = || format!("line {}: {line:?}", number + 1);
            let [window, user, kernel] = words.as_slice() else {
                bail!(wrong());
            };
            let window: usize = window.parse().with_context(wrong)?;
            let window = *WINDOWS.get(window).with_context(wrong)?;
            split.0.entry(window).or_default().push(Insns {
                user: user.parse().with_context(wrong)?,
                kernel: kernel.parse().with_context(wrong)?,
            });
        }
        Ok(split)
    }

    /// The first window of this kind: in the deterministic lab one is as good as several.
    pub(super) fn of(&self, window: Window) -> Result<Insns> {
        self.0
            .get(&window)
            .and_then(|all| all.first().copied())
            .with_context(|| format!("no window of {window:?} was seen"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_and_their_blocks_passed_over() {
        let split = Split::parse("window 5 20 80\nffff 3\nwindow 6 1 2\nwindow 6 9 9\n").unwrap();
        let play = split.of(Window::Logplay).unwrap();
        assert_eq!((play.user, play.all()), (20, 100));
        assert_eq!(split.of(Window::Cp).unwrap(), Insns { user: 1, kernel: 2 });
        split.of(Window::Mkfs).unwrap_err();
    }

    #[test]
    fn what_is_no_window_is_an_error() {
        for text in [
            "window 13 1 1",
            "window 1 1",
            "window 1 x 1",
            "window 1 1 -1",
        ] {
            assert!(Split::parse(text).is_err(), "{text}");
        }
    }
}
