//! Names come and go under option bits that change: many threads, few names, one mount.

use std::ffi::CString;

use nix::errno::Errno;

use crate::{
    abi::{self, Abi, Extent},
    message::MapCreate,
    oracle::errnos,
    phase::file::Buffers,
    prng::Rng,
    run::{Outcome, Phase},
    sys::{self, Ret},
    target::{self, MOUNTPOINT, Target},
};

const PMD: u64 = 2 << 20;

/// A name: in the root, or in one of two folders; a few are none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name(u8);

impl Name {
    fn generate(rng: &mut Rng) -> Self {
        Self(rng.byte())
    }

    fn path(self) -> CString {
        let number = self.0 % 5;
        target::path(&match self.0 {
            0..=99 => format!("n{number}"),
            100..=169 => format!("d0/n{number}"),
            170..=219 => format!("d1/n{number}"),
            220..=234 => format!("d{}", self.0 % 2),
            235..=239 => "x".repeat(254 + usize::from(number)),
            240..=243 => ".".to_owned(),
            244..=247 => "d0/..".to_owned(),
            248..=250 => "n0/below".to_owned(),
            _ => String::new(),
        })
    }
}

#[derive(Debug)]
pub(crate) enum Op {
    Create { name: Name, how: i32, mode: u32 },
    Folder { name: Name, mode: u32 },
    Unlink { name: Name },
    Rmdir { name: Name },
    Rename { from: Name, to: Name, how: u32 },
    Link { from: Name, to: Name },
    Symlink { to: Name },
    Node { name: Name, mode: u32 },
    Truncate { name: Name, size: u64 },
    Mode { name: Name, mode: u32 },
    Owner { name: Name, user: u32, group: u32 },
    Times { name: Name },
    SetXattr { name: Name },
    GetXattr { name: Name },
    List { name: Name },
    Stat { name: Name },
    Options { command: u32, bits: u64 },
    Map { name: Name, slot: u64, abi: Abi },
    Read { name: Name, at: u64 },
    Write { name: Name, at: u64, append: bool },
    Fallocate { name: Name, mode: i32 },
}

#[derive(Debug)]
pub(crate) struct Names<'a> {
    pub target: &'a Target,
}

#[derive(Debug)]
pub(crate) struct Local {
    folder: i32,
    buffers: Buffers,
}

