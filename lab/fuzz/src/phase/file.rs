//! A file that belongs to one thread: the thread knows everything about it.

use std::{ffi::CString, os::fd::RawFd};

use nix::errno::Errno;

use crate::{
    abi::{Extent, V2_INTERLEAVED},
    arena::{Arena, Ptr},
    message::MapCreate,
    oracle::ranges::Owner,
    sys::{self, Ret},
    target,
};

const PAGE: u64 = 4096;

/// Buffers for the pieces of a message.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub header: Arena,
    pub list: Arena,
    pub strips: Arena,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self {
            header: Arena::new(),
            list: Arena::new(),
            strips: Arena::new(),
        }
    }

    /// Sends a message whose pieces may have been changed.
    pub(crate) fn map_create(&mut self, fd: RawFd, call: &MapCreate) -> Ret {
        let mut pieces = call.pieces();
        let strips = self.strips.place(&pieces.strips, call.strips);
        if let crate::abi::Layout::Interleaved(all) = &call.map.layout {
            let mut at = strips;
            let heads = pieces.list.chunks_exact_mut(V2_INTERLEAVED);
            for (head, one) in heads.zip(all) {
                head[24..].copy_from_slice(&(at as u64).to_le_bytes());
                at = at.wrapping_add(one.strips.len() * crate::abi::EXTENT);
            }
        }
        let list = self.list.place(&pieces.list, call.list);
        if call.abi == crate::abi::Abi::V2 {
            pieces.header[24..].copy_from_slice(&(list as u64).to_le_bytes());
        }
        let header = self.header.place(&pieces.header, call.header);
        // SAFETY: the kernel only reads the message.
        unsafe { sys::ioctl(fd, call.abi.command(), header) }
    }

    /// An ioctl that answers; the reply, if it was available.
    pub(crate) fn query(
        &mut self,
        fd: RawFd,
        command: u32,
        len: usize,
        ptr: Ptr,
    ) -> (Ret, Vec<u8>) {
        let at = self.header.reply(len, ptr);
        // SAFETY: the reply goes to the arena, or to no memory of this process.
        let result = unsafe { sys::ioctl(fd, command, at) };
        let reply = if ptr.writable() {
            self.header.read(len)
        } else {
            Vec::new()
        };
        (result, reply)
    }
}

/// What the kernel accepted.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub size: u64,
    pub ranges: Vec<Extent>,
    pub file_type: u32,
    pub interleaved: bool,
}

#[derive(Debug)]
pub(crate) struct File {
    pub name: CString,
    pub fd: RawFd,
    pub writable: bool,
    pub owner: Owner,
    pub map: Option<Mapped>,
}

impl File {
    pub(crate) fn create(name: &str, owner: Owner, writable: bool) -> Result<Self, Errno> {
        let name = target::path(name);
        let access = if writable {
            libc::O_RDWR
        } else {
            libc::O_RDONLY
        };
        let fd = sys::open(&name, access | libc::O_CREAT | libc::O_EXCL)?;
        Ok(Self {
            name,
            fd,
            writable,
            owner,
            map: None,
        })
    }

    /// Pages that carry a tag: the first, the last, and one between.
    fn tagged(&self) -> Vec<u64> {
        let pages = self.map.as_ref().map_or(0, |map| map.size / PAGE);
        match pages {
            0 => Vec::new(),
            _ => vec![0, pages / 2, pages - 1],
        }
    }

    fn tag(&self, page: u64) -> [u8; 16] {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&self.owner.to_le_bytes());
        tag[8..].copy_from_slice(&(page ^ 0x7461_6767_6564_0000).to_le_bytes());
        tag
    }

    /// Makes the content this file's own.
    pub(crate) fn mark(&self) -> Option<String> {
        for page in self.tagged() {
            let written = sys::pwrite(self.fd, &self.tag(page), page * PAGE);
            if written != Ok(16) {
                return Some(format!(
                    "a write to page {page} of a mapped file gave {written:?}"
                ));
            }
        }
        None
    }

    /// Whether the content, the size and the end of the file are as they must be.
    pub(crate) fn check(&self) -> Option<String> {
        let size = self.map.as_ref()?.size;
        if self.writable {
            for page in self.tagged() {
                let mut found = [0; 16];
                let read = sys::pread(self.fd, &mut found, page * PAGE);
                if read != Ok(16) || found != self.tag(page) {
                    return Some(format!(
                        "page {page} of file {} reads {found:02x?} ({read:?}), not its own {:02x?}",
                        self.owner,
                        self.tag(page)
                    ));
                }
            }
            let past = sys::pwrite(self.fd, b"x", size);
            if past != Err(Errno::ENOSPC) {
                return Some(format!("a write at the end gave {past:?}"));
            }
        }
        let past = sys::pread(self.fd, &mut [0], size);
        if past != Ok(0) {
            return Some(format!("a read at the end gave {past:?}"));
        }
        let stat = nix::sys::stat::stat(self.name.as_c_str()).map(|stat| stat.st_size);
        if stat != Ok(i64::try_from(size).unwrap_or(-1)) {
            return Some(format!("the size is {stat:?}, not {size}"));
        }
        None
    }

    /// Closes and deletes: afterwards nothing owns the ranges.
    pub(crate) fn remove(self) -> Ret {
        let _ = sys::close(self.fd);
        sys::on_path(libc::SYS_unlink, &self.name, [])
    }
}
