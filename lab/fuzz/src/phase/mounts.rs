//! Mounts of every kind, good and bad, from several threads at once, of one device.

use std::{ffi::CString, fs, process::Command};

use nix::errno::Errno;

use crate::{
    prng::Rng,
    run::{Outcome, Phase},
    sys::{self, Ret},
    target::{self, MOUNTPOINT, Target},
};

#[derive(Debug)]
pub(crate) enum Op {
    Mount {
        source: usize,
        options: usize,
        how: libc::c_ulong,
        second: bool,
    },
    Remount {
        options: usize,
        how: libc::c_ulong,
    },
    Bind {
        how: libc::c_ulong,
    },
    Unmount {
        how: i32,
        second: bool,
    },
    Hold {
        millis: u64,
    },
    Configure {
        keys: Vec<(usize, usize)>,
    },
    UserNamespace,
    Look,
}

/// `DEV` stands for the device, `ALIAS` for another node of its number.
const SOURCES: &[&str] = &[
    "DEV",
    "ALIAS",
    "/mnt/../DEV",
    "",
    "none",
    "/dev/null",
    "/dev/zero",
    "/dev/none",
    "/proc/self/exe",
    "/mnt",
    "/dev/console",
    "/dev/pmem0p1",
    "/dev/dax0.1",
    "/dev/loop0",
    "LONG",
    "/dev/null/x",
    "/tmp/loop",
];

const OPTIONS: &[&str] = &[
    "",
    "",
    "",
    "dax=always",
    "mode=755",
    "mode=0",
    "mode=7777",
    "dax=always,mode=700",
    "mode=10000",
    "mode=-1",
    "mode=9",
    "mode=",
    "mode",
    "dax=never",
    "dax",
    "dax=inode",
    "unknown",
    "=",
    ",",
    ",,,",
    "mode=755,mode=700",
    "source=/dev/null",
    "noatime",
    "uid=5",
    "mode=99999999999999999999",
    "LONG",
];

const FLAGS: &[libc::c_ulong] = &[
    0,
    0,
    0,
    libc::MS_NOATIME,
    libc::MS_RDONLY,
    libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
    libc::MS_SYNCHRONOUS,
    libc::MS_LAZYTIME,
    libc::MS_SILENT,
];

/// Where every thread may mount besides.
const SECOND: &std::ffi::CStr = c"/mnt/fuzz2";

#[derive(Debug)]
pub(crate) struct Mounts<'a> {
    pub target: &'a Target,
}

impl Mounts<'_> {
    fn expand(&self, text: &str) -> String {
        match text {
            "ALIAS" => "/tmp/alias".to_owned(),
            "LONG" => "x".repeat(3000),
            other => other.replace("DEV", &self.target.device),
        }
    }

    fn mount(&self, source: usize, options: usize, how: libc::c_ulong, second: bool) -> Ret {
        let options = CString::new(self.expand(OPTIONS[options])).unwrap_or_default();
        let on = if second { SECOND } else { MOUNTPOINT };
        let source = self.expand(SOURCES[source]);
        target::mount(&source, on, how, &options).map(|()| 0)
    }

    /// The newer calls: a context, options one by one, then create, then nothing.
    fn configure(&self, keys: &[(usize, usize)]) -> Ret {
        const SET_FLAG: usize = 0;
        const SET_STRING: usize = 1;
        const CREATE: usize = 6;
        let words = [c"famfs".as_ptr().addr(), 1];
        // SAFETY: the kernel only reads the name.
        let fs = unsafe { sys::call(libc::SYS_fsopen, words) }?;
        let device = CString::new(self.target.device.as_str()).unwrap_or_default();
        let mut result = Ok(0);
        for (key, value) in keys {
            let name = [c"source", c"mode", c"dax", c"ro", c"", c"unknown"][*key % 6];
            let value = [
                device.as_c_str(),
                c"755",
                c"always",
                c"",
                c"9",
                c"/dev/null",
            ][*value % 6];
            let command = if *key % 6 == 3 { SET_FLAG } else { SET_STRING };
            let value = if command == SET_FLAG {
                0
            } else {
                value.as_ptr().addr()
            };
            let words = [fs, command, name.as_ptr().addr(), value, 0];
            // SAFETY: the kernel only reads the strings.
            result = unsafe { sys::call(libc::SYS_fsconfig, words) };
        }
        if keys.len().is_multiple_of(2) {
            // SAFETY: reads no memory.
            result = unsafe { sys::call(libc::SYS_fsconfig, [fs, CREATE, 0, 0, 0]) };
        }
        let _ = sys::close(i32::try_from(fs).unwrap_or(-1));
        result
    }
}

