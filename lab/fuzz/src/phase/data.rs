//! Reads, writes and mappings of a file whose every byte is known, against files of other threads
//! that do the same.

mod op;

use std::os::fd::RawFd;

use nix::errno::Errno;

use self::op::{Op, PAGES, SIZE, WINDOWS};
use super::file::{Buffers, File, Mapped};
use crate::{
    abi::{Abi, Extent, Interleaved, Layout},
    message::MapCreate,
    oracle::ranges::Ranges,
    prng::Rng,
    run::{Outcome, Phase},
    sigbus,
    sys::{self, Ret},
    target::Target,
    window::{PAGE, Way, Window},
};

const PMD: u64 = 2 << 20;
/// Each thread's piece of the device.
const SLICE: u64 = 16 * PMD;

#[derive(Debug)]
pub(crate) struct Data<'a> {
    pub target: &'a Target,
    pub ranges: &'a Ranges,
}

/// A window and which of its pages are private by now.
#[derive(Debug)]
struct Open {
    window: Window,
    private: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Local {
    thread: usize,
    file: Option<File>,
    /// What the file must contain.
    shadow: Vec<u8>,
    windows: [Option<Open>; WINDOWS],
    null: RawFd,
    broken: Option<String>,
}

/// Three ranges in an order that is not the device's; every other file interleaved, where known.
pub(crate) fn message(thread: usize, complete: bool, second: bool) -> MapCreate {
    let base = PMD + thread as u64 * SLICE;
    let range = |offset, len| Extent {
        device: 0,
        offset: base + offset,
        len,
    };
    let list = vec![
        range(4 * PMD, PMD),
        range(8 * PMD + 0x5000, 0x10_1000),
        range(0, 2 * PMD),
    ];
    let abi = if complete && thread % 4 >= 2 {
        Abi::V44
    } else {
        Abi::V2
    };
    let mut call = MapCreate::simple(abi, SIZE as u64, list);
    if complete && thread % 2 == 1 {
        call.map.layout = Layout::Interleaved(vec![Interleaved {
            chunk: if thread % 4 == 1 { PMD } else { 0x3000 },
            bytes: SIZE as u64,
            // Where there are two devices, the strips are on both.
            strips: (0..3)
                .map(|n| Extent {
                    device: if second { n % 2 } else { 0 },
                    ..range(4 * n * PMD, 2 * PMD)
                })
                .collect(),
        }]);
    }
    call
}

impl Data<'_> {
    fn set_up(&self, local: &mut Local) -> Result<(), String> {
        let call = message(
            local.thread,
            self.target.rules.complete,
            self.target.second.is_some(),
        );
        let owner = 1_000_000 + local.thread as u64;
        let name = format!("data{}", local.thread);
        let mut file =
            File::create(&name, owner, true).map_err(|error| format!("creat: {error}"))?;
        Buffers::new()
            .map_create(file.fd, &call)
            .map_err(|error| format!("{call:x?}: {error}"))?;
        let ranges = call.map.layout.ranges();
        self.ranges.enter(owner, &ranges)?;
        file.map = Some(Mapped {
            size: SIZE as u64,
            ranges,
            file_type: 0,
            interleaved: matches!(call.map.layout, Layout::Interleaved(_)),
        });
        for (n, byte) in local.shadow.iter_mut().enumerate() {
            *byte = (n / PAGE * 7 + n % 251 + local.thread * 31).to_le_bytes()[0];
        }
        for (n, page) in local.shadow.chunks(1 << 20).enumerate() {
            let written = sys::pwrite(file.fd, page, (n << 20) as u64);
            if written != Ok(page.len()) {
                return Err(format!(
                    "the first write of {} bytes gave {written:?}",
                    page.len()
                ));
            }
        }
        local.file = Some(file);
        Ok(())
    }
}

/// The number of bytes of the file at `at`, at most `len`.
fn inside(at: u64, len: usize) -> usize {
    let rest = (SIZE as u64).saturating_sub(at);
    usize::try_from(rest).unwrap_or(0).min(len)
}

