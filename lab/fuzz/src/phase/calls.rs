//! Every ioctl of every ABI on files of one's own: what must be refused is, what is good is
//! accepted, nothing answers with an errno of its own invention, and no file reaches another.

use std::{
    ffi::CString,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use nix::errno::Errno;

use super::file::{Buffers, File, Mapped};
use crate::{
    abi,
    arena::Ptr,
    message::MapCreate,
    oracle::{
        errnos,
        ranges::Ranges,
        reference::{self, Verdict},
    },
    prng::Rng,
    run::{Outcome, Phase},
    sys::{self, Ret},
    target::{MOUNTPOINT, Target},
};

const SLOTS: usize = 8;

/// The VFS answers these itself, or asks the file system.
const VFS: &[u32] = &[
    0x0000_0001,
    0x0000_0002,
    0x5421,
    0x5450,
    0x5451,
    0x5452,
    0x5460,
    0x541b,
    0xc004_5877,
    0xc004_5878,
    0xc020_660b,
    0x4004_9409,
    0xc018_9436,
    0x8008_6601,
    0x4008_6602,
    0x801c_581f,
    0x401c_5820,
    0x8011_1500,
    0x8081_1501,
    0x4030_5828,
    0x8004_7601,
];

#[derive(Debug)]
pub(crate) enum Op {
    Create {
        slot: usize,
    },
    Remove {
        slot: usize,
    },
    Map {
        slot: usize,
        call: MapCreate,
        raw_io: bool,
        folder: bool,
    },
    Get {
        slot: usize,
        command: u32,
        ptr: Ptr,
        folder: bool,
    },
    Raw {
        slot: usize,
        command: u32,
        bytes: Vec<u8>,
        ptr: Ptr,
        folder: bool,
    },
    Options {
        command: u32,
        bits: u64,
        ptr: Ptr,
        raw_io: bool,
    },
    Device {
        index: u64,
        path: &'static str,
        len: u32,
        flags: u32,
        message: Ptr,
        name: Ptr,
        raw_io: bool,
    },
    Check {
        slot: usize,
    },
}

#[derive(Debug)]
pub(crate) struct Calls<'a> {
    pub target: &'a Target,
    pub ranges: &'a Ranges,
    owners: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Local {
    thread: usize,
    buffers: Buffers,
    slots: Vec<Option<File>>,
    folder: i32,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(target: &'a Target, ranges: &'a Ranges) -> Self {
        Self {
            target,
            ranges,
            owners: AtomicU64::new(1),
        }
    }

    fn create(&self, local: &mut Local, slot: usize, writable: bool) -> Outcome {
        if local.slots[slot].is_some() {
            return Ok(0).into();
        }
        let name = format!("calls{}-{slot}", local.thread);
        match File::create(&name, self.owners.fetch_add(1, Relaxed), writable) {
            Ok(file) => {
                local.slots[slot] = Some(file);
                Ok(0).into()
            }
            Err(error) => Outcome {
                result: Err(error),
                wrong: Some("a file could not be created".to_owned()),
            },
        }
    }

    fn remove(&self, local: &mut Local, slot: usize) -> Outcome {
        let Some(file) = local.slots[slot].take() else {
            return Ok(0).into();
        };
        let wrong = file.check();
        self.ranges.leave(file.owner);
        let result = file.remove();
        let refused = result
            .err()
            .map(|error| format!("a file could not be deleted: {error}"));
        Outcome {
            result,
            wrong: wrong.or(refused),
        }
    }

    fn map(&self, local: &mut Local, slot: usize, call: &MapCreate, raw_io: bool) -> Outcome {
        if local.slots[slot].is_none() {
            let created = self.create(local, slot, true);
            if created.result.is_err() {
                return created;
            }
        }
        let Some(file) = &mut local.slots[slot] else {
            return Ok(0).into();
        };
        let verdict = reference::judge(call, &call.pieces(), self.target.rules);
        if !raw_io {
            sys::raw_io(false);
        }
        let result = local.buffers.map_create(file.fd, call);
        if !raw_io {
            sys::raw_io(true);
        }
        let complete = self.target.rules.complete;
        let must = if !raw_io {
            Some(Errno::EPERM)
        } else if !file.writable {
            Some(Errno::EBADF)
        } else if file.map.is_some() {
            Some(Errno::EEXIST)
        } else if unreadable(call) {
            Some(Errno::EFAULT)
        } else {
            None
        };
        let wrong = match result {
            Ok(_) => self.accepted(file, call, must, verdict),
            Err(error) => match must {
                Some(must) if complete && must != error => Some(format!("must be {must}")),
                _ if !errnos::map_create(call.abi, self.target.rules, false, error) => {
                    Some(format!("{error} is not on the list"))
                }
                None if matches!(verdict, Verdict::Good { .. })
                    && ![Errno::EBUSY, Errno::ENOMEM].contains(&error) =>
                {
                    Some("a good message was refused".to_owned())
                }
                _ => None,
            },
        };
        Outcome { result, wrong }
    }

    fn accepted(
        &self,
        file: &mut File,
        call: &MapCreate,
        must: Option<Errno>,
        verdict: Verdict,
    ) -> Option<String> {
        if let Some(must) = must {
            return Some(format!("must be {must}"));
        }
        let (size, ranges) = match verdict {
            Verdict::Bad(why) => return Some(format!("accepted in spite of: {why}")),
            Verdict::Good { size, ranges } | Verdict::Open { size, ranges } => (size, ranges),
        };
        let pieces = call.pieces();
        let (file_type, kind) = match call.abi {
            abi::Abi::V1 => (pieces.header[4], pieces.header[0]),
            abi::Abi::V2 => (pieces.header[8], pieces.header[12]),
            abi::Abi::V44 => (pieces.header[0], pieces.header[4]),
        };
        let wrong = self.ranges.enter(file.owner, &ranges).err();
        file.map = Some(Mapped {
            size,
            ranges,
            file_type: u32::from(file_type),
            interleaved: kind == 1,
        });
        wrong.or_else(|| file.mark()).or_else(|| file.check())
    }

    /// `MAP_GET` and its kin tell what was accepted.
    fn get(&self, local: &mut Local, slot: usize, command: u32, ptr: Ptr) -> Outcome {
        let Some(file) = &local.slots[slot] else {
            return Ok(0).into();
        };
        let count = file.map.as_ref().map_or(1, |map| map.ranges.len());
        let len = match command {
            abi::MAP_GET => 56,
            abi::MAP_GETEXT => 16 * count,
            _ => 448,
        };
        let (result, reply) = local.buffers.query(file.fd, command, len, ptr);
        let wrong = match (result, &file.map) {
            (Ok(_), None) => Some("a map where there is none".to_owned()),
            (Ok(_), Some(_)) if !ptr.writable() => Some("a reply where no memory is".to_owned()),
            (Ok(_), Some(map)) => compare(map, command, &reply),
            (Err(error), _) if !errnos::other(command, self.target.rules, false, error) => {
                Some(format!("{error} is not on the list"))
            }
            (Err(error), None) if error != Errno::EINVAL => Some("must be EINVAL".to_owned()),
            (Err(_), Some(_)) if ptr.writable() && command != abi::MAP_GET_V2 => {
                Some("a mapped file must tell its map".to_owned())
            }
            _ => None,
        };
        Outcome { result, wrong }
    }

    fn listed(&self, command: u32, result: Ret) -> Option<String> {
        let error = result.err()?;
        (!errnos::other(command, self.target.rules, false, error))
            .then(|| format!("{error} is not on the list"))
    }

    fn raw(&self, local: &mut Local, fd: i32, command: u32, bytes: &[u8], ptr: Ptr) -> Outcome {
        let at = local.buffers.header.place(bytes, ptr);
        // SAFETY: what is written goes to the arena, or to no memory of this process.
        let result = unsafe { sys::ioctl(fd, command, at) };
        let create = [abi::V1_MAP_CREATE, abi::V2_MAP_CREATE, abi::V44_MAP_CREATE];
        let wrong = if !create.contains(&command) {
            self.listed(command, result)
        } else if result.is_ok() {
            Some("random bytes were accepted".to_owned())
        } else {
            None
        };
        Outcome { result, wrong }
    }

    fn options(
        &self,
        local: &mut Local,
        command: u32,
        bits: u64,
        ptr: Ptr,
        raw_io: bool,
    ) -> Outcome {
        let at = local.buffers.header.place(&bits.to_le_bytes(), ptr);
        if !raw_io {
            sys::raw_io(false);
        }
        // SAFETY: the reply goes to the arena, or to no memory of this process.
        let result = unsafe { sys::ioctl(local.folder, command, at) };
        if !raw_io {
            sys::raw_io(true);
        }
        let get = command == abi::GET_OPTS;
        let unknown = bits & !abi::ALL_OPTIONS != 0;
        let wrong = match result {
            Ok(_) if !ptr.readable() => Some("a word where no memory is".to_owned()),
            Ok(_) if !get && !raw_io => Some("must be EPERM".to_owned()),
            Ok(_) if !get && unknown => Some("unknown bits were accepted".to_owned()),
            _ => self.listed(command, result),
        };
        Outcome { result, wrong }
    }

    fn device(&self, local: &mut Local, op: &Op) -> Outcome {
        let Op::Device {
            index,
            path,
            len,
            flags,
            message,
            name,
            raw_io,
        } = *op
        else {
            return Ok(0).into();
        };
        let path = match path {
            "own" => self.target.device.as_str(),
            "second" => self.target.second.as_deref().unwrap_or("/dev/none"),
            path => path,
        };
        let path = CString::new(path).unwrap_or_default();
        let bytes = path.as_bytes_with_nul();
        let padded: Vec<u8> = bytes
            .iter()
            .copied()
            .cycle()
            .take(bytes.len().max(8192))
            .collect();
        let name_at = local.buffers.list.place(
            if len as usize > bytes.len() {
                &padded
            } else {
                bytes
            },
            name,
        );
        let mut request = index.to_le_bytes().to_vec();
        request.extend((name_at as u64).to_le_bytes());
        request.extend(len.to_le_bytes());
        request.extend(flags.to_le_bytes());
        let at = local.buffers.header.place(&request, message);
        if !raw_io {
            sys::raw_io(false);
        }
        // SAFETY: the kernel only reads the request and the name.
        let result = unsafe { sys::ioctl(local.folder, abi::DAXDEV_OPEN, at) };
        if !raw_io {
            sys::raw_io(true);
        }
        let wrong = match result {
            Ok(_) => Some("a device was opened that cannot be".to_owned()),
            Err(error) if self.target.rules.complete && !raw_io && error != Errno::EPERM => {
                Some("must be EPERM".to_owned())
            }
            _ => self.listed(abi::DAXDEV_OPEN, result),
        };
        Outcome { result, wrong }
    }
}

/// Whether not even the part that every message has can be read.
fn unreadable(call: &MapCreate) -> bool {
    let pieces = call.pieces();
    let there = reference::there(call, &pieces).len();
    let fixed = if call.abi == abi::Abi::V44 {
        reference::HEADER_44
    } else {
        pieces.header.len()
    };
    there < fixed
}

/// What the kernel says of a map against what was accepted.
fn compare(map: &Mapped, command: u32, reply: &[u8]) -> Option<String> {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&reply[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let half = |at: usize| word(at & !7) >> (8 * (at & 7)) & 0xffff_ffff;
    let kind = u64::from(map.interleaved);
    let count = map.ranges.len() as u64;
    let told = match command {
        abi::MAP_GET => {
            half(0) == kind
                && half(4) == u64::from(map.file_type)
                && word(8) == map.size
                && word(16) == count
        }
        abi::MAP_GETEXT => map
            .ranges
            .iter()
            .enumerate()
            .all(|(n, range)| word(16 * n) == range.offset && word(16 * n + 8) == range.len),
        _ => word(0) == map.size && half(8) == u64::from(map.file_type) && half(12) == kind,
    };
    (!told).then(|| format!("told {reply:02x?} of {map:x?}"))
}

impl Phase for Calls<'_> {
    type Op = Op;
    type Local = Local;
    const NAME: &'static str = "calls";

    fn generate(&self, _thread: usize, rng: &mut Rng) -> Op {
        let slot = rng.index(SLOTS);
        let folder = rng.chance(5);
        match rng.below(100) {
            0..=1 => Op::Create { slot },
            2..=16 => Op::Remove { slot },
            17..=59 => Op::Map {
                slot,
                call: MapCreate::generate(rng, self.target.devices()),
                raw_io: folder || !rng.chance(3),
                folder,
            },
            60..=74 => Op::Get {
                slot,
                command: rng.pick(&[abi::MAP_GET, abi::MAP_GETEXT, abi::MAP_GET_V2]),
                ptr: Ptr::generate(rng, 15),
                folder,
            },
            75..=82 => Op::Raw {
                slot,
                command: raw_command(rng),
                bytes: (0..rng.below(512)).map(|_| rng.byte()).collect(),
                ptr: Ptr::generate(rng, 20),
                folder,
            },
            83..=88 => Op::Options {
                command: rng.pick(&[abi::GET_OPTS, abi::SET_OPTS, abi::CLEAR_OPTS]),
                // Only a bit that nothing here needs.
                bits: match rng.below(3) {
                    0 => abi::OPT_XATTR,
                    1 => 1 << (15 + rng.below(49)),
                    _ => rng.any() | 1 << 63,
                },
                ptr: Ptr::generate(rng, 15),
                raw_io: !rng.chance(10),
            },
            89..=93 => device(rng),
            _ => Op::Check { slot },
        }
    }

    fn kind(op: &Op) -> &'static str {
        match op {
            Op::Create { .. } => "create",
            Op::Remove { .. } => "remove",
            Op::Map { call, .. } => match call.abi {
                abi::Abi::V1 => "map_create",
                abi::Abi::V2 => "map_create_v2",
                abi::Abi::V44 => "map_create_44",
            },
            Op::Get { command, .. } => match *command {
                abi::MAP_GET => "map_get",
                abi::MAP_GETEXT => "map_getext",
                _ => "map_get_v2",
            },
            Op::Raw { .. } => "raw_ioctl",
            Op::Options { .. } => "options",
            Op::Device { .. } => "daxdev_open",
            Op::Check { .. } => "check",
        }
    }

    fn enter(&self, thread: usize) -> Local {
        Local {
            thread,
            buffers: Buffers::new(),
            slots: (0..SLOTS).map(|_| None).collect(),
            folder: sys::open(MOUNTPOINT, libc::O_RDONLY | libc::O_DIRECTORY)
                .expect("the mount point can be opened"),
        }
    }

    fn execute(&self, local: &mut Local, op: &Op) -> Outcome {
        match op {
            Op::Create { slot } => self.create(local, *slot, false),
            Op::Remove { slot } => self.remove(local, *slot),
            Op::Map {
                call, folder: true, ..
            } => {
                let result = local.buffers.map_create(local.folder, call);
                let wrong = match result {
                    Err(Errno::EISDIR) => None,
                    Err(Errno::ENOTTY) if !self.target.rules.complete => None,
                    _ => Some("a folder has no map: must be EISDIR".to_owned()),
                };
                Outcome { result, wrong }
            }
            Op::Map {
                slot, call, raw_io, ..
            } => self.map(local, *slot, call, *raw_io),
            Op::Get {
                command,
                ptr,
                folder: true,
                ..
            } => {
                let (result, _) = local.buffers.query(local.folder, *command, 448, *ptr);
                let wrong = match result {
                    Ok(_) => Some("a folder has no map".to_owned()),
                    Err(_) => self.listed(*command, result),
                };
                Outcome { result, wrong }
            }
            Op::Get {
                slot, command, ptr, ..
            } => self.get(local, *slot, *command, *ptr),
            Op::Raw {
                slot,
                command,
                bytes,
                ptr,
                folder,
            } => {
                let file = local.slots[*slot].as_ref().map(|file| file.fd);
                let fd = file.filter(|_| !folder).unwrap_or(local.folder);
                self.raw(local, fd, *command, bytes, *ptr)
            }
            Op::Options {
                command,
                bits,
                ptr,
                raw_io,
            } => self.options(local, *command, *bits, *ptr, *raw_io),
            Op::Device { .. } => self.device(local, op),
            Op::Check { slot } => Outcome {
                result: Ok(0),
                wrong: local.slots[*slot].as_ref().and_then(File::check),
            },
        }
    }

    fn leave(&self, mut local: Local) {
        for slot in 0..SLOTS {
            self.remove(&mut local, slot);
        }
        let _ = sys::close(local.folder);
    }
}

