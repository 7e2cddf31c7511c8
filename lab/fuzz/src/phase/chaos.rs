//! Everything at once: mapping, deleting, faulting, reading, writing, forking and pinning while
//! the memory fails, the mount comes and goes, the driver is unbound, and others look on.
//!
//! Each page of the device that files use says at its start where on the device it is. No
//! operation changes that, so whatever a file shows must lie in the file's own region.

mod label;
mod op;

use std::{fs, ptr, thread, time::Duration};

use nix::errno::Errno;

use self::{
    label::{FILES, PMD, POISON, REGION, SIZE, judge, label},
    op::{Op, WINDOWS},
};
use super::file::Buffers;
use crate::{
    abi::{self, Abi, Extent, Interleaved, Layout},
    message::MapCreate,
    prng::Rng,
    run::{Outcome, Phase},
    sys::{self, Ret},
    target::{self, Target},
    window::{PAGE, Way, Window},
};

#[derive(Debug)]
pub(crate) struct Chaos<'a> {
    pub target: &'a Target,
    /// Unbind and bind the driver too.
    pub rebind: bool,
}

#[derive(Debug)]
pub(crate) struct Local {
    thread: usize,
    buffers: Buffers,
    windows: [Option<(u64, Window)>; WINDOWS],
}

const LOOKS: &[&str] = &["source", "state", "error", "faults", "devices", "options"];

impl Chaos<'_> {
    fn message(&self, file: u64, layout: u8, abi: Abi) -> MapCreate {
        let base = PMD + file * REGION;
        let pieces = |order: [u64; 4]| -> Vec<Extent> {
            order
                .iter()
                .map(|n| Extent {
                    device: 0,
                    offset: base + n * PMD,
                    len: PMD,
                })
                .collect()
        };
        let mut call = match layout % 3 {
            0 => MapCreate::simple(
                abi,
                SIZE,
                vec![Extent {
                    device: 0,
                    offset: base,
                    len: 4 * PMD,
                }],
            ),
            1 => MapCreate::simple(abi, SIZE, pieces([6, 1, 3, 5])),
            _ => {
                let mut call = MapCreate::simple(abi, SIZE, pieces([7, 2, 4, 0]));
                if self.target.rules.complete {
                    call.map.layout = Layout::Interleaved(vec![Interleaved {
                        chunk: if file.is_multiple_of(2) { PMD } else { 0x4000 },
                        bytes: SIZE,
                        strips: self.spread(pieces([7, 2, 4, 0])),
                    }]);
                }
                call
            }
        };
        if abi == Abi::V1 || (abi == Abi::V44 && !self.target.rules.complete) {
            call.abi = Abi::V2;
        }
        call
    }

    /// Distributes the strips over both devices in turn, if there are two.
    fn spread(&self, mut strips: Vec<Extent>) -> Vec<Extent> {
        for (n, strip) in strips.iter_mut().enumerate() {
            strip.device = u64::from(n % 2 == 1 && self.target.second.is_some());
        }
        strips
    }

    /// Writes into each page of all regions where it is.
    pub(crate) fn prepare(&self) -> Result<(), String> {
        let text = |error: Errno| error.to_string();
        self.target.mount().map_err(text)?;
        self.target.open_second().map_err(text)?;
        let _ = target::allow_everything();
        Self::label_all(0)?;
        if self.target.second.is_some() {
            Self::label_all(1)?;
        }
        target::unmount_all().map_err(|error| format!("{error:#}"))
    }

    fn label_all(device: u64) -> Result<(), String> {
        let text = |error: Errno| error.to_string();
        let name = target::path("all");
        let fd = sys::open(&name, libc::O_RDWR | libc::O_CREAT).map_err(text)?;
        let len = FILES * REGION;
        let call = MapCreate::simple(
            Abi::V2,
            len,
            vec![Extent {
                device,
                offset: PMD,
                len,
            }],
        );
        Buffers::new().map_create(fd, &call).map_err(text)?;
        for page in (0..len).step_by(PAGE) {
            let written = sys::pwrite(fd, &label(device, PMD + page), page);
            if written != Ok(16) {
                return Err(format!("cannot write a label: {written:?}"));
            }
        }
        let _ = sys::close(fd);
        sys::on_path(libc::SYS_unlink, &name, [])
            .map_err(text)
            .map(drop)
    }

    fn name(file: u64) -> std::ffi::CString {
        target::path(&format!("chaos{}", file % FILES))
    }

    fn create(&self, local: &mut Local, file: u64, layout: u8, abi: Abi) -> Ret {
        let fd = sys::open(&Self::name(file), libc::O_RDWR | libc::O_CREAT)?;
        let result = local
            .buffers
            .map_create(fd, &self.message(file, layout, abi));
        let _ = sys::close(fd);
        result
    }

    fn on_file(file: u64, how: i32, act: impl FnOnce(i32) -> Ret) -> Ret {
        let fd = sys::open(&Self::name(file), how)?;
        let result = act(fd);
        let _ = sys::close(fd);
        result
    }

    /// A page behind all regions, in a file of its own, by the poison that madvise makes.
    fn poison(&self, local: &mut Local, page: u64) -> Ret {
        let device = page >> 32 & u64::from(self.target.second.is_some());
        let size = self.target.devices()[usize::from(device == 1)];
        let room = (size - POISON) / PAGE as u64;
        let offset = POISON + page % room * PAGE as u64;
        let name = target::path("poisoned");
        let fd = sys::open(&name, libc::O_RDWR | libc::O_CREAT)?;
        let range = Extent {
            device,
            offset,
            len: PAGE as u64,
        };
        let call = MapCreate::simple(Abi::V2, PAGE as u64, vec![range]);
        let result = local
            .buffers
            .map_create(fd, &call)
            .and_then(|_| Window::new(place(local.thread, 0), fd, 0, PAGE, 3, libc::MAP_SHARED))
            .and_then(|window| {
                window.touch(0, true, Way::Copy, 1)?;
                window.advise(0, PAGE, libc::MADV_HWPOISON)
            });
        let _ = (sys::close(fd), sys::on_path(libc::SYS_unlink, &name, []));
        result
    }

    fn rebind(&self, millis: u64, which: usize) -> Outcome {
        let result = self.target.unbind(which).map(|()| 0);
        thread::sleep(Duration::from_millis(millis));
        let wrong = self
            .target
            .restore()
            .err()
            .map(|error| format!("{error:#}"));
        Outcome { result, wrong }
    }
}