/// Past the last position that a file of any size can have.
fn overflows(at: u64, len: usize) -> bool {
    at.saturating_add(len as u64) > i64::MAX.unsigned_abs()
}

impl Local {
    fn fd(&self) -> RawFd {
        self.file.as_ref().map_or(-1, |file| file.fd)
    }

    fn read(&self, at: u64, len: usize, now: bool) -> Outcome {
        let mut found = vec![0; len];
        let result = if now {
            let vector = [found.as_mut_ptr().addr(), len];
            let at = usize::try_from(at).unwrap_or(0);
            let words = [sys::word(self.fd()), vector.as_ptr().addr(), 1, at, 0, 8];
            // SAFETY: the kernel writes to the buffer. 8 is RWF_NOWAIT.
            unsafe { sys::call(libc::SYS_preadv2, words) }
        } else {
            sys::pread(self.fd(), &mut found, at)
        };
        let must = inside(at, len);
        let wrong = match result {
            Ok(got) if got == must => self.differs(&found[..got], at),
            // famfs does not promise to read without waiting.
            Err(Errno::EAGAIN | Errno::EOPNOTSUPP) if now => None,
            Err(Errno::EINVAL) if overflows(at, len) => None,
            _ => Some(format!("must read {must} bytes")),
        };
        Outcome { result, wrong }
    }

    /// Bytes of the file that are not what was written.
    fn differs(&self, found: &[u8], at: u64) -> Option<String> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let must = self.shadow.get(at..at + found.len())?;
        let first = found
            .iter()
            .zip(must)
            .position(|(found, must)| found != must)?;
        Some(format!(
            "byte 0x{:x} of file {} is 0x{:02x}, not 0x{:02x}",
            at + first,
            self.thread,
            found[first],
            must[first]
        ))
    }

    fn write(&mut self, at: u64, len: usize, byte: u8) -> Outcome {
        let result = sys::pwrite(self.fd(), &vec![byte; len], at);
        let must = inside(at, len);
        let wrong = match result {
            Ok(put) if put == must && (must > 0 || len == 0) => {
                let at = usize::try_from(at).unwrap_or(0);
                if put > 0 {
                    self.shadow[at..at + put].fill(byte);
                }
                None
            }
            Err(Errno::ENOSPC) if must == 0 && len > 0 => None,
            Err(Errno::EINVAL | Errno::EFBIG) if overflows(at, len) => None,
            _ => Some(format!("must write {must} bytes, or be ENOSPC at the end")),
        };
        Outcome { result, wrong }
    }

    fn with(
        &mut self,
        window: usize,
        act: impl FnOnce(&mut Self, &mut Open) -> Outcome,
    ) -> Outcome {
        let Some(mut open) = self.windows[window].take() else {
            return Ok(0).into();
        };
        let outcome = act(self, &mut open);
        self.windows[window] = Some(open);
        outcome
    }

    fn map(&mut self, op: &Op) -> Outcome {
        let Op::Map {
            window,
            page,
            pages,
            prot,
            how,
        } = *op
        else {
            return Ok(0).into();
        };
        self.windows[window] = None;
        let place = self.thread * WINDOWS + window;
        let offset = (page * PAGE) as u64;
        match Window::new(place, self.fd(), offset, pages * PAGE, prot, how) {
            Ok(window_) => {
                self.windows[window] = Some(Open {
                    window: window_,
                    // What may be written is copied when it is populated, as if written.
                    private: vec![how & libc::MAP_POPULATE != 0 && prot & 2 != 0; pages],
                });
                Ok(0).into()
            }
            // The first cut knew no MAP_SYNC.
            Err(Errno::EOPNOTSUPP) if how & libc::MAP_SYNC != 0 => Err(Errno::EOPNOTSUPP).into(),
            Err(Errno::EAGAIN) if how & libc::MAP_LOCKED != 0 => Err(Errno::EAGAIN).into(),
            Err(error) => Outcome {
                result: Err(error),
                wrong: Some("a mapped file must map".to_owned()),
            },
        }
    }

    fn touch(&mut self, open: &mut Open, at: usize, write: bool, way: Way, byte: u8) -> Outcome {
        let at = at % open.window.len;
        let file_at = open.window.offset + at as u64;
        if inside(file_at, 1) == 0 || !open.window.readable() || (write && !open.window.writable())
        {
            return Ok(0).into();
        }
        let before = sigbus::seen();
        let result = open.window.touch(at, write, way, byte);
        if result == Ok(1) && write {
            if open.window.shared {
                self.shadow[usize::try_from(file_at).unwrap_or(0)] = byte;
            } else if let Some(private) = open.private.get_mut(at / PAGE) {
                *private = true;
            }
        }
        let wrong = if result != Ok(1) {
            Some("a page of the file must be had".to_owned())
        } else if sigbus::seen() != before && way == Way::User {
            Some("SIGBUS inside the file".to_owned())
        } else {
            None
        };
        Outcome { result, wrong }
    }

    fn compare(&mut self, open: &Open, at: usize, len: usize, way: Way) -> Outcome {
        let at = at % open.window.len;
        let file_at = open.window.offset + at as u64;
        let len = inside(file_at, len)
            .min(open.window.len - at)
            .min(PAGE - at % PAGE);
        let private = open.private.get(at / PAGE).copied().unwrap_or(true) && !open.window.shared;
        if len == 0 || private || !open.window.readable() {
            return Ok(0).into();
        }
        let mut found = vec![0; len];
        let result = open.window.copy_out(at, &mut found, way);
        let wrong = if result == Ok(len) {
            self.differs(&found, file_at)
        } else {
            Some("a page of the file must be had".to_owned())
        };
        Outcome { result, wrong }
    }

    /// Calls that must leave the size and the content as they are.
    fn resize(&self, how: u8, at: u64) -> Ret {
        let fd = sys::word(self.fd());
        let at = usize::try_from(at).unwrap_or(0);
        let words = match how % 4 {
            0 => [fd, 0, at, 4096],
            1 => [fd, 1, at, 4096],
            2 => [fd, 3, at, 4096],
            _ => [fd, 0x10, at, 8192],
        };
        // SAFETY: writes no memory.
        unsafe { sys::call(libc::SYS_fallocate, words) }
    }
}