fn raw_command(rng: &mut Rng) -> u32 {
    let any = u32::try_from(rng.below(1 << 32)).unwrap_or(0);
    match rng.below(10) {
        0..=2 => rng.pick(abi::ALL),
        3..=6 => {
            // Of our magic, but of another number, size or direction.
            let command = any & 0xffff_00ff | 0x7500;
            if abi::ALL.contains(&command) {
                command ^ 0x80
            } else {
                command
            }
        }
        _ => rng.pick(VFS),
    }
}

fn device(rng: &mut Rng) -> Op {
    let path = rng.pick(&[
        "own",
        "second",
        "",
        "/",
        "/dev/null",
        "/dev/none",
        "/mnt/fuzz",
        "/proc/self/exe",
        "dev/pmem0",
        "/dev/pmem9",
        "/dev/dax9.9",
        "/dev/console",
        "/dev/none/none",
    ]);
    let exact = u32::try_from(path.len()).unwrap_or(0);
    Op::Device {
        index: if rng.chance(50) {
            rng.below(70)
        } else {
            rng.edge(64)
        },
        path,
        len: match rng.below(6) {
            0 => u32::try_from(rng.edge(4096) & 0xffff_ffff).unwrap_or(0),
            1 => 0,
            2 => exact + 1,
            _ => {
                if ["own", "second"].contains(&path) {
                    10
                } else {
                    exact
                }
            }
        },
        flags: if rng.chance(10) {
            1 << rng.below(32)
        } else {
            0
        },
        message: Ptr::generate(rng, 5),
        name: Ptr::generate(rng, 5),
        raw_io: !rng.chance(10),
    }
}