impl Names<'_> {
    fn on_file(name: Name, how: i32, act: impl FnOnce(i32) -> Ret) -> Ret {
        // Without waiting: a name may be a pipe by now.
        let fd = sys::open(&name.path(), how | libc::O_NONBLOCK)?;
        let result = act(fd);
        let _ = sys::close(fd);
        result
    }

    fn act(local: &mut Local, op: &Op) -> Ret {
        let cwd = sys::flags(libc::AT_FDCWD);
        match *op {
            Op::Create { name, how, mode } => {
                let path = name.path();
                let fd = sys::open(&path, how | libc::O_CREAT)?;
                let _ = sys::on_path(libc::SYS_chmod, &path, [mode as usize]);
                sys::close(fd)
            }
            Op::Folder { name, mode } => {
                sys::on_path(libc::SYS_mkdir, &name.path(), [mode as usize])
            }
            Op::Unlink { name } => sys::on_path(libc::SYS_unlink, &name.path(), []),
            Op::Rmdir { name } => sys::on_path(libc::SYS_rmdir, &name.path(), []),
            Op::Rename { from, to, how } => {
                let (from, to) = (from.path(), to.path());
                let words = [
                    cwd,
                    from.as_ptr().addr(),
                    cwd,
                    to.as_ptr().addr(),
                    how as usize,
                ];
                // SAFETY: the kernel only reads the names.
                unsafe { sys::call(libc::SYS_renameat2, words) }
            }
            Op::Link { from, to } => sys::on_paths(libc::SYS_link, &from.path(), &to.path()),
            Op::Symlink { to } => sys::on_paths(libc::SYS_symlink, c"nowhere", &to.path()),
            Op::Node { name, mode } => {
                sys::on_path(libc::SYS_mknod, &name.path(), [mode as usize, 0x103])
            }
            Op::Truncate { name, size } => sys::on_path(
                libc::SYS_truncate,
                &name.path(),
                [usize::try_from(size).unwrap_or(0)],
            ),
            Op::Mode { name, mode } => sys::on_path(libc::SYS_chmod, &name.path(), [mode as usize]),
            Op::Owner { name, user, group } => sys::on_path(
                libc::SYS_chown,
                &name.path(),
                [user as usize, group as usize],
            ),
            Op::Times { name } => sys::on_path(libc::SYS_utimes, &name.path(), [0]),
            Op::SetXattr { name } => {
                let value = [0_u8; 16];
                let key = c"user.key".as_ptr().addr();
                let rest = [key, value.as_ptr().addr(), value.len(), 0];
                sys::on_path(libc::SYS_setxattr, &name.path(), rest)
            }
            Op::GetXattr { name } => {
                let rest = [c"user.key".as_ptr().addr(), 0, 0];
                sys::on_path(libc::SYS_getxattr, &name.path(), rest)
            }
            Op::List { name } => Self::on_file(name, libc::O_RDONLY | libc::O_DIRECTORY, |fd| {
                let mut entries = [0_u64; 512];
                let words = [
                    sys::word(fd),
                    entries.as_mut_ptr().addr(),
                    size_of_val(&entries),
                ];
                // SAFETY: the kernel writes to the array.
                unsafe { sys::call(libc::SYS_getdents64, words) }
            }),
            Op::Stat { name } => nix::sys::stat::lstat(name.path().as_c_str()).map(|_| 0),
            Op::Options { command, bits } => {
                let mut word = bits;
                // SAFETY: the kernel writes 8 bytes.
                unsafe { sys::ioctl(local.folder, command, (&raw mut word).addr()) }
            }
            Op::Map { name, slot, abi } => Self::on_file(name, libc::O_RDWR, |fd| {
                let range = Extent {
                    device: 0,
                    offset: PMD * (1 + slot),
                    len: PMD,
                };
                let call = MapCreate::simple(abi, PMD - slot, vec![range]);
                local.buffers.map_create(fd, &call)
            }),
            Op::Read { name, at } => {
                Self::on_file(name, libc::O_RDONLY, |fd| sys::pread(fd, &mut [0; 64], at))
            }
            Op::Write { name, at, append } => {
                let how = if append { libc::O_APPEND } else { 0 };
                Self::on_file(name, libc::O_WRONLY | how, |fd| {
                    let bytes = [1; 64];
                    if append {
                        // SAFETY: the kernel only reads.
                        return unsafe {
                            sys::call(libc::SYS_write, [sys::word(fd), bytes.as_ptr().addr(), 64])
                        };
                    }
                    sys::pwrite(fd, &bytes, at)
                })
            }
            Op::Fallocate { name, mode } => Self::on_file(name, libc::O_RDWR, |fd| {
                // SAFETY: writes no memory.
                unsafe {
                    sys::call(
                        libc::SYS_fallocate,
                        [sys::word(fd), sys::flags(mode), 0, 4096],
                    )
                }
            }),
        }
    }

    /// Whether an operation may end so, whoever else is at work on the same names.
    fn listed(&self, op: &Op, error: Errno) -> bool {
        use Errno::{
            E2BIG, EACCES, EAGAIN, EBADF, EBUSY, EEXIST, EFBIG, EINVAL, EIO, EISDIR, ELOOP,
            ENAMETOOLONG, ENODATA, ENODEV, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, ENOTTY, ENXIO,
            EOPNOTSUPP, EPERM, EPIPE, EROFS, ESPIPE, ETXTBSY, EXDEV,
        };
        // What a walk along the name may find. A symlink leads nowhere, a node to no driver;
        // the mount point itself lies on something that cannot be written.
        let walk = [
            ENOENT,
            ENOTDIR,
            ENAMETOOLONG,
            ELOOP,
            EISDIR,
            ENXIO,
            EINVAL,
            EROFS,
        ];
        if walk.contains(&error) {
            return true;
        }
        let own: &[Errno] = match op {
            // The VFS keeps others' nodes in sticky folders that all may write to.
            Op::Create { .. } => &[EEXIST, EPERM, EACCES],
            Op::Folder { .. } | Op::Symlink { .. } | Op::Node { .. } => {
                &[EEXIST, EPERM, EOPNOTSUPP]
            }
            Op::Link { .. } => &[EEXIST, EPERM, EXDEV],
            Op::Unlink { .. } => &[EPERM, EBUSY],
            Op::Rmdir { .. } => &[EPERM, EBUSY, ENOTEMPTY],
            Op::Rename { .. } => &[EPERM, EBUSY, ENOTEMPTY, EEXIST, EXDEV],
            Op::Truncate { .. } => &[EPERM, EFBIG, ETXTBSY],
            Op::Mode { .. } | Op::Owner { .. } | Op::Times { .. } | Op::SetXattr { .. } => {
                &[EPERM, EOPNOTSUPP]
            }
            Op::GetXattr { .. } => &[EPERM, EOPNOTSUPP, ENODATA],
            Op::List { .. } | Op::Stat { .. } => &[],
            Op::Options { command, .. } => {
                return errnos::other(*command, self.target.rules, false, error);
            }
            // The bits of a file's mode bind nobody who may do everything; the option bits do.
            Op::Map { abi, .. } => {
                return errnos::map_create(*abi, self.target.rules, false, error)
                    || [ENOTTY, E2BIG, EPERM].contains(&error);
            }
            // Pipes and nodes answer for themselves.
            Op::Read { .. } => &[EIO, EPERM, ESPIPE, EAGAIN],
            Op::Write { .. } => &[EIO, ENOSPC, EPERM, EFBIG, ESPIPE, EPIPE, EAGAIN],
            Op::Fallocate { .. } => &[EOPNOTSUPP, EPERM, EBADF, ESPIPE, ENODEV],
        };
        own.contains(&error)
    }
}

