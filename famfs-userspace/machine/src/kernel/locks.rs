//! Who holds a lock on a file, as `/proc/locks` tells.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// The name of its program, where it can be read.
    pub name: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "process {} ({name})", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}

/// Who holds the flock(2) of a file. A process of another container is not seen.
pub fn flock_holder(file: &File) -> Option<Holder> {
    let meta = file.metadata().ok()?;
    let (major, minor) = (libc::major(meta.dev()), libc::minor(meta.dev()));
    let table = fs::read_to_string("/proc/locks").ok()?;
    let pid = parse(&table, major, minor, meta.ino())?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    Some(Holder {
        pid,
        name: name.map(|name| name.trim_end().to_owned()),
    })
}

/// Finds the holder of the flock on an inode.
///
/// `1: FLOCK  ADVISORY  WRITE 1234 00:2a:8 0 EOF`: the device number is hexadecimal, the inode
/// decimal. A lock that somebody waits for has an arrow in front of its kind.
fn parse(table: &str, major: u32, minor: u32, inode: u64) -> Option<u32> {
    let wanted = format!("{major:02x}:{minor:02x}:{inode}");
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, "FLOCK", _, _, pid, place, ..] if place == wanted => {
                pid.parse().ok().filter(|pid| *pid != 0)
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
1: POSIX  ADVISORY  WRITE 77 00:2a:8 0 EOF
2: FLOCK  ADVISORY  WRITE 1234 00:2a:8 0 EOF
2: -> FLOCK  ADVISORY  WRITE 1235 00:2a:8 0 EOF
3: FLOCK  ADVISORY  WRITE 0 00:2b:8 0 EOF
4: FLOCK  ADVISORY  WRITE -1 00:2c:8 0 EOF
5: FLOCK  ADVISORY
nonsense
";

    #[test]
    fn the_holder_is_found() {
        assert_eq!(parse(TABLE, 0, 0x2a, 8), Some(1234));
        for (minor, inode) in [(0x2a, 9), (0x2b, 8), (0x2c, 8), (0x2d, 8)] {
            assert_eq!(parse(TABLE, 0, minor, inode), None, "{minor:x}:{inode}");
        }
        assert_eq!(parse("", 0, 0, 0), None);
    }
}
