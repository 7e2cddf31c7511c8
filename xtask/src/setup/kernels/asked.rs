//! A kernel as the command line names it.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

use super::wanted::{TABLE, Version};
use super::{Line, installed};

/// What `--kernel` takes: what a kernel is for, or a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: Line,
    version: Option<Version>,
}

impl Asked {
    /// Says on standard error when the kernel is another version than the one asked for.
    pub(crate) fn report(self) {
        if let Some(asked) = self.version
            && let Ok(kernel) = installed(self.line)
            && let Some(line) = stand_in(asked, self.line, &kernel.release, &kernel.notes)
        {
            eprintln!("{line}");
        }
    }
}

/// What to say when `release` is taken for version `asked`.
fn stand_in(asked: Version, line: Line, release: &str, notes: &[String]) -> Option<String> {
    if Version::of_release(release) == Some(asked) {
        return None;
    }
    let why = if notes.is_empty() {
        format!("the kernel that Debian offers for `{line}` is another")
    } else {
        notes.join("; ")
    };
    Some(format!(
        "kernel {asked}: {release} is taken in its place ({why})"
    ))
}

impl From<Line> for Asked {
    fn from(line: Line) -> Self {
        Self {
            line,
            version: None,
        }
    }
}

impl FromStr for Asked {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let named = Line::ALL.into_iter().chain([Line::Debug]);
        if let Some(line) = named.into_iter().find(|line| line.name() == text) {
            return Ok(line.into());
        }
        if let Ok(version) = text.parse::<Version>()
            && let Some(row) = TABLE.iter().find(|row| row.takes(version))
        {
            return Ok(Self {
                line: row.line,
                version: Some(version),
            });
        }
        let versions: Vec<String> = TABLE.iter().map(super::wanted::Wanted::range).collect();
        bail!(
            "give lts, current or debug, or a version that one of them can be: {}",
            versions.join(", ")
        )
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => version.fmt(f),
            None => self.line.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_named_by_its_purpose_or_its_version() {
        for (text, line) in [
            ("lts", Line::Lts),
            ("6.12", Line::Lts),
            ("current", Line::Current),
            ("7.3", Line::Current),
            ("7.4", Line::Current),
            ("debug", Line::Debug),
        ] {
            let asked: Asked = text.parse().unwrap();
            assert_eq!(asked.line, line, "{text}");
            assert_eq!(asked.to_string(), text);
        }
        for other in [
            "", "5.15", "6.18", "8.0", "7", "7.3.4", "LTS", "lts ", "kernel",
        ] {
            let error = other.parse::<Asked>().unwrap_err().to_string();
            assert_eq!(
                error,
                "give lts, current or debug, or a version that one of them can be: 6.12, 7.x",
                "{other}"
            );
        }
    }

    #[test]
    fn another_version_than_the_one_asked_for_is_reported_with_its_reason() {
        let asked = Version(7, 3);
        let say = |release: &str, notes: &[String]| stand_in(asked, Line::Current, release, notes);
        assert_eq!(say("7.3.4+deb13-amd64", &[]), None);
        assert_eq!(say("7.3.4+deb13-amd64", &["a note".to_owned()]), None);
        assert_eq!(
            say(
                "7.2.12+deb13-amd64",
                &["no 7.3 kernel is offered".to_owned()]
            )
            .unwrap(),
            "kernel 7.3: 7.2.12+deb13-amd64 is taken in its place (no 7.3 kernel is offered)"
        );
        assert_eq!(
            say("7.4.1+deb13-amd64", &[]).unwrap(),
            "kernel 7.3: 7.4.1+deb13-amd64 is taken in its place (the kernel that Debian offers \
             for `current` is another)"
        );
    }
}
