//! What the lab wants of the kernels that Debian offers: a table of purposes, not of versions,
//! because the archive drops versions.

use std::fmt;
use std::str::FromStr;

use lab_init::Memory;

use super::Line;

/// The newest version that famfs.ko is known to build for. A newer one is tried first, and passed
/// over where the module does not build; up to here a build that fails is a fault of the module.
pub(crate) const SUPPORTED: Version = Version(7, 3);

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) line: Line,
    /// The oldest and the newest version that will do.
    pub(crate) versions: [Version; 2],
    /// Debian's builds that will do, the preferred one first.
    pub(crate) builds: &'static [Build],
    /// How DAX memory can be presented to it, the usual way first.
    pub(crate) memories: &'static [Memory],
}

/// The kernels of one Debian release.
#[derive(Debug)]
pub(crate) struct Build {
    /// What tells them from others in a kernel's name.
    pub(crate) mark: &'static str,
    /// What their headers need.
    pub(crate) tools: Tools,
}

/// What builds a module for a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tools {
    /// This machine's own make and gcc.
    Host,
    /// The Debian 13 chroot.
    Chroot,
    /// The chroot that the debugging kernel itself is built in.
    Workshop,
}

const DEBIAN_13: Build = Build {
    mark: "+deb13",
    tools: Tools::Chroot,
};

/// The kernels that are set up, oldest first.
pub(crate) const TABLE: [Wanted; 2] = [
    Wanted {
        line: Line::Lts,
        versions: [Version(6, 12), Version(6, 12)],
        builds: &[
            // The backport to Debian 12: its headers work with older host tools, and the gate has
            // baselines of it.
            Build {
                mark: "+deb12",
                tools: Tools::Host,
            },
            DEBIAN_13,
        ],
        memories: &[Memory::Pmem],
    },
    Wanted {
        line: Line::Current,
        versions: [Version(7, 0), Version(7, u32::MAX)],
        builds: &[DEBIAN_13],
        memories: &[Memory::Fsdev, Memory::Pmem, Memory::Cxl],
    },
];

impl Wanted {
    pub(crate) fn takes(&self, version: Version) -> bool {
        let [first, last] = self.versions;
        (first..=last).contains(&version)
    }

    /// The versions, in words.
    pub(crate) fn range(&self) -> String {
        let [first, last] = self.versions;
        if first == last {
            first.to_string()
        } else {
            format!("{}.x", first.0)
        }
    }
}

/// The first two numbers of a kernel's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl Version {
    /// Returns the version in the text of `uname -r`, such as `6.12.95+deb12-amd64` or `7.3-rc7-amd64`.
    pub(crate) fn of_release(release: &str) -> Option<Self> {
        let end = release
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(release.len());
        let mut numbers = release[..end].split('.');
        let mut next = || numbers.next()?.parse().ok();
        Some(Self(next()?, next()?))
    }
}

impl FromStr for Version {
    type Err = ();

    /// Reads exactly two numbers.
    fn from_str(text: &str) -> Result<Self, ()> {
        let version = Self::of_release(text).ok_or(())?;
        // Anything more, or a number with leading zeros, is no name of a version.
        if version.to_string() == text {
            Ok(version)
        } else {
            Err(())
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_two_numbers_that_a_release_begins_with() {
        for (release, version) in [
            ("6.12.95+deb12-amd64", Some(Version(6, 12))),
            ("7.3-amd64", Some(Version(7, 3))),
            ("7.3-rc7-amd64", Some(Version(7, 3))),
            ("7.30.1", Some(Version(7, 30))),
            ("7", None),
            ("", None),
            ("amd64", None),
            ("99999999999.1", None),
        ] {
            assert_eq!(Version::of_release(release), version, "{release}");
        }
    }

    #[test]
    fn only_two_numbers_name_a_version() {
        assert_eq!("7.3".parse(), Ok(Version(7, 3)));
        for other in ["7", "7.3.4", "7.03", "7.3-rc7", "7.", ".3", "", "lts"] {
            assert_eq!(other.parse::<Version>(), Err(()), "{other}");
        }
    }

    #[test]
    fn no_version_is_in_two_rows_and_each_row_finds_itself() {
        for (number, row) in TABLE.iter().enumerate() {
            assert!(row.versions[0] <= row.versions[1]);
            assert!(!row.builds.is_empty() && !row.memories.is_empty());
            for other in &TABLE[number + 1..] {
                assert!(row.versions[1] < other.versions[0], "oldest first, apart");
            }
            assert_eq!(Line::ALL[number], row.line);
        }
    }
}