impl Phase for Names<'_> {
    type Op = Op;
    type Local = Local;
    const NAME: &'static str = "names";

    fn generate(&self, _thread: usize, rng: &mut Rng) -> Op {
        let name = Name::generate(rng);
        let mode = u32::try_from(rng.below(0o10000)).unwrap_or(0) | 0o400;
        match rng.below(100) {
            0..=13 => {
                let flags = [
                    0,
                    libc::O_EXCL,
                    libc::O_TRUNC,
                    libc::O_APPEND,
                    libc::O_DIRECT,
                ];
                let access = rng.pick(&[libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR]);
                Op::Create {
                    name,
                    how: access | rng.pick(&flags) | libc::O_NONBLOCK,
                    mode,
                }
            }
            14..=19 => Op::Folder { name, mode },
            20..=31 => Op::Unlink { name },
            32..=34 => Op::Rmdir { name },
            35..=43 => Op::Rename {
                from: name,
                to: Name::generate(rng),
                how: rng.pick(&[0, 0, 0, 1, 2, 4, 8]),
            },
            44..=46 => Op::Link {
                from: name,
                to: Name::generate(rng),
            },
            47..=48 => Op::Symlink { to: name },
            49..=50 => Op::Node {
                name,
                mode: rng.pick(&[libc::S_IFCHR, libc::S_IFREG, libc::S_IFIFO, libc::S_IFSOCK])
                    | 0o600,
            },
            51..=55 => Op::Truncate {
                name,
                size: if rng.chance(50) {
                    rng.edge(PMD)
                } else {
                    rng.below(2 * PMD)
                },
            },
            56..=58 => Op::Mode { name, mode },
            59..=60 => Op::Owner {
                name,
                user: u32::try_from(rng.below(3)).unwrap_or(0),
                group: u32::try_from(rng.below(3)).unwrap_or(0),
            },
            61 => Op::Times { name },
            62 => Op::SetXattr { name },
            63 => Op::GetXattr { name },
            64..=67 => Op::List { name },
            68..=70 => Op::Stat { name },
            71..=76 => Op::Options {
                command: rng.pick(&[abi::SET_OPTS, abi::SET_OPTS, abi::CLEAR_OPTS, abi::GET_OPTS]),
                bits: if rng.chance(10) {
                    rng.any()
                } else {
                    1 << rng.below(15)
                },
            },
            77..=86 => Op::Map {
                name,
                slot: rng.below(64),
                abi: rng.pick(&[Abi::V1, Abi::V2, Abi::V44]),
            },
            87..=91 => Op::Read {
                name,
                at: if rng.chance(50) {
                    rng.below(PMD)
                } else {
                    rng.edge(PMD) >> 1
                },
            },
            92..=97 => Op::Write {
                name,
                at: if rng.chance(50) {
                    rng.below(PMD)
                } else {
                    rng.edge(PMD) >> 1
                },
                append: rng.chance(20),
            },
            _ => Op::Fallocate {
                name,
                mode: rng.pick(&[0, 1, 2, 3, 16, 32]),
            },
        }
    }

    fn kind(op: &Op) -> &'static str {
        match op {
            Op::Create { .. } => "creat",
            Op::Folder { .. } => "mkdir",
            Op::Unlink { .. } => "unlink",
            Op::Rmdir { .. } => "rmdir",
            Op::Rename { .. } => "rename",
            Op::Link { .. } => "link",
            Op::Symlink { .. } => "symlink",
            Op::Node { .. } => "mknod",
            Op::Truncate { .. } => "truncate",
            Op::Mode { .. } => "chmod",
            Op::Owner { .. } => "chown",
            Op::Times { .. } => "utimes",
            Op::SetXattr { .. } => "setxattr",
            Op::GetXattr { .. } => "getxattr",
            Op::List { .. } => "getdents",
            Op::Stat { .. } => "stat",
            Op::Options { .. } => "options",
            Op::Map { .. } => "map_create",
            Op::Read { .. } => "read",
            Op::Write { .. } => "write",
            Op::Fallocate { .. } => "fallocate",
        }
    }

    fn enter(&self, _thread: usize) -> Local {
        Local {
            folder: sys::open(MOUNTPOINT, libc::O_RDONLY | libc::O_DIRECTORY)
                .expect("the mount point can be opened"),
            buffers: Buffers::new(),
        }
    }

    fn execute(&self, local: &mut Local, op: &Op) -> Outcome {
        let result = Self::act(local, op);
        let error = result.err().filter(|error| !self.listed(op, *error));
        Outcome {
            result,
            wrong: error.map(|error| format!("{error} is not on the list")),
        }
    }

    fn leave(&self, local: Local) {
        let _ = sys::close(local.folder);
    }
}

/// Deletes what the phase left; everything must be deletable.
pub(crate) fn clear() -> Result<(), String> {
    let _ = target::allow_everything();
    let root = "/mnt/fuzz";
    for entry in std::fs::read_dir(root).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.map_err(|error| format!("cannot delete {}: {error}", path.display()))?;
    }
    Ok(())
}
