//! Metadata through a famfs mount: `.meta/.superblock` and `.meta/.log`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;

use super::map::{Loads, Mapping};
use super::{Access, Error, io_error};
use famfs_machine::kernel::abi::{self, FileType, Simple};
use famfs_machine::kernel::{confined, mount};
use famfs_media::format::{LOG_LEN_MIN, LOG_OFFSET, Super, superblock};
use famfs_media::memory::Memory;

/// The folder of the two files; nothing in it is logged.
pub const DIR: &str = ".meta";
pub use famfs_machine::kernel::options::SUPERBLOCK;
pub const LOG: &str = ".meta/.log";

/// Both files as one window.
#[derive(Debug)]
pub struct MetaFiles {
    // Mappings go before the mount that they keep busy.
    superblock: Mapping,
    log: Mapping,
    _mount: Option<OwnedFd>,
}

impl MetaFiles {
    /// The metadata of a mounted file system, for reading.
    pub fn of_mount(mount_point: &Path) -> Result<Self, Error> {
        let root = confined::open_root(mount_point).map_err(io_error("open", mount_point))?;
        Self::open(root.as_fd(), false).map_err(io_error("read .meta of", mount_point))
    }

    /// Both files of the mount that has `root`.
    pub fn open(root: BorrowedFd<'_>, writable: bool) -> io::Result<Self> {
        let flags = if writable {
            OFlag::O_RDWR
        } else {
            OFlag::O_RDONLY
        };
        let map = |name: &str, writable: bool, flags: OFlag| {
            let file = File::from(confined::open(root, name.as_ref(), flags)?);
            let len = file.metadata()?.len();
            Mapping::new(file, len, Loads::Read, writable)
        };
        let superblock = map(SUPERBLOCK, false, OFlag::O_RDONLY)?;
        Ok(Self {
            superblock,
            log: map(LOG, writable, flags)?,
            _mount: None,
        })
    }

    /// The metadata of a device that is not mounted, by a mount nobody else sees: it is
    /// attached to no folder and ends with this value, or with the process.
    pub fn of_device(device: &Path, access: Access) -> Result<Self, Error> {
        let root = mount::detached(device, &mount::Options::default())?;
        let files = Self::create(root.as_fd(), access).map_err(io_error("map", device))?;
        Ok(Self {
            _mount: Some(root),
            ..files
        })
    }

    /// Makes both files in a fresh mount and maps them.
    fn create(root: BorrowedFd<'_>, access: Access) -> io::Result<Self> {
        let writable = access != Access::Read;
        make_superblock(root)?;
        let open = |name: &str| confined::open(root, name.as_ref(), OFlag::O_RDWR).map(File::from);
        let superblock = Mapping::new(open(SUPERBLOCK)?, LOG_OFFSET, Loads::Read, writable)?;
        let log_len = match access {
            Access::Format { log_len } => log_len,
            Access::Read => log_len_of(&superblock).unwrap_or(LOG_LEN_MIN),
        };
        make_log(root, log_len, 0o644)?;
        let log = Mapping::new(open(LOG)?, log_len, Loads::Read, writable)?;
        Ok(Self {
            superblock,
            log,
            _mount: None,
        })
    }

    /// The log file, which carries the lock.
    pub fn log_file(&self) -> &File {
        self.log.file()
    }

    fn part(&self, at: u64) -> (&Mapping, u64) {
        match at.checked_sub(LOG_OFFSET) {
            Some(in_log) => (&self.log, in_log),
            None => (&self.superblock, at),
        }
    }

    fn part_mut(&mut self, at: u64) -> (&mut Mapping, u64) {
        match at.checked_sub(LOG_OFFSET) {
            Some(in_log) => (&mut self.log, in_log),
            None => (&mut self.superblock, at),
        }
    }
}

/// The superblock as a mount shows it.
pub fn superblock_of(root: BorrowedFd<'_>) -> io::Result<Super> {
    let file = File::from(confined::open(root, SUPERBLOCK.as_ref(), OFlag::O_RDONLY)?);
    let mut memory = Mapping::new(file, LOG_OFFSET, Loads::Read, false)?;
    memory.invalidate(0, superblock::SIZE as u64)?;
    let memory: &dyn Memory = &memory;
    Ok(Super::parse(&memory.load_array(0)?))
}

/// The log length that a legal superblock at the start of `memory` names.
pub(super) fn log_len_of(memory: &dyn Memory) -> Option<u64> {
    let sb = Super::parse(&memory.load_array(0).ok()?);
    sb.check().is_ok().then(|| sb.log_len())
}

/// Makes `.meta/.superblock`, which shows the device's first 2 MiB. What is there
/// already stays.
pub fn make_superblock(root: BorrowedFd<'_>) -> io::Result<()> {
    match confined::mkdir(root, DIR.as_ref()) {
        Ok(dir) => confined::set_owner(&dir, 0, 0, 0o755)?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    make(
        root,
        SUPERBLOCK,
        0o444,
        FileType::Superblock,
        Simple {
            offset: 0,
            len: LOG_OFFSET,
        },
    )
}

/// Makes `.meta/.log`, which shows the log.
pub fn make_log(root: BorrowedFd<'_>, len: u64, mode: u32) -> io::Result<()> {
    make(
        root,
        LOG,
        mode,
        FileType::Log,
        Simple {
            offset: LOG_OFFSET,
            len,
        },
    )
}

fn make(root: BorrowedFd<'_>, name: &str, mode: u32, kind: FileType, at: Simple) -> io::Result<()> {
    let file = match confined::create(root, name.as_ref()) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let file = File::from(confined::open(root, name.as_ref(), OFlag::O_RDWR)?);
            if abi::is_mapped(file.as_fd())? {
                return Ok(());
            }
            file
        }
        Err(e) => return Err(e),
    };
    confined::set_owner(&file, 0, 0, mode)?;
    abi::map_meta(file.as_fd(), kind, at)
}

impl Memory for MetaFiles {
    fn len(&self) -> u64 {
        LOG_OFFSET + self.log.len()
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let (part, at) = self.part(at);
        part.load(at, into)
    }

    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (part, at) = self.part_mut(at);
        part.store(at, bytes)
    }

    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        let (part, at) = self.part_mut(at);
        part.publish(at, value)
    }

    fn publish_pair(&mut self, at: u64, pair: [u64; 2]) -> io::Result<()> {
        let (part, at) = self.part_mut(at);
        part.publish_pair(at, pair)
    }

    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        let (part, at) = self.part_mut(at);
        part.flush(at, len)
    }

    fn fence(&mut self) -> io::Result<()> {
        self.log.fence()
    }

    fn invalidate(&mut self, at: u64, len: u64) -> io::Result<()> {
        let (part, at) = self.part_mut(at);
        part.invalidate(at, len)
    }
}