impl Phase for Data<'_> {
    type Op = Op;
    type Local = Local;
    const NAME: &'static str = "data";

    fn generate(&self, _thread: usize, rng: &mut Rng) -> Op {
        op::generate(rng)
    }

    fn kind(op: &Op) -> &'static str {
        op::kind(op)
    }

    fn enter(&self, thread: usize) -> Local {
        let mut local = Local {
            thread,
            file: None,
            shadow: vec![0; SIZE],
            windows: [const { None }; WINDOWS],
            null: sys::open(c"/dev/null", libc::O_WRONLY).unwrap_or(-1),
            broken: None,
        };
        local.broken = self.set_up(&mut local).err();
        local
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn execute(&self, local: &mut Local, op: &Op) -> Outcome {
        if let Some(why) = local.broken.take() {
            return Outcome {
                result: Err(Errno::EIO),
                wrong: Some(why),
            };
        }
        match *op {
            Op::Read { at, len, now } => local.read(at, len, now),
            Op::Write { at, len, byte } => local.write(at, len, byte),
            Op::Map { .. } => local.map(op),
            Op::Unmap { window } => {
                local.windows[window] = None;
                Ok(0).into()
            }
            Op::Touch {
                window,
                at,
                write,
                way,
                byte,
            } => local.with(window, |local, open| {
                local.touch(open, at, write, way, byte)
            }),
            Op::Beyond { window, way } => local.with(window, |_, open| {
                let end = open.window.offset + open.window.len as u64;
                if end <= (PAGES * PAGE) as u64 || !open.window.readable() {
                    return Ok(0).into();
                }
                let result = open.window.touch(open.window.len - 1, false, way, 0);
                let wrong = (result != Err(Errno::EFAULT)).then(|| "must be EFAULT".to_owned());
                Outcome { result, wrong }
            }),
            Op::Compare {
                window,
                at,
                len,
                way,
            } => local.with(window, |local, open| local.compare(open, at, len, way)),
            Op::Advise {
                window,
                page,
                pages,
                advice,
            } => local.with(window, |_, open| {
                let at = page * PAGE % open.window.len;
                let len = (pages * PAGE).min(open.window.len - at);
                if advice == libc::MADV_DONTNEED {
                    let range = at / PAGE..(at + len) / PAGE;
                    if let Some(private) = open.private.get_mut(range) {
                        private.fill(false);
                    }
                }
                open.window.advise(at, len, advice).into()
            }),
            Op::Protect { window, prot } => {
                local.with(window, |_, open| open.window.protect(prot).into())
            }
            Op::Remap { window, pages } => local.with(window, |_, open| {
                let result = open.window.remap(pages * PAGE);
                if result.is_ok() {
                    open.private.resize(pages, false);
                }
                result.into()
            }),
            Op::Fork { window, at, write } => local.with(window, |_, open| {
                open.window.fork(at % open.window.len, write).into()
            }),
            Op::Pin {
                window,
                page,
                pages,
            } => local.with(window, |_, open| {
                let at = page * PAGE % open.window.len;
                let len = (pages * PAGE).min(open.window.len - at);
                let window = &open.window;
                let meanwhile = || {
                    if window.shared {
                        let _ = window.advise(at, len, libc::MADV_DONTNEED);
                    }
                };
                window.pinned(at, len, meanwhile).into()
            }),
            Op::SelfCopy {
                window,
                at,
                from,
                len,
            } => Self::self_copy(local, window, at, from, len),
            Op::Sendfile { at, len } => {
                let mut at = at;
                let words = [
                    sys::word(local.null),
                    sys::word(local.fd()),
                    (&raw mut at).addr(),
                    len,
                ];
                // SAFETY: the kernel updates the position.
                unsafe { sys::call(libc::SYS_sendfile, words) }.into()
            }
            Op::Sync { window, how } => local.with(window, |_, open| {
                let words = [open.window.at, open.window.len, sys::flags(how)];
                // SAFETY: writes no memory of this process.
                unsafe { sys::call(libc::SYS_msync, words) }.into()
            }),
            Op::Resize { how, at } => {
                let result = local.resize(how, at);
                let wrong = result.is_ok().then(|| "files have a fixed size".to_owned());
                Outcome { result, wrong }
            }
        }
    }

    fn leave(&self, mut local: Local) {
        local.windows = [const { None }; WINDOWS];
        let _ = sys::close(local.null);
        if let Some(file) = local.file.take() {
            self.ranges.leave(file.owner);
            let _ = file.remove();
        }
    }
}

