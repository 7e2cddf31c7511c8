//! Two things at once on the same device, again and again, each pair aimed at one window: a mount
//! that begins while another ends, while the driver goes, while memory fails, while the module is
//! unloaded. Afterwards there is quiet, and what must be true then is checked.

use std::{
    ffi::CStr,
    fs,
    os::unix::fs::MetadataExt,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use nix::errno::Errno;

use super::file::Buffers;
use crate::{
    abi::{Abi, Extent},
    message::MapCreate,
    prng::Rng,
    run::{Outcome, Phase},
    sys::{self, Ret},
    target::{self, MOUNTPOINT, Target},
    window::{PAGE, Way, Window},
};

const SECOND: &CStr = c"/mnt/fuzz2";
const PMD: u64 = 2 << 20;

#[derive(Debug)]
pub(crate) enum Op {
    /// A mount begins while the driver is unbound: no mount may miss that its device went.
    MountUnbind { mount_us: u64, unbind_us: u64 },
    /// A mount begins while another ends; then memory fails: the new one must hear of it.
    MountUnmount {
        mount_us: u64,
        unmount_us: u64,
        page: u64,
    },
    /// Memory fails while the mount ends.
    PoisonUnmount {
        poison_us: u64,
        unmount_us: u64,
        page: u64,
        lazy: bool,
    },
    /// The driver is unbound while the mount ends.
    UnbindUnmount { unbind_us: u64, unmount_us: u64 },
    /// A mount opens a second device while its driver is unbound.
    OpenUnbind { open_us: u64, unbind_us: u64 },
    /// A file is deleted while a pipe still holds a page of it, and the mount ends.
    PinnedDelete { release_us: u64, page: u64 },
    /// The mount ends and the module is unloaded while memory fails.
    PoisonUnload {
        poison_us: u64,
        unload_us: u64,
        page: u64,
    },
}

#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub target: &'a Target,
}

/// Runs both, started together and delayed by so many microseconds.
fn race<A: Send, B: Send>(
    (first_us, first): (u64, impl FnOnce() -> A + Send),
    (second_us, second): (u64, impl FnOnce() -> B + Send),
) -> (A, B) {
    let start = Barrier::new(2);
    let wait = |micros| {
        start.wait();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(micros) {
            std::hint::spin_loop();
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            wait(second_us);
            second()
        });
        wait(first_us);
        let first = first();
        (first, other.join().expect("no race panics"))
    })
}

fn state(on: &CStr) -> Option<String> {
    let dev = fs::metadata(on.to_str().ok()?).ok()?.dev();
    let folder = format!("/sys/fs/famfs/{}:{}", libc::major(dev), libc::minor(dev));
    let text = fs::read_to_string(format!("{folder}/state")).ok()?;
    Some(text.trim().to_owned())
}

/// A mapped page of a new file below `on`.
fn victim(target: &Target, on: &CStr, page: u64) -> Result<Window, Errno> {
    let name = format!("{}/victim", on.to_string_lossy());
    let name = std::ffi::CString::new(name).unwrap_or_default();
    let fd = sys::open(&name, libc::O_RDWR | libc::O_CREAT)?;
    let pages = (target.rules.device - PMD) / PAGE as u64;
    let range = Extent {
        device: 0,
        offset: PMD + page % pages * PAGE as u64,
        len: PAGE as u64,
    };
    let call = MapCreate::simple(Abi::V2, PAGE as u64, vec![range]);
    let window = Buffers::new()
        .map_create(fd, &call)
        .and_then(|_| Window::new(500, fd, 0, PAGE, 3, libc::MAP_SHARED));
    let _ = sys::close(fd);
    let window = window?;
    window.touch(0, true, Way::Copy, 1)?;
    Ok(window)
}

fn unmount(on: &CStr, how: i32) -> Ret {
    sys::on_path(libc::SYS_umount2, on, [sys::flags(how)])
}

/// Unmounts both places for good.
fn quiet() -> Option<String> {
    let begun = Instant::now();
    for on in [SECOND, MOUNTPOINT] {
        loop {
            match unmount(on, 0) {
                Err(Errno::EINVAL) => break,
                Err(Errno::EBUSY) if begun.elapsed() < Duration::from_secs(30) => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Some(format!("{on:?} cannot be unmounted: {error}")),
                Ok(_) => {}
            }
        }
    }
    None
}

/// Mounts as soon as it is possible, for a while.
fn insist(target: &Target, on: &CStr, tries: u32) -> Result<(), Errno> {
    let mut result = Err(Errno::EBUSY);
    for _ in 0..tries {
        result = target::mount(&target.device, on, 0, c"");
        if result != Err(Errno::EBUSY) {
            break;
        }
    }
    result
}

