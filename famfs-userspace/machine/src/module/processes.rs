//! What `/proc` says of each process: its mounts, its BPF objects, its use of a file system.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::kernel::mountinfo::{self, Mount};

/// A descriptor that may hold a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Link(u32),
    Program(u32),
    Perf,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) command: String,
    /// The mount namespace's number.
    pub(super) namespace: u64,
    pub(super) mounts: Vec<Mount>,
    pub(super) bpf: Vec<Use>,
}

/// Every process that this one may look at; this one first, so that a mount of ours is named
/// by us. One that ends meanwhile is passed over.
pub(super) fn read() -> Vec<Process> {
    let me = std::process::id();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_by_key(|pid| (*pid != me, *pid));
    pids.into_iter().filter_map(process).collect()
}

fn dir(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

fn process(pid: u32) -> Option<Process> {
    let dir = dir(pid);
    let command = fs::read_to_string(dir.join("comm")).ok()?;
    Some(Process {
        pid,
        command: command.trim_end().to_owned(),
        namespace: fs::metadata(dir.join("ns/mnt")).map_or(0, |meta| meta.ino()),
        mounts: mountinfo::parse(&fs::read(dir.join("mountinfo")).unwrap_or_default()),
        bpf: descriptors(&dir)
            .filter_map(|fd| bpf_use(&dir, &fd))
            .collect(),
    })
}

fn descriptors(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(dir.join("fd")).into_iter().flatten();
    entries.flatten().map(|entry| entry.path())
}

fn bpf_use(dir: &Path, fd: &Path) -> Option<Use> {
    let target = fs::read_link(fd).ok()?;
    let kind = target.to_str()?.strip_prefix("anon_inode:")?;
    if kind.contains("perf_event") {
        return Some(Use::Perf);
    }
    if !kind.contains("bpf") {
        return None;
    }
    let info = fs::read_to_string(dir.join("fdinfo").join(fd.file_name()?)).ok()?;
    parse_fdinfo(&info)
}

/// A link names its program too, so the link comes first.
fn parse_fdinfo(text: &str) -> Option<Use> {
    let number = |key: &str| -> Option<u32> {
        let value = text.lines().find_map(|line| line.strip_prefix(key))?;
        value.trim().parse().ok()
    };
    number("link_id:")
        .map(Use::Link)
        .or_else(|| number("prog_id:").map(Use::Program))
}

impl Process {
    /// How the process uses the file system `dev`, in words.
    pub(super) fn uses(&self, dev: (u32, u32)) -> Vec<String> {
        let dir = dir(self.pid);
        let maps = fs::read(dir.join("maps")).unwrap_or_default();
        let mut found: Vec<String> = mapped(&String::from_utf8_lossy(&maps), dev)
            .into_iter()
            .map(|path| format!("maps {path}"))
            .collect();
        let is_on = |path: &Path| {
            fs::metadata(path)
                .is_ok_and(|meta| (libc::major(meta.dev()), libc::minor(meta.dev())) == dev)
        };
        let named = |path: &Path| {
            fs::read_link(path)
                .unwrap_or_default()
                .display()
                .to_string()
        };
        for fd in descriptors(&dir) {
            // Only a path leads to a file system of ours; and a stat of anything else may wait.
            if fs::read_link(&fd).is_ok_and(|target| target.is_absolute()) && is_on(&fd) {
                found.push(format!("has {} open", named(&fd)));
            }
        }
        for (link, how) in [("cwd", "works in"), ("root", "has its root in")] {
            let link = dir.join(link);
            if is_on(&link) {
                found.push(format!("{how} {}", named(&link)));
            }
        }
        found
    }
}

/// The files of `dev` in the text of `/proc/PID/maps`, each once.
fn mapped(maps: &str, dev: (u32, u32)) -> Vec<&str> {
    let mut files: Vec<&str> = maps
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(6, ' ');
            let found = parse_dev(words.nth(3)?, 16)?;
            let _inode = words.next()?;
            (found == dev).then(|| words.next().unwrap_or_default().trim_start())
        })
        .collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// `MAJOR:MINOR` in this radix.
pub(super) fn parse_dev(text: &str, radix: u32) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((
        u32::from_str_radix(major, radix).ok()?,
        u32::from_str_radix(minor, radix).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_files_are_told_by_their_device() {
        let maps = "\
7f0000000000-7f0000400000 rw-s 00000000 00:2a 12                         /a b (deleted)
7f0000400000-7f0000800000 r--s 00000000 00:2a 12                         /a b (deleted)
7f0000800000-7f0000c00000 rw-s 00000000 00:2b 12                         /other
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
garbage
";
        assert_eq!(mapped(maps, (0, 42)), ["/a b (deleted)"]);
        assert_eq!(mapped(maps, (0, 43)), ["/other"]);
        assert!(mapped(maps, (1, 42)).is_empty());
    }

    #[test]
    fn a_link_is_told_before_its_program() {
        let link = "pos:\t0\nlink_type:\traw_tracepoint\nlink_id:\t4\nprog_tag:\tab\nprog_id:\t9\n";
        assert_eq!(parse_fdinfo(link), Some(Use::Link(4)));
        assert_eq!(
            parse_fdinfo("prog_type:\t26\nprog_id:\t9\n"),
            Some(Use::Program(9))
        );
        assert_eq!(parse_fdinfo("map_id:\t3\n"), None);
    }

    #[test]
    fn device_numbers_are_decimal_in_sysfs_and_hexadecimal_in_maps() {
        assert_eq!(parse_dev("0:42", 10), Some((0, 42)));
        assert_eq!(parse_dev("00:2a", 16), Some((0, 42)));
        assert_eq!(parse_dev("last_error", 10), None);
    }

    #[test]
    fn this_process_is_the_first() {
        let processes = read();
        assert_eq!(processes[0].pid, std::process::id());
        assert!(!processes[0].mounts.is_empty());
    }
}