impl Data<'_> {
    /// A read of the file into a mapping of the same file: both locks of one inode at once.
    fn self_copy(local: &mut Local, window: usize, at: usize, from: u64, len: usize) -> Outcome {
        local.with(window, |local, open| {
            let at = at % open.window.len;
            let to = open.window.offset + at as u64;
            let len = inside(to, len)
                .min(inside(from, len))
                .min(open.window.len - at);
            // Bytes that are read while they are overwritten are anybody's guess.
            let apart = to + len as u64 <= from || from + len as u64 <= to;
            if len == 0 || !open.window.writable() || !apart {
                return Ok(0).into();
            }
            let words = [
                sys::word(local.fd()),
                open.window.at + at,
                len,
                usize::try_from(from).unwrap_or(0),
            ];
            // SAFETY: the kernel writes to the window.
            let result = unsafe { sys::call(libc::SYS_pread64, words) };
            let (to, from) = (
                usize::try_from(to).unwrap_or(0),
                usize::try_from(from).unwrap_or(0),
            );
            if let Ok(got) = result {
                if open.window.shared {
                    local.shadow.copy_within(from..from + got, to);
                } else {
                    let pages = at / PAGE..(at + got).div_ceil(PAGE);
                    open.private[pages].fill(true);
                }
            }
            let wrong = (result != Ok(len)).then(|| format!("must read {len} bytes"));
            Outcome { result, wrong }
        })
    }
}
