//! `/proc/self/mountinfo`, with its octal escapes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Error;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub major: u32,
    pub minor: u32,
    /// The part of the file system that is mounted.
    pub root: PathBuf,
    pub mount_point: PathBuf,
    pub fs_type: Vec<u8>,
    pub source: PathBuf,
}

impl Mount {
    pub fn is_famfs(&self) -> bool {
        self.fs_type == b"famfs"
    }

    /// Whether this mount's source is the device that `path` names.
    pub fn is_source(&self, path: &Path) -> bool {
        let rdev = |p: &Path| {
            std::fs::metadata(p)
                .ok()
                .map(|m| m.rdev())
                .filter(|n| *n != 0)
        };
        rdev(&self.source).is_some_and(|source| rdev(path) == Some(source))
    }
}

/// The mounts of this process.
pub fn read() -> Result<Vec<Mount>, Error> {
    Ok(parse(
        &std::fs::read("/proc/self/mountinfo").map_err(Error::Mountinfo)?,
    ))
}

/// Parses the file; a line that is none is passed over.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|b| *b == b'\n').filter_map(parse_line).collect()
}

/// `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|b| *b == b' ');
    let (major, minor) = parse_number(words.nth(2)?)?;
    let root = unescape(words.next()?);
    let mount_point = unescape(words.next()?);
    // Optional fields end with a lone dash.
    words.find(|w| *w == b"-")?;
    let fs_type = words.next()?.to_vec();
    let source = unescape(words.next()?);
    Some(Mount {
        major,
        minor,
        root,
        mount_point,
        fs_type,
        source,
    })
}

fn parse_number(word: &[u8]) -> Option<(u32, u32)> {
    let (major, minor) = std::str::from_utf8(word).ok()?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Undoes `\040` and its like; any byte of a path but NUL and slash may be one.
pub(crate) fn unescape(word: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(byte) = octal(rest) {
            out.push(byte);
            rest = &rest[4..];
        } else {
            out.push(first);
            rest = after;
        }
    }
    OsString::from_vec(out).into()
}

fn octal(word: &[u8]) -> Option<u8> {
    let [b'\\', digits @ ..] = word.get(..4)? else {
        return None;
    };
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = char::from(*digit).to_digit(8)?;
        value.checked_mul(8)?.checked_add(u8::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_and_optional_fields() {
        let text = b"36 35 0:25 / /mnt/with\\040space\\134\\012x rw,noatime shared:1 master:2 - \
famfs /dev/dax0.0 rw\nnonsense\n37 35 259:1 /sub /m rw - ext4 /dev/a\\040b rw\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].mount_point, Path::new("/mnt/with space\\\nx"));
        assert_eq!((mounts[0].major, mounts[0].minor), (0, 25));
        assert_eq!(mounts[0].source, Path::new("/dev/dax0.0"));
        assert!(mounts[0].is_famfs());
        assert_eq!(mounts[1].source, Path::new("/dev/a b"));
        assert_eq!(mounts[1].root, Path::new("/sub"));
        assert!(!mounts[1].is_famfs());
    }

    #[test]
    fn what_is_no_escape_stays() {
        for word in ["\\", "\\0", "\\04", "\\08x", "\\777", "a\\x40b"] {
            assert_eq!(unescape(word.as_bytes()), Path::new(word));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse(&bytes);
        }

        #[test]
        fn escaped_paths_come_back(path in proptest::collection::vec(1_u8.., 1..40)) {
            let escaped: Vec<u8> = path
                .iter()
                .flat_map(|b| match b {
                    b' ' | b'\t' | b'\n' | b'\\' => format!("\\{b:03o}").into_bytes(),
                    b => vec![*b],
                })
                .collect();
            prop_assert_eq!(unescape(&escaped).into_os_string().into_vec(), path);
        }
    }
}