impl Claim<'_> {
    fn mount_unbind(&self, mount_us: u64, unbind_us: u64) -> Outcome {
        let mount = || target::mount(&self.target.device, SECOND, 0, c"");
        let (mounted, unbound) = race((mount_us, mount), (unbind_us, || self.target.unbind(0)));
        let mut wrong = None;
        if mounted.is_ok() && unbound.is_ok() && !self.target.is_bound(0) {
            let state = state(SECOND);
            if state.as_deref() != Some("disabled") {
                wrong = Some(format!(
                    "the driver is gone and the mount's state is {state:?}"
                ));
            }
        }
        let wrong = wrong.or_else(quiet);
        let restored = self
            .target
            .restore()
            .err()
            .map(|error| format!("{error:#}"));
        Outcome {
            result: mounted.map(|()| 0),
            wrong: wrong.or(restored),
        }
    }

    fn mount_unmount(&self, mount_us: u64, unmount_us: u64, page: u64) -> Outcome {
        if let Err(error) = self.target.mount() {
            return Outcome {
                result: Err(error),
                wrong: Some("the device cannot be mounted".to_owned()),
            };
        }
        let (_, mounted) = race(
            (unmount_us, || unmount(MOUNTPOINT, 0)),
            (mount_us, || insist(self.target, SECOND, 2000)),
        );
        if mounted.is_err() {
            return Outcome {
                result: mounted.map(|()| 0),
                wrong: quiet(),
            };
        }
        let result = victim(self.target, SECOND, page)
            .and_then(|window| window.advise(0, PAGE, libc::MADV_HWPOISON));
        // A page that is bad already is not reported again.
        let mut wrong = None;
        if result.is_ok() {
            let state = state(SECOND);
            if state.as_deref() != Some("disabled") {
                wrong = Some(format!("memory failed and the mount's state is {state:?}"));
            }
        }
        Outcome {
            result,
            wrong: wrong.or_else(quiet),
        }
    }

    fn poison_unmount(&self, op: &Op) -> Outcome {
        let Op::PoisonUnmount {
            poison_us,
            unmount_us,
            page,
            lazy,
        } = *op
        else {
            return Ok(0).into();
        };
        if let Err(error) = self.target.mount() {
            return Outcome {
                result: Err(error),
                wrong: Some("the device cannot be mounted".to_owned()),
            };
        }
        let how = if lazy { libc::MNT_DETACH } else { 0 };
        let result = victim(self.target, MOUNTPOINT, page).map(|window| {
            race(
                (poison_us, move || {
                    let poisoned = window.advise(0, PAGE, libc::MADV_HWPOISON);
                    drop(window);
                    poisoned
                }),
                (unmount_us, || unmount(MOUNTPOINT, how)),
            )
            .0
        });
        Outcome {
            result: result.and_then(|poisoned| poisoned),
            wrong: quiet(),
        }
    }

    fn unbind_unmount(&self, unbind_us: u64, unmount_us: u64) -> Outcome {
        let mounted = self.target.mount();
        let window = victim(self.target, MOUNTPOINT, 9);
        drop(window);
        let (_, _) = race(
            (unbind_us, || self.target.unbind(0)),
            (unmount_us, || unmount(MOUNTPOINT, 0)),
        );
        let wrong = quiet();
        let restored = self
            .target
            .restore()
            .err()
            .map(|error| format!("{error:#}"));
        Outcome {
            result: mounted.map(|()| 0),
            wrong: wrong.or(restored),
        }
    }

    fn open_unbind(&self, open_us: u64, unbind_us: u64) -> Outcome {
        let mounted = self.target.mount();
        let (opened, unbound) = race(
            (open_us, || self.target.open_second()),
            (unbind_us, || self.target.unbind(1)),
        );
        let mut wrong = mounted
            .err()
            .map(|_| "the device cannot be mounted".to_owned());
        if opened.is_ok() && unbound.is_ok() && !self.target.is_bound(1) {
            let state = state(MOUNTPOINT);
            if state.as_deref() != Some("disabled") {
                wrong = Some(format!(
                    "the second device's driver is gone and the mount's state is {state:?}"
                ));
            }
        }
        let wrong = wrong.or_else(quiet);
        let restored = self
            .target
            .restore()
            .err()
            .map(|error| format!("{error:#}"));
        Outcome {
            result: opened.map(|()| 0),
            wrong: wrong.or(restored),
        }
    }

    /// 7.3 waits for the pipe to let go; 6.12 does not, and warns.
    fn pinned_delete(&self, release_us: u64, page: u64) -> Outcome {
        if let Err(error) = self.target.mount() {
            return Outcome {
                result: Err(error),
                wrong: Some("the device cannot be mounted".to_owned()),
            };
        }
        let _ = target::allow_everything();
        let result = victim(self.target, MOUNTPOINT, page).and_then(|window| {
            let pipe = window.pin(0, PAGE)?;
            let delete = || {
                drop(window);
                sys::on_path(libc::SYS_unlink, c"/mnt/fuzz/victim", [])
            };
            let release = || pipe.map(sys::close);
            race((0, delete), (release_us, release)).0
        });
        let wrong = result.err().map(|error| format!("a pinned file: {error}"));
        Outcome {
            result,
            wrong: wrong.or_else(quiet),
        }
    }

    fn poison_unload(&self, poison_us: u64, unload_us: u64, page: u64) -> Outcome {
        if let Err(error) = self.target.mount() {
            return Outcome {
                result: Err(error),
                wrong: Some("the device cannot be mounted".to_owned()),
            };
        }
        let result = victim(self.target, MOUNTPOINT, page).and_then(|window| {
            let unload = || {
                for _ in 0..100 {
                    let _ = unmount(MOUNTPOINT, 0);
                    if target::unload().is_ok() {
                        return true;
                    }
                    thread::yield_now();
                }
                false
            };
            let poison = move || {
                let poisoned = window.advise(0, PAGE, libc::MADV_HWPOISON);
                drop(window);
                poisoned
            };
            race((poison_us, poison), (unload_us, unload)).0
        });
        let loaded = target::load().err().map(|error| format!("{error:#}"));
        Outcome {
            result,
            wrong: quiet().or(loaded),
        }
    }
}

