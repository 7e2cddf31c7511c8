//! Shadow files: one file of the log as YAML. Upstream's user-space file system server reads them.

use std::fmt::Write as _;

use serde::Deserialize;
use thiserror::Error;

use crate::format::{EXTENTS_MAX, Extent, Placement};
use crate::player::plan::Owner;
use crate::yaml::{self, Number};

/// The length of the longest shadow file that is read, in bytes. One with 16 extents takes less
/// than 2 KiB.
pub const LEN_MAX: usize = 64 << 10;

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The name, relative to the mount's root.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
    /// The flags of the log entry.
    pub flags: u32,
    /// Owner, group and permission bits.
    pub owner: Owner,
    /// Where its bytes lie.
    pub placement: Placement,
}

/// Why a text is not a shadow file.
#[derive(Debug, Error)]
pub enum Error {
    /// It is longer than [`LEN_MAX`]; this is its length in bytes.
    #[error("{0} bytes are too many")]
    TooLong(usize),
    /// It is not YAML of this structure.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// A number is too large for its field.
    #[error("{field} {value} does not fit")]
    Range {
        /// The field.
        field: &'static str,
        /// The number.
        value: u64,
    },
    /// The number of extents is not that of the list.
    #[error("nextents is {said}, and {listed} are listed")]
    Count {
        /// The number.
        said: u64,
        /// The length of the list.
        listed: usize,
    },
    /// A list is longer than a log entry has room for, or empty.
    #[error("{0} extents; 1 to 16 are possible")]
    Extents(usize),
    /// The number of strips is not that of the list.
    #[error("nstrips is {said}, and {listed} strips are listed")]
    Strips {
        /// The number.
        said: u64,
        /// The length of the list.
        listed: usize,
    },
    /// There is no list of extents, or both.
    #[error("it has neither a simple_ext_list nor a striped_ext_list, or both")]
    Lists,
}

impl Shadow {
    /// Returns the text that upstream writes for this file.
    pub fn to_yaml(&self) -> String {
        let Owner { uid, gid, mode } = self.owner;
        let nextents = match &self.placement {
            Placement::Simple(extents) => extents.len(),
            Placement::Interleaved { .. } => 1,
        };
        let mut out = format!(
            "---\nfile:\n  path: {}\n  size: {}\n  flags: {}\n  mode: 0{mode:o}\n  uid: {uid}\n  \
             gid: {gid}\n  nextents: {nextents}\n",
            scalar(&self.path),
            self.size,
            self.flags,
        );
        match &self.placement {
            Placement::Simple(extents) => {
                out += "  simple_ext_list:\n";
                list(&mut out, extents, "  ");
            }
            Placement::Interleaved { chunk_size, strips } => {
                // Writing to a string cannot fail.
                let _ = write!(
                    out,
                    "  striped_ext_list:\n  - nstrips: {}\n    chunk_size: {chunk_size:#x}\n    \
                     simple_ext_list:\n",
                    strips.len()
                );
                list(&mut out, strips, "    ");
            }
        }
        out += "...\n";
        out
    }

    /// Parses a shadow file.
    ///
    /// # Errors
    ///
    /// Returns the first thing in the text that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if text.len() > LEN_MAX {
            return Err(Error::TooLong(text.len()));
        }
        let Document { file } = yaml::parse(text)?;
        let narrow = |field, number: &Number| {
            let value = number.0;
            u32::try_from(value).map_err(|_too_large| Error::Range { field, value })
        };
        Ok(Self {
            size: file.size.0,
            flags: narrow("flags", &file.flags)?,
            owner: Owner {
                uid: narrow("uid", &file.uid)?,
                gid: narrow("gid", &file.gid)?,
                mode: narrow("mode", &file.mode)?,
            },
            placement: file.placement()?,
            path: file.path,
        })
    }
}

fn list(out: &mut String, extents: &[Extent], indent: &str) {
    for e in extents {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "{indent}- devindex: {}\n{indent}  offset: {:#x}\n{indent}  length: {:#x}\n",
            e.devindex, e.offset, e.len
        );
    }
}

