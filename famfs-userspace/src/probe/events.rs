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
use crate::model::FileKey;

/// One record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A file's path inside its file system; `None` if the kernel side could not walk it.
    Name { key: FileKey, path: Option<String> },
    /// Something to show. Nanoseconds are monotonic.
    Rare {
        time_ns: u64,
        file: Option<FileKey>,
        text: String,
    },
    /// Not one of ours.
    Unknown,
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

/// From `leaf\0…\0top\0` to `/top/…/leaf`.
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
    let comm = comm.trim_end_matches('\0');
    let who = format!("{comm}[{}]", rare.pid);
    let (a, b, code) = (rare.a, rare.b, rare.code);
    let is_file = matches!(rare.kind, event::FAULT_ERROR | event::FAULT_REFUSED);
    let file = is_file.then_some(FileKey {
        dev: major_minor(rare.dev),
        ino: rare.ino,
    });
    let text = match rare.kind {
        event::FAULT_ERROR => {
            format!(
                "{who}: fault at {a:#x} (page {b} of the file) failed with {}",
                result(code)
            )
        }
        event::FAULT_REFUSED => {
            format!("{who}: famfs refused a fault at {a:#x} (page {b} of the file): error {code}")
        }
        event::HOLDER_NOTIFY => format!(
            "memory error at dax offset {a}, {b} bytes, flags {:#x}: told the file system, {}",
            rare.dev,
            answer(code)
        ),
        event::MEMORY_FAILURE => {
            format!("memory failure at page frame {a:#x} (type {b}, result {code})")
        }
        _ => return Told::Unknown,
    };
    Told::Rare {
        time_ns: rare.time_ns,
        file,
        text,
    }
}

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
        let text = "touch[42]: fault at 0x7f0000001000 (page 3 of the file) failed with \
                    HWPOISON|SIGBUS";
        let want = Told::Rare {
            time_ns: 5,
            file: Some(KEY),
            text: text.to_owned(),
        };
        assert_eq!(decode(rare.as_bytes()), want);
        let notify = Rare {
            kind: event::HOLDER_NOTIFY,
            a: 4096,
            b: 8192,
            dev: 0x23,
            code: 0,
            ..rare
        };
        let text = "memory error at dax offset 4096, 8192 bytes, flags 0x23: told the file \
                    system, handled";
        let want = Told::Rare {
            time_ns: 5,
            file: None,
            text: text.to_owned(),
        };
        assert_eq!(decode(notify.as_bytes()), want);
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
        fn hostile_records_are_no_panic(kind in 0u32..8, bytes: Vec<u8>) {
            decode(&bytes);
            let mut record = kind.to_ne_bytes().to_vec();
            record.extend(bytes.iter().cycle().take(if bytes.is_empty() { 0 } else { 1100 }));
            decode(&record);
        }
    }
}