impl Phase for Mounts<'_> {
    type Op = Op;
    type Local = ();
    const NAME: &'static str = "mounts";

    fn generate(&self, _thread: usize, rng: &mut Rng) -> Op {
        let second = rng.chance(30);
        match rng.below(100) {
            0..=41 => Op::Mount {
                // Mostly what can succeed, so that the rest meets a mount.
                source: if rng.chance(70) {
                    0
                } else {
                    rng.index(SOURCES.len())
                },
                options: if rng.chance(60) {
                    0
                } else {
                    rng.index(OPTIONS.len())
                },
                how: rng.pick(FLAGS),
                second,
            },
            42..=59 => Op::Remount {
                options: rng.index(OPTIONS.len()),
                how: rng.pick(FLAGS),
            },
            60..=63 => Op::Bind {
                how: rng.pick(&[libc::MS_BIND, libc::MS_BIND | libc::MS_REC]),
            },
            64..=80 => Op::Unmount {
                how: rng.pick(&[
                    0,
                    0,
                    0,
                    0,
                    libc::MNT_DETACH,
                    libc::MNT_FORCE,
                    libc::MNT_EXPIRE,
                    64,
                ]),
                second,
            },
            81..=86 => Op::Hold {
                millis: rng.below(3),
            },
            87..=94 => Op::Configure {
                keys: (0..rng.below(5))
                    .map(|_| (rng.index(6), rng.index(6)))
                    .collect(),
            },
            95 if rng.chance(20) => Op::UserNamespace,
            _ => Op::Look,
        }
    }

    fn kind(op: &Op) -> &'static str {
        match op {
            Op::Mount { .. } => "mount",
            Op::Remount { .. } => "remount",
            Op::Bind { .. } => "bind",
            Op::Unmount { .. } => "umount",
            Op::Hold { .. } => "open",
            Op::Configure { .. } => "fsconfig",
            Op::UserNamespace => "userns_mount",
            Op::Look => "look",
        }
    }

    fn enter(&self, thread: usize) {
        if thread > 0 {
            return;
        }
        let _ = fs::remove_file("/tmp/alias");
        let _ = Command::new("cp")
            .args(["-a", &self.target.device, "/tmp/alias"])
            .status();
    }

    fn execute(&self, (): &mut (), op: &Op) -> Outcome {
        use Errno::{
            E2BIG, EACCES, EAGAIN, EBUSY, EINVAL, ELOOP, ENAMETOOLONG, ENODEV, ENOENT, ENOTBLK,
            ENOTDIR, ENXIO, EOPNOTSUPP, EPERM, EROFS, ESTALE,
        };
        let (result, listed): (Ret, &[Errno]) = match *op {
            Op::Mount {
                source,
                options,
                how,
                second,
            } => (
                self.mount(source, options, how, second),
                &[
                    EBUSY,
                    EINVAL,
                    ENOENT,
                    ENODEV,
                    ENXIO,
                    ENOTDIR,
                    ENAMETOOLONG,
                    EACCES,
                    ELOOP,
                    ENOTBLK,
                    EOPNOTSUPP,
                    EROFS,
                    ESTALE,
                    EPERM,
                ],
            ),
            Op::Remount { options, how } => (
                self.mount(0, options, how | libc::MS_REMOUNT, false),
                &[EINVAL, ENOENT, EBUSY],
            ),
            Op::Bind { how } => (
                target::mount("/mnt/fuzz", SECOND, how, c"").map(|()| 0),
                &[EINVAL, ENOENT],
            ),
            Op::Unmount { how, second } => (
                sys::on_path(
                    libc::SYS_umount2,
                    if second { SECOND } else { MOUNTPOINT },
                    [sys::flags(how)],
                ),
                &[EINVAL, EBUSY, EAGAIN, ENOENT, EPERM],
            ),
            Op::Hold { millis } => {
                let held = sys::open(c"/mnt/fuzz/held", libc::O_RDWR | libc::O_CREAT);
                std::thread::sleep(std::time::Duration::from_millis(millis));
                (
                    held.and_then(sys::close),
                    &[EROFS, ENODEV, EINVAL, ENOENT, EACCES, EPERM],
                )
            }
            Op::Configure { ref keys } => (
                self.configure(keys),
                &[
                    EINVAL, EBUSY, ENOENT, ENODEV, EOPNOTSUPP, E2BIG, ENXIO, EACCES, ESTALE,
                ],
            ),
            Op::UserNamespace => {
                let script = format!("mount -t famfs {} /mnt/fuzz2", self.target.device);
                let status = Command::new("unshare")
                    .args(["-Urm", "sh", "-c", &script])
                    .output();
                let refused = status.is_ok_and(|output| !output.status.success());
                let result = if refused { Err(EPERM) } else { Ok(0) };
                let wrong = (!refused).then(|| "a user namespace mounted a device".to_owned());
                return Outcome { result, wrong };
            }
            Op::Look => {
                let _ = fs::read_to_string("/proc/self/mountinfo");
                let _ = target::blocks();
                for name in ["source", "state", "error", "faults", "devices", "options"] {
                    let _ = target::attribute(name);
                }
                (Ok(0), &[])
            }
        };
        let error = result.err().filter(|error| !listed.contains(error));
        Outcome {
            result,
            wrong: error.map(|error| format!("{error} is not on the list")),
        }
    }

    fn leave(&self, (): ()) {}
}

/// Takes everything down again.
pub(crate) fn clear() -> Result<(), String> {
    for _ in 0..10_000 {
        if sys::on_path(libc::SYS_umount2, SECOND, [0]) == Err(Errno::EINVAL) {
            break;
        }
    }
    target::unmount_all().map_err(|error| format!("{error:#}"))
}
