//! What came through the ring buffer: names, errors, and the programs' own log.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aya::{
    Ebpf,
    maps::{MapData, RingBuf},
};
use aya_log::EbpfLogger;
use famfs_common::{
    event::{self, Name, Rare},
    keys::major_minor,
};
use zerocopy::FromBytes;

use super::Error;
use famfs_snapshot::model::{EventKind, FileKey};

/// One record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A file's path inside its file system; `None` if the kernel side could not walk it.
    Name { key: FileKey, path: Option<String> },
    /// Something to show.
    Rare(Happening),
    /// Not one of ours.
    Unknown,
}

/// Something rare that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    /// Monotonic.
    pub(crate) time_ns: u64,
    pub(crate) kind: EventKind,
    pub(crate) file: Option<FileKey>,
    /// The device number of the mount that it is about, if it is about no file.
    pub(crate) mount: Option<(u32, u32)>,
    pub(crate) process: (u32, String),
    /// What happened, without the names of process, file and mount.
    pub(crate) text: String,
}

/// The two ring buffers.
pub(crate) struct Events {
    ring: RingBuf<MapData>,
    log: EbpfLogger<Lines>,
}

/// Keeps what the programs log until the next poll.
struct Lines;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// More lines than anybody reads; a program logs at powers of two.
const MOST_LINES: usize = 64;

impl log::Log for Lines {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST_LINES {
            lines.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

impl Events {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, Error> {
        let failed = |map: &'static str, why: String| Error::Map { map, why };
        let map = ebpf
            .take_map("EVENTS")
            .ok_or_else(|| failed("EVENTS", "not in the object".to_owned()))?;
        let ring = RingBuf::try_from(map).map_err(|e| failed("EVENTS", e.to_string()))?;
        let log = EbpfLogger::init_with_logger(ebpf, Lines)
            .map_err(|e| failed("AYA_LOGS", e.to_string()))?;
        Ok(Self { ring, log })
    }

    /// The next record, if any.
    pub(crate) fn next(&mut self) -> Option<Told> {
        self.ring.next().map(|record| decode(&record))
    }

