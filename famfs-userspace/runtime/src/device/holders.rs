//! Which processes have a device open or mapped: its driver must not be taken from it then.
//!
//! Only processes that `/proc` shows are found: those of this pid namespace, and to root. One
//! that opens the device a moment later is not.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// A process that uses a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub command: String,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    HasItOpen,
    MapsIt,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::HasItOpen => "has it open",
            How::MapsIt => "maps it",
        };
        write!(f, "process {} ({}) {how}", self.pid, self.command)
    }
}

/// Holders in words; of many only the first.
pub fn list(holders: &[Holder]) -> String {
    const SHOWN: usize = 8;
    let mut words: Vec<String> = holders.iter().take(SHOWN).map(Holder::to_string).collect();
    if holders.len() > SHOWN {
        words.push(format!("{} more", holders.len() - SHOWN));
    }
    words.join(", ")
}

/// All processes that use the character device with number `rdev`, by pid.
pub fn of(rdev: u64) -> Vec<Holder> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids.into_iter()
        .filter_map(|pid| {
            let process = Path::new("/proc").join(pid.to_string());
            let how = if has_open(&process, rdev) {
                How::HasItOpen
            } else if maps(&process, rdev) {
                How::MapsIt
            } else {
                return None;
            };
            let command = fs::read_to_string(process.join("comm")).unwrap_or_default();
            Some(Holder {
                pid,
                command: command.trim_end().to_owned(),
                how,
            })
        })
        .collect()
}

fn has_open(process: &Path, rdev: u64) -> bool {
    let fds = fs::read_dir(process.join("fd")).into_iter().flatten();
    fds.flatten().any(|fd| {
        // Only a path leads to a device; to look at anything else might take long.
        let path = fd.path();
        fs::read_link(&path).is_ok_and(|target| target.is_absolute()) && is_device(&path, rdev)
    })
}

/// A mapping outlives the descriptor that it was made from.
fn maps(process: &Path, rdev: u64) -> bool {
    let maps = fs::read(process.join("maps")).unwrap_or_default();
    let mut seen = HashSet::new();
    String::from_utf8_lossy(&maps).lines().any(|line| {
        file_of(line).is_some_and(|(range, inode)| {
            seen.insert(inode.to_owned()) && is_device(&process.join("map_files").join(range), rdev)
        })
    })
}

/// Returns the range of a line of `/proc/PID/maps` that shows a file, and what identifies its inode.
fn file_of(line: &str) -> Option<(&str, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (before, path) = rest.split_once('/')?;
    // Permissions and offset are the mapping's own.
    let inode = before.splitn(3, ' ').nth(2)?;
    (!path.is_empty()).then_some((range, inode.trim_end()))
}

/// Whether a path leads to the character device with number `rdev`, whatever node it names.
fn is_device(path: &Path, rdev: u64) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == rdev)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::num::NonZeroUsize;

    use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

    use super::*;

    fn me(rdev: u64) -> Option<How> {
        let pid = std::process::id();
        let mine = of(rdev).into_iter().find(|holder| holder.pid == pid);
        mine.map(|holder| holder.how)
    }

    #[test]
    fn a_process_that_opens_or_maps_a_device_is_found() {
        let path = Path::new("/dev/zero");
        let rdev = fs::metadata(path).unwrap().rdev();
        assert_eq!(me(rdev), None);
        let file = File::open(path).unwrap();
        assert_eq!(me(rdev), Some(How::HasItOpen));
        let page = NonZeroUsize::new(4096).unwrap();
        // SAFETY: a new mapping, where the kernel likes; nothing in it is used.
        let at = unsafe {
            mmap(
                None,
                page,
                ProtFlags::PROT_READ,
                MapFlags::MAP_PRIVATE,
                &file,
                0,
            )
        };
        let at = at.unwrap();
        drop(file);
        // Only root may follow the links of a mapping.
        if nix::unistd::geteuid().is_root() {
            assert_eq!(me(rdev), Some(How::MapsIt));
        } else {
            println!("SKIP a_process_that_maps_a_device_is_found: needs root");
        }
        // SAFETY: the mapping that was made above.
        unsafe { munmap(at, 4096) }.unwrap();
        assert_eq!(me(rdev), None);
    }

    #[test]
    fn lines_of_maps() {
        for (line, wanted) in [
            (
                "7f00-7f80 rw-s 00200000 00:06 1032                 /dev/dax0.0",
                Some(("7f00-7f80", "00:06 1032")),
            ),
            (
                "7f00-7f80 r--p 00000000 fe:01 77 /usr/lib/a b (deleted)",
                Some(("7f00-7f80", "fe:01 77")),
            ),
            ("7f00-7f80 rw-p 00000000 00:00 0 ", None),
            (
                "7ffc-7ffd rw-p 00000000 00:00 0                  [stack]",
                None,
            ),
            ("", None),
            ("garbage", None),
            ("/", None),
            ("a /", None),
        ] {
            assert_eq!(file_of(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_holder_in_words() {
        let holder = Holder {
            pid: 7,
            command: "sleep".into(),
            how: How::HasItOpen,
        };
        assert_eq!(holder.to_string(), "process 7 (sleep) has it open");
    }
}