/// Returns a path as it is if YAML cannot take it for something else, and quoted otherwise.
fn scalar(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let starts = path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.iter().any(|w| path.eq_ignore_ascii_case(w));
    if starts && !is_word && path.chars().all(plain) {
        return path.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in path.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' => quoted.push(c),
            // Writing to a string cannot fail.
            c => drop(write!(quoted, "\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    file: FileDoc,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDoc {
    path: String,
    size: Number,
    flags: Number,
    mode: Number,
    uid: Number,
    gid: Number,
    nextents: Number,
    simple_ext_list: Option<Vec<ExtentDoc>>,
    striped_ext_list: Option<Vec<StripedDoc>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StripedDoc {
    nstrips: Number,
    chunk_size: Number,
    simple_ext_list: Vec<ExtentDoc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtentDoc {
    devindex: Number,
    offset: Number,
    length: Number,
}

impl FileDoc {
    fn placement(&self) -> Result<Placement, Error> {
        let said = self.nextents.0;
        match (&self.simple_ext_list, &self.striped_ext_list) {
            (Some(list), None) => {
                let extents = extents(list)?;
                let listed = extents.len();
                if said != listed as u64 {
                    return Err(Error::Count { said, listed });
                }
                Ok(Placement::Simple(extents))
            }
            (None, Some(list)) => {
                let [striped] = list.as_slice() else {
                    return Err(Error::Extents(list.len()));
                };
                if said != 1 {
                    return Err(Error::Count { said, listed: 1 });
                }
                let strips = extents(&striped.simple_ext_list)?;
                let (said, listed) = (striped.nstrips.0, strips.len());
                if said != listed as u64 {
                    return Err(Error::Strips { said, listed });
                }
                Ok(Placement::Interleaved {
                    chunk_size: striped.chunk_size.0,
                    strips,
                })
            }
            _ => Err(Error::Lists),
        }
    }
}

fn extents(list: &[ExtentDoc]) -> Result<Vec<Extent>, Error> {
    if !(1..=EXTENTS_MAX).contains(&list.len()) {
        return Err(Error::Extents(list.len()));
    }
    let extent = |e: &ExtentDoc| Extent {
        devindex: e.devindex.0,
        offset: e.offset.0,
        len: e.length.0,
    };
    Ok(list.iter().map(extent).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extent(offset: u64, len: u64) -> Extent {
        Extent {
            devindex: 0,
            offset,
            len,
        }
    }

    fn shadow(path: &str, placement: Placement) -> Shadow {
        Shadow {
            path: path.to_owned(),
            size: 3 << 20,
            flags: 2,
            owner: Owner {
                uid: 0,
                gid: 5,
                mode: 0o644,
            },
            placement,
        }
    }

    #[test]
    fn as_upstream_writes_it() {
        let simple = shadow(
            "d/a",
            Placement::Simple(vec![extent(0x420_0000, 0x40_0000)]),
        );
        assert_eq!(
            simple.to_yaml(),
            "---\nfile:\n  path: d/a\n  size: 3145728\n  flags: 2\n  mode: 0644\n  uid: 0\n  \
             gid: 5\n  nextents: 1\n  simple_ext_list:\n  - devindex: 0\n    offset: 0x4200000\n    \
             length: 0x400000\n...\n"
        );
        let strips = vec![
            extent(0x260_0000, 0xc0_0000),
            extent(0x2_01c0_0000, 0xc0_0000),
        ];
        let chunk_size = 4 << 20;
        let spread = shadow("s", Placement::Interleaved { chunk_size, strips });
        assert_eq!(
            spread.to_yaml().split_once("nextents").unwrap().1,
            ": 1\n  striped_ext_list:\n  - nstrips: 2\n    chunk_size: 0x400000\n    \
             simple_ext_list:\n    - devindex: 0\n      offset: 0x2600000\n      length: 0xc00000\n    \
             - devindex: 0\n      offset: 0x201c00000\n      length: 0xc00000\n...\n"
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let good = shadow("a", Placement::Simple(vec![extent(1 << 24, 1 << 21)])).to_yaml();
        Shadow::parse(good.as_bytes()).unwrap();
        // Keys of an extent come in any order.
        let swapped = good.replace(
            "  - devindex: 0\n    offset: 0x1000000\n    length: 0x200000\n",
            "  - length: 0x200000\n    devindex: 0\n    offset: 0x1000000\n",
        );
        assert_ne!(swapped, good);
        Shadow::parse(swapped.as_bytes()).unwrap();
        for (from, to) in [
            ("size", "sise"),
            ("  gid: 5\n", ""),
            ("    length: 0x200000\n", ""),
            ("nextents: 1", "nextents: 2"),
            ("uid: 0", "uid: 4294967296"),
            ("0x1000000", "-1"),
            ("simple_ext_list", "striped_ext_list"),
            ("  flags: 2\n", "  flags: 2\n  more: 1\n"),
            ("file:", "- file:"),
        ] {
            assert_ne!(good.replace(from, to), good);
            assert!(
                Shadow::parse(good.replace(from, to).as_bytes()).is_err(),
                "{to}"
            );
        }
        let many = shadow("a", Placement::Simple(vec![extent(1 << 24, 1 << 21); 17]));
        let parsed = Shadow::parse(many.to_yaml().as_bytes());
        assert!(matches!(parsed, Err(Error::Extents(17))));
    }

    proptest! {
        /// Whatever a file is called and wherever it lies, it comes back.
        #[test]
        fn what_is_written_comes_back(
            path in "\\PC{1,40}|[a-z]{1,6}|[-?:,\\[\\]{}#&*!|>'\"%@` ]{1,5}|(true|0x10|1e3|null|~)",
            numbers in proptest::array::uniform5(any::<u32>()),
            places in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..=16),
            chunk in proptest::option::of(any::<u64>()),
        ) {
            let extents: Vec<Extent> = places.iter().map(|(o, l)| extent(*o, *l)).collect();
            let placement = match chunk {
                Some(chunk_size) => Placement::Interleaved { chunk_size, strips: extents },
                None => Placement::Simple(extents),
            };
            let [size, flags, uid, gid, mode] = numbers;
            let owner = Owner { uid, gid, mode };
            let written = Shadow { path, size: u64::from(size), flags, owner, placement };
            prop_assert_eq!(Shadow::parse(written.to_yaml().as_bytes()).unwrap(), written);
        }
    }
}