    /// What the programs logged since the last call.
    pub(crate) fn log_lines(&mut self) -> Vec<String> {
        self.log.flush();
        std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn decode(bytes: &[u8]) -> Told {
    let Some(kind) = bytes
        .get(..4)
        .and_then(|word| word.try_into().ok())
        .map(u32::from_ne_bytes)
    else {
        return Told::Unknown;
    };
    if kind == event::NAME {
        return Name::read_from_prefix(bytes).map_or(Told::Unknown, |(name, _)| self::name(&name));
    }
    Rare::read_from_prefix(bytes).map_or(Told::Unknown, |(rare, _)| self::rare(&rare))
}

fn name(name: &Name) -> Told {
    let key = FileKey {
        dev: major_minor(name.dev),
        ino: name.ino,
    };
    let used = name
        .path
        .get(..usize::from(name.len))
        .filter(|_| name.complete == 1);
    Told::Name {
        key,
        path: used.map(join),
    }
}

/// Turns `leaf\0…\0top\0` into `/top/…/leaf`.
fn join(components: &[u8]) -> String {
    let mut path = String::new();
    for component in components
        .split(|&byte| byte == 0)
        .filter(|part| !part.is_empty())
        .rev()
    {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(component));
    }
    if path.is_empty() {
        "/".to_owned()
    } else {
        path
    }
}

fn rare(rare: &Rare) -> Told {
    let comm = String::from_utf8_lossy(&rare.comm);
    let process = (rare.pid, comm.trim_end_matches('\0').to_owned());
    let (a, b, code) = (rare.a, rare.b, rare.code);
    let dev = major_minor(rare.dev);
    let file = Some(FileKey { dev, ino: rare.ino });
    let (kind, file, mount, text) = match rare.kind {
        event::FAULT_ERROR => (
            EventKind::FaultFailed,
            file,
            None,
            format!(
                "fault at {a:#x} (page {b} of the file) failed with {}",
                result(code)
            ),
        ),
        event::FAULT_REFUSED => (
            EventKind::FaultFailed,
            file,
            None,
            format!("famfs refused a fault at {a:#x} (page {b} of the file): error {code}"),
        ),
        event::FILE_POISONED => (
            EventKind::MemoryError,
            file,
            None,
            format!(
                "memory failed at offset {:#x} of the file, {} bytes, flags {code:#x}",
                a.saturating_mul(PAGE),
                b.saturating_mul(PAGE)
            ),
        ),
        event::HOLDER_NOTIFY | event::HOLDER_NOTIFYING => {
            let answer = if rare.kind == event::HOLDER_NOTIFY {
                answer(code)
            } else {
                "its answer is not known".to_owned()
            };
            let text = format!(
                "memory error at dax offset {a:#x}, {b} bytes, flags {:#x}: told the file \
                 system, {answer}",
                rare.dev
            );
            (EventKind::MemoryError, None, None, text)
        }
        event::MEMORY_FAILURE => (
            EventKind::MemoryError,
            None,
            None,
            format!("memory failure at page frame {a:#x} (type {b}, result {code})"),
        ),
        event::MOUNT_NOTIFIED => (
            EventKind::MemoryError,
            None,
            Some(dev),
            format!("memory error at device offset {a:#x}, {b} bytes, flags {code:#x}"),
        ),
        event::MOUNT_DISABLED => (
            EventKind::Mount,
            None,
            Some(dev),
            format!("disabled by a memory error at device offset {a:#x}, {b} bytes"),
        ),
        _ => return Told::Unknown,
    };
    Told::Rare(Happening {
        time_ns: rare.time_ns,
        kind,
        file,
        mount,
        process,
        text,
    })
}

/// Bytes of the pages that the kernel counts memory errors in.
const PAGE: u64 = 4096;

fn answer(code: i32) -> String {
    match code {
        0 => "handled".to_owned(),
        code => format!("answered {code}"),
    }
}

/// Names of the error bits of a `vm_fault_t`.
fn result(code: i32) -> String {
    use famfs_common::fault::vm_fault::{HWPOISON, HWPOISON_LARGE, OOM, SIGBUS};
    let mut text = String::new();
    let bits = code.cast_unsigned();
    for (bit, name) in [
        (HWPOISON, "HWPOISON"),
        (HWPOISON_LARGE, "HWPOISON_LARGE"),
        (OOM, "OOM"),
        (SIGBUS, "SIGBUS"),
    ] {
        if bits & bit != 0 {
            let separator = if text.is_empty() { "" } else { "|" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{name}");
        }
    }
    if text.is_empty() {
        format!("{bits:#x}")
    } else {
        text
    }
}

/// The wall clock at a moment of the monotonic one.
pub(crate) fn wall_time(then_ns: u64, now: SystemTime, now_ns: u64) -> SystemTime {
    let ago = Duration::from_nanos(now_ns.saturating_sub(then_ns));
    now.checked_sub(ago).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use famfs_common::event::PATH_BYTES;
    use proptest::prelude::*;
    use zerocopy::IntoBytes as _;

    use super::*;

    const KEY: FileKey = FileKey {
        dev: (0, 25),
        ino: 7,
    };

    fn named(text: &[u8], complete: u16) -> Told {
        let mut path = [0xee; PATH_BYTES];
        path[..text.len()].copy_from_slice(text);
        let len = u16::try_from(text.len()).unwrap();
        let name = Name {
            kind: event::NAME,
            pid: 1,
            ino: 7,
            size: 0,
            dev: 25,
            len,
            complete,
            path,
        };
        decode(name.as_bytes())
    }

    fn path(path: &str) -> Told {
        Told::Name {
            key: KEY,
            path: Some(path.to_owned()),
        }
    }

    #[test]
    fn names_are_put_root_first() {
        assert_eq!(
            named(b"small.dat\0sub\0dir\0", 1),
            path("/dir/sub/small.dat")
        );
        assert_eq!(named(b"big\0", 1), path("/big"));
        assert_eq!(named(b"", 1), path("/"));
        assert_eq!(named(b"b\xff\0", 1), path("/b\u{fffd}"));
        assert_eq!(
            named(b"deep\0deeper\0", 0),
            Told::Name {
                key: KEY,
                path: None
            }
        );
    }

    #[test]
    fn errors_name_process_and_place() {
        let mut comm = [0; 16];
        comm[..5].copy_from_slice(b"touch");
        let rare = Rare {
            kind: event::FAULT_ERROR,
            pid: 42,
            time_ns: 5,
            ino: 7,
            a: 0x7f00_0000_1000,
            b: 3,
            dev: 25,
            code: 0x12,
            comm,
        };
        let Told::Rare(told) = decode(rare.as_bytes()) else {
            panic!("not told")
        };
        assert_eq!(
            told,
            Happening {
                time_ns: 5,
                kind: EventKind::FaultFailed,
                file: Some(KEY),
                mount: None,
                process: (42, "touch".to_owned()),
                text: "fault at 0x7f0000001000 (page 3 of the file) failed with HWPOISON|SIGBUS"
                    .to_owned(),
            }
        );
        for (kind, code, file, mount, text) in [
            (
                event::HOLDER_NOTIFY,
                0,
                None,
                None,
                "memory error at dax offset 0x1000, 8192 bytes, flags 0x19: told the file \
                 system, handled",
            ),
            (
                event::FILE_POISONED,
                0x23,
                Some(KEY),
                None,
                "memory failed at offset 0x1000000 of the file, 33554432 bytes, flags 0x23",
            ),
            (
                event::MOUNT_DISABLED,
                0x23,
                None,
                Some((0, 25)),
                "disabled by a memory error at device offset 0x1000, 8192 bytes",
            ),
        ] {
            let (a, b) = (4096, 8192);
            let record = Rare {
                kind,
                a,
                b,
                code,
                ..rare
            };
            let Told::Rare(told) = decode(record.as_bytes()) else {
                panic!("not told")
            };
            assert_eq!((told.file, told.mount, &told.text[..]), (file, mount, text));
        }
    }

    #[test]
    fn monotonic_moments_become_wall_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(
            wall_time(3_000_000_000, now, 5_000_000_000),
            now - Duration::from_secs(2)
        );
        assert_eq!(wall_time(9, now, 5), now);
    }

    proptest! {
        #[test]
        fn hostile_records_are_no_panic(kind in 0u32..12, bytes: Vec<u8>) {
            decode(&bytes);
            let mut record = kind.to_ne_bytes().to_vec();
            record.extend(bytes.iter().cycle().take(if bytes.is_empty() { 0 } else { 1100 }));
            decode(&record);
        }
    }
}