impl Phase for Claim<'_> {
    type Op = Op;
    type Local = ();
    const NAME: &'static str = "claim";

    fn generate(&self, _thread: usize, rng: &mut Rng) -> Op {
        // The windows are microseconds wide, somewhere in calls that take up to milliseconds.
        let mut delay = |most| rng.below(most);
        let (short, long, other) = (delay(300), delay(3000), delay(30_000));
        let page = rng.any();
        match rng.below(10) {
            0..=1 => Op::MountUnbind {
                mount_us: rng.pick(&[short, long]),
                unbind_us: rng.pick(&[0, short, long]),
            },
            2 if self.target.second.is_some() => Op::OpenUnbind {
                open_us: rng.pick(&[short, long]),
                unbind_us: rng.pick(&[0, short, long]),
            },
            2..=5 => Op::MountUnmount {
                mount_us: short,
                unmount_us: long / 4,
                page,
            },
            6..=7 => Op::PoisonUnmount {
                poison_us: short,
                unmount_us: long / 4,
                page,
                lazy: rng.chance(50),
            },
            8 => Op::UnbindUnmount {
                unbind_us: short,
                unmount_us: if rng.chance(50) { long } else { short },
            },
            9 if rng.chance(30) => Op::PinnedDelete {
                release_us: other,
                page,
            },
            _ => Op::PoisonUnload {
                poison_us: short,
                unload_us: long / 4,
                page,
            },
        }
    }

    fn kind(op: &Op) -> &'static str {
        match op {
            Op::MountUnbind { .. } => "mount_unbind",
            Op::MountUnmount { .. } => "mount_umount",
            Op::PoisonUnmount { .. } => "poison_umount",
            Op::UnbindUnmount { .. } => "unbind_umount",
            Op::OpenUnbind { .. } => "open_unbind",
            Op::PinnedDelete { .. } => "pinned_unlink",
            Op::PoisonUnload { .. } => "poison_rmmod",
        }
    }

    fn enter(&self, _thread: usize) {}

    fn execute(&self, (): &mut (), op: &Op) -> Outcome {
        match *op {
            Op::MountUnbind {
                mount_us,
                unbind_us,
            } => self.mount_unbind(mount_us, unbind_us),
            Op::MountUnmount {
                mount_us,
                unmount_us,
                page,
            } => self.mount_unmount(mount_us, unmount_us, page),
            Op::PoisonUnmount { .. } => self.poison_unmount(op),
            Op::UnbindUnmount {
                unbind_us,
                unmount_us,
            } => self.unbind_unmount(unbind_us, unmount_us),
            Op::OpenUnbind { open_us, unbind_us } => self.open_unbind(open_us, unbind_us),
            Op::PinnedDelete { release_us, page } => self.pinned_delete(release_us, page),
            Op::PoisonUnload {
                poison_us,
                unload_us,
                page,
            } => self.poison_unload(poison_us, unload_us, page),
        }
    }

    fn leave(&self, (): ()) {}
}