fn place(thread: usize, window: usize) -> usize {
    256 + thread * (WINDOWS + 1) + window
}

/// `hard_offline_page` of an address of the device.
fn offline(target: &Target, page: u64) -> Ret {
    let start = physical(target).ok_or(Errno::ENODEV)?;
    let room = (target.rules.device - POISON) / PAGE as u64;
    // From the other end, so that the two ways of poisoning rarely meet.
    let address = start + target.rules.device - (1 + page % room) * PAGE as u64;
    fs::write(
        "/sys/devices/system/memory/hard_offline_page",
        format!("0x{address:x}"),
    )
    .map(|()| 0)
    .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// Where the device's memory starts.
fn physical(target: &Target) -> Option<u64> {
    let device = target.device.trim_start_matches("/dev/");
    let file = if target.is_char() {
        format!("/sys/bus/dax/devices/{device}/resource")
    } else {
        format!("/sys/class/block/{device}/device/resource")
    };
    let text = fs::read_to_string(file).ok()?;
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

fn look(what: usize) {
    match what % 9 {
        n @ 0..6 => {
            let folders = fs::read_dir("/sys/fs/famfs")
                .into_iter()
                .flatten()
                .flatten();
            for folder in folders {
                let _ = fs::read_to_string(folder.path().join(LOOKS[n]));
            }
            let _ = fs::read_to_string("/sys/fs/famfs/last_error");
        }
        6 => drop(fs::read("/sys/kernel/tracing/trace")),
        7 => drop(fs::read("/proc/self/mountinfo")),
        _ => drop(fs::read("/proc/self/smaps")),
    }
}

impl Local {
    fn on_window(
        &mut self,
        window: usize,
        act: impl FnOnce(u64, &mut Window) -> Outcome,
    ) -> Outcome {
        match &mut self.windows[window] {
            Some((file, window)) => act(*file, window),
            None => Ok(0).into(),
        }
    }

    fn open(&mut self, op: &Op) -> Ret {
        let Op::Open {
            file,
            window,
            private,
            page,
            pages,
        } = *op
        else {
            return Ok(0);
        };
        self.windows[window] = None;
        let place = place(self.thread, window + 1);
        let how = if private {
            libc::MAP_PRIVATE
        } else {
            libc::MAP_SHARED
        };
        Chaos::on_file(file, libc::O_RDWR, |fd| {
            let mapped = Window::new(place, fd, (page * PAGE) as u64, pages * PAGE, 3, how)?;
            self.windows[window] = Some((file, mapped));
            Ok(0)
        })
    }
}

impl Phase for Chaos<'_> {
    type Op = Op;
    type Local = Local;
    const NAME: &'static str = "chaos";

    /// Mounting, breaking and looking take ten times as long as what the workers do.
    fn weight(&self, thread: usize) -> u64 {
        if thread < 3 { 1 } else { 8 }
    }

    fn generate(&self, thread: usize, rng: &mut Rng) -> Op {
        op::generate(self.rebind, thread, rng)
    }

    fn kind(op: &Op) -> &'static str {
        op::kind(op)
    }

    fn enter(&self, thread: usize) -> Local {
        Local {
            thread,
            buffers: Buffers::new(),
            windows: [const { None }; WINDOWS],
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each operation")]
    fn execute(&self, local: &mut Local, op: &Op) -> Outcome {
        match *op {
            Op::Mount => {
                let mounted = self.target.mount();
                if mounted.is_ok() {
                    let _ = target::allow_everything();
                    let _ = self.target.open_second();
                }
                mounted.map(|()| 0).into()
            }
            Op::Unmount { how } => target::unmount(how).map(|()| 0).into(),
            Op::Sleep { millis } => {
                thread::sleep(Duration::from_millis(millis));
                Ok(0).into()
            }
            Op::Poison { page } => self.poison(local, page).into(),
            Op::PoisonFile { file, page } => {
                let place = place(local.thread, 0);
                Self::on_file(file, libc::O_RDWR, |fd| {
                    let offset = page * PAGE as u64;
                    let window = Window::new(place, fd, offset, PAGE, 3, libc::MAP_SHARED)?;
                    window.touch(0, true, Way::Copy, label(0, 0)[0])?;
                    window.advise(0, PAGE, libc::MADV_HWPOISON)
                })
                .into()
            }
            Op::Offline { page } => offline(self.target, page).into(),
            Op::Rebind { millis, which } => self.rebind(millis, which),
            Op::Look { what } => {
                look(what);
                Ok(0).into()
            }
            Op::Trace { on } => {
                let _ = fs::write(
                    "/sys/kernel/tracing/events/famfs/enable",
                    if on { "1" } else { "0" },
                );
                let _ = fs::write("/sys/kernel/tracing/trace", "");
                Ok(0).into()
            }
            Op::Create { file, layout, abi } => self.create(local, file, layout, abi).into(),
            Op::Unlink { file } => sys::on_path(libc::SYS_unlink, &Self::name(file), []).into(),
            Op::Rename { from, to } => {
                // A label belongs to its file's name: only a name that is nobody's is taken.
                let away = target::path(&format!("away{to}"));
                sys::on_paths(libc::SYS_rename, &Self::name(from), &away)
                    .and_then(|_| sys::on_path(libc::SYS_unlink, &away, []))
                    .into()
            }
            Op::Truncate { file } => {
                sys::on_path(libc::SYS_truncate, &Self::name(file), [PAGE]).into()
            }
            Op::Open { .. } => local.open(op).into(),
            Op::Close { window } => {
                local.windows[window] = None;
                Ok(0).into()
            }
            Op::Read { file, page } => {
                let mut bytes = [0; 16];
                let result = Self::on_file(file, libc::O_RDONLY, |fd| {
                    sys::pread(fd, &mut bytes, page * PAGE as u64)
                });
                let wrong = if result == Ok(16) {
                    judge(file, bytes)
                } else {
                    None
                };
                Outcome { result, wrong }
            }
            Op::Write { file, page, byte } => Self::on_file(file, libc::O_WRONLY, |fd| {
                sys::pwrite(fd, &[byte; 600], page * PAGE as u64 + 16)
            })
            .into(),
            Op::Touch {
                window,
                at,
                write,
                way,
            } => local.on_window(window, |_, window| {
                // Not the label.
                let at = (at % window.len) | 0x40;
                window.touch(at, write, way, 0x5a).into()
            }),
            Op::Check { window, page } => local.on_window(window, |file, window| {
                let at = page * PAGE % window.len;
                let mut bytes = [0; 16];
                let result = window.copy_out(at, &mut bytes, Way::Gup);
                // A page that failed under a touch was replaced by an empty one.
                let replaced = bytes == [0; 16];
                let wrong = if result == Ok(16) && !replaced {
                    judge(file, bytes)
                } else {
                    None
                };
                Outcome { result, wrong }
            }),
            Op::Advise { window, at, advice } => local.on_window(window, |_, window| {
                let at = (at % window.len) & !(PAGE - 1);
                window.advise(at, window.len - at, advice).into()
            }),
            Op::Remap { window, pages } => {
                local.on_window(window, |_, window| window.remap(pages * PAGE).into())
            }
            Op::Fork { window, at, write } => local.on_window(window, |_, window| {
                window.fork(at % window.len, write).into()
            }),
            Op::Pin { window, at } => local.on_window(window, |_, window| {
                let at = (at % window.len) & !(PAGE - 1);
                window
                    .pinned(at, PAGE, || thread::sleep(Duration::from_micros(200)))
                    .into()
            }),
            Op::Query { file, command } => {
                let Local { buffers, .. } = local;
                Self::on_file(file, libc::O_RDONLY, |fd| {
                    buffers.query(fd, command, 448, crate::arena::Ptr::Good).0
                })
                .into()
            }
            Op::Options { set, bit } => {
                let command = if set { abi::SET_OPTS } else { abi::CLEAR_OPTS };
                let mut bits = 1_u64 << bit;
                let fd = sys::open(target::MOUNTPOINT, libc::O_RDONLY | libc::O_DIRECTORY);
                fd.and_then(|fd| {
                    // SAFETY: the kernel writes 8 bytes.
                    let result =
                        unsafe { sys::ioctl(fd, command, ptr::from_mut(&mut bits).addr()) };
                    let _ = sys::close(fd);
                    result
                })
                .into()
            }
        }
    }

    fn leave(&self, _: Local) {}
}
